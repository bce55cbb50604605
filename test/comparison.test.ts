/** Verdicts on made-up runs whose answers are known by hand. */
import { DOMParser } from 'linkedom';
import { describe, expect, it } from 'vitest';
import {
  type Claim,
  comparisonFigure,
  comparisonReport,
  comparisonTable,
  judgeClaims,
} from '../src/experiments/comparison-report.ts';
import {
  type ComparisonConfig,
  type ComparisonRun,
  quickComparison,
} from '../src/experiments/main-comparison.ts';
import { type MainMethod, mainMethods } from '../src/experiments/methods.ts';

/** Of one method: test accuracies in percent by seed, and the early gradient norm squared (1 unless told). */
interface Outcome {
  readonly accuracies: readonly number[];
  readonly early?: number;
  readonly late?: number;
  readonly status?: 'finished' | 'diverged';
}

function madeUpRuns(outcomes: Readonly<Record<MainMethod, Outcome>>): ComparisonRun[] {
  return mainMethods.flatMap((method) => {
    const { accuracies, early = 1, late = 1, status = 'finished' } = outcomes[method];
    return accuracies.map((accuracy, seed): ComparisonRun => {
      const point = (step: number, microGradientNorm2: number) => ({
        step,
        epoch: step,
        trainLoss: 1,
        penalty: 0,
        validationLoss: 1,
        validationAccuracy: accuracy / 100,
        microGradientNorm2,
        microGradientNorm: Math.sqrt(microGradientNorm2),
        updateNorm: 1,
        imagesPerSecond: 1,
        peakBytes: 1,
        seconds: step,
      });
      return {
        method,
        seed,
        config: {
          method,
          model: { family: 'mlp', inputs: 1, hidden: [], classes: 2, activation: 'relu' },
          batch: 4,
          microBatch: 2,
          learningRate: 0.2,
          lambda: method === 'SB' || method === 'LB' ? 0 : 0.01,
          steps: 4,
          seed,
          evaluateEvery: 1,
          measureBatches: 1,
          augment: false,
        },
        result: {
          status,
          bestStep: 4,
          bestValidationAccuracy: accuracy / 100,
          testAccuracy: accuracy / 100,
          finalTestAccuracy: accuracy / 100,
          averageMicroGradientNorm2: (early + late) / 2,
          seconds: 2,
          points: [point(1, early), point(2, early), point(3, late), point(4, late)],
        },
      };
    });
  });
}

/** What the paper reports, in small: SB 90, LB 80, GN and FT near SB, AJ and UJ near LB; norms follow. */
const asInThePaper: Record<MainMethod, Outcome> = {
  SB: { accuracies: [90, 91, 90], early: 1 },
  LB: { accuracies: [80, 81, 80], early: 20 },
  GN: { accuracies: [89, 90, 89], early: 1.2 },
  FT: { accuracies: [88, 89, 88], early: 1.5 },
  AJ: { accuracies: [82, 83, 82], early: 5 },
  UJ: { accuracies: [81, 82, 81], early: 9 },
};

function everyMethod(outcome: (method: MainMethod, at: number) => Outcome): Record<MainMethod, Outcome> {
  return Object.fromEntries(mainMethods.map((method, at) => [method, outcome(method, at)])) as Record<
    MainMethod,
    Outcome
  >;
}

function verdicts(outcomes: Readonly<Record<MainMethod, Outcome>>): string[] {
  return judgeClaims(madeUpRuns(outcomes)).map(({ id, verdict }) => `${id} ${verdict}`);
}

function find(claims: readonly Claim[], text: string): Claim {
  const [claim, ...others] = claims.filter(({ claim }) => claim.includes(text));
  expect(others).toEqual([]);
  return claim;
}

describe('the claims', () => {
  it('all hold on results like those of the paper', () => {
    expect(verdicts(asInThePaper)).toEqual([
      'H0 holds',
      'H1 holds',
      'H1 holds',
      'H2 holds',
      'H2 holds',
      'H3 holds',
    ]);
  });

  it('come with their numbers', () => {
    const claims = judgeClaims(madeUpRuns(asInThePaper));
    expect(find(claims, 'Small-batch').evidence).toBe('SB - LB = +10.00 ± 0.00 (95 %, n = 3) points');
    expect(find(claims, 'LB + GN').evidence).toBe(
      'GN - LB = +9.00 ± 0.00 (95 %, n = 3) points, 90 % of the gap',
    );
    expect(find(claims, 'LB + UJ').evidence).toContain('+1.00 ± 0.00 (95 %, n = 3) points, 10 % of the gap');
    expect(find(claims, 'early').evidence).toBe(
      'rank correlation 1.00 over 5 methods; closest to SB first: GN, FT, AJ, UJ, LB',
    );
  });

  it('fail where the penalties do the opposite', () => {
    expect(
      verdicts({
        ...asInThePaper,
        GN: { accuracies: [81, 82, 81], early: 9 },
        FT: { accuracies: [80, 81, 80], early: 3 },
        AJ: { accuracies: [89, 90, 89], early: 15 },
        UJ: { accuracies: [90, 91, 90], early: 19 },
        LB: { accuracies: [80, 81, 80], early: 2 },
      }),
    ).toEqual([
      'H0 holds',
      'H1 does not hold',
      'H1 does not hold',
      'H2 does not hold',
      'H2 does not hold',
      'H3 does not hold',
    ]);
  });

  it('of recovery cannot be decided without a gap', () => {
    const claims = judgeClaims(madeUpRuns({ ...asInThePaper, SB: { accuracies: [79, 80, 79] } }));
    expect(find(claims, 'Small-batch').verdict).toBe('does not hold');
    for (const method of ['GN', 'FT', 'AJ', 'UJ']) {
      const { verdict, evidence } = find(claims, `LB + ${method}`);
      expect(verdict).toBe('not decidable');
      expect(evidence).toMatch(/, the gap itself not being established$/);
    }
  });

  it('are not decided by one seed, nor by seeds that disagree', () => {
    const one = everyMethod((method) => ({ ...asInThePaper[method], accuracies: [92] }));
    const single = judgeClaims(madeUpRuns(one)).filter(({ id }) => id !== 'H3');
    expect(single.map(({ verdict }) => verdict)).toEqual(Array(5).fill('not decidable'));
    expect(single[0].evidence).toBe('SB - LB = +0.00 (n = 1) points');

    // Differences 25, -5, 10: mean 10, deviation 15, half width 4.303 * 15 / sqrt(3) = 37.27.
    const spread = judgeClaims(madeUpRuns({ ...asInThePaper, SB: { accuracies: [105, 76, 90] } }));
    expect(find(spread, 'Small-batch')).toMatchObject({
      verdict: 'not decidable',
      evidence: 'SB - LB = +10.00 ± 37.27 (95 %, n = 3) points',
    });
    // A clear gap, and a penalty that recovers 5 ± 7.45 of 10.
    const unsure = judgeClaims(madeUpRuns({ ...asInThePaper, GN: { accuracies: [82, 86, 88] } }));
    expect(find(unsure, 'LB + GN').verdict).toBe('not decidable');
    expect(find(unsure, 'LB + FT').verdict).toBe('holds');
  });

  it('pair the runs by seed, in whatever order they come', () => {
    const shuffled = madeUpRuns({
      ...asInThePaper,
      SB: { accuracies: [90, 71, 100] },
      LB: { accuracies: [80, 61, 90] },
    });
    // Last seed first, for SB alone.
    shuffled.splice(0, 3, ...shuffled.slice(0, 3).reverse());
    expect(find(judgeClaims(shuffled), 'Small-batch')).toMatchObject({
      verdict: 'holds',
      evidence: 'SB - LB = +10.00 ± 0.00 (95 %, n = 3) points',
    });
  });
});

describe('the claim on gradient norms', () => {
  const claimOf = (changes: Partial<Record<MainMethod, Outcome>>) =>
    find(judgeClaims(madeUpRuns({ ...asInThePaper, ...changes })), 'early');

  it('looks at the first half of the run only', () => {
    const late = everyMethod((method, at) => ({ ...asInThePaper[method], late: 100 ** (6 - at) }));
    expect(claimOf(late).verdict).toBe('holds');
  });

  it('counts a norm below that of SB as far as one above by the same factor', () => {
    expect(claimOf({ GN: { accuracies: [89, 90, 89], early: 0.1 } }).evidence).toContain(
      'closest to SB first: FT, AJ, UJ, GN, LB',
    );
  });

  it('is undecided between', () => {
    // Ranks of distance 1 2 3 4 5 against ranks of loss 3 2 1 4 5: 1 - 6 * 8 / 120 = 0.6.
    expect(
      claimOf({ GN: { accuracies: [82, 83, 82], early: 1.2 }, AJ: { accuracies: [89, 90, 89], early: 5 } }),
    ).toMatchObject({ verdict: 'not decidable', evidence: expect.stringContaining('rank correlation 0.60') });
  });

  it('gives equal accuracies their mean rank', () => {
    // Accuracy ranks 1.5 1.5 3 4 5 against 1 2 3 4 5: Pearson's 9.5 / sqrt(10 * 9.5) = 0.9747.
    expect(claimOf({ FT: { accuracies: [89, 90, 89], early: 1.5 } }).evidence).toContain('correlation 0.97');
  });

  it('is undecided where all are equal or a norm is not a number', () => {
    const equal = everyMethod((method) => ({ ...asInThePaper[method], accuracies: [50, 50, 50] }));
    for (const changes of [equal, { AJ: { accuracies: [82, 83, 82], early: Number.NaN } }]) {
      const { verdict, evidence } = claimOf(changes);
      expect(verdict).toBe('not decidable');
      expect(evidence).toMatch(/^no rank correlation: /);
    }
  });
});

describe('the report', () => {
  const config: ComparisonConfig = { ...quickComparison, data: 'made-up images', seeds: [0, 1, 2] };

  it('has a row for each method with mean and deviation over seeds', () => {
    const lines = comparisonTable(madeUpRuns(asInThePaper)).split('\n');
    expect(lines).toHaveLength(2 + mainMethods.length);
    const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    expect(cells.slice(2).map(([, method]) => method)).toEqual([...mainMethods]);
    // Accuracies 90, 91, 90: mean 90.33, deviation sqrt(1/3) = 0.58.
    expect(cells[2].slice(1, -1)).toEqual([
      'SB',
      '0.2',
      '',
      '90.33 ± 0.58',
      '90.33 ± 0.58',
      '1.000 ± 0.000',
      '2.0 ± 0.0',
    ]);
    expect(cells[4].slice(1, 4)).toEqual(['GN', '0.2', '0.01']);
  });

  it('tells every claim with its verdict, and which runs diverged', () => {
    const runs = madeUpRuns({ ...asInThePaper, UJ: { ...asInThePaper.UJ, status: 'diverged' } });
    const text = comparisonReport(config, runs, 'some device');
    const claims = text.split('\n').filter((line) => line.startsWith('- H'));
    expect(claims.map((line) => line.slice(0, 10))).toEqual([
      '- H0 HOLDS',
      '- H1 HOLDS',
      '- H1 HOLDS',
      '- H2 HOLDS',
      '- H2 HOLDS',
      '- H3 HOLDS',
    ]);
    expect(text).toContain('made-up images');
    expect(text).toContain('on some device.');
    expect(text).toContain('Diverged: UJ with seed 0, UJ with seed 1, UJ with seed 2.');
    expect(comparisonReport(config, madeUpRuns(asInThePaper), 'x')).not.toContain('Diverged');
  });

  it('draws both quantities for every method, even where one is not a number', () => {
    const runs = madeUpRuns({ ...asInThePaper, AJ: { accuracies: [82, 83, 82], early: Number.NaN } });
    const svg = comparisonFigure(config, runs);
    const { documentElement } = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(documentElement.tagName).toBe('svg');
    for (const text of [...mainMethods, 'Validation accuracy', 'Average micro-batch gradient norm']) {
      expect(svg).toContain(text);
    }
    expect(svg).not.toContain('NaN');
  });
});
