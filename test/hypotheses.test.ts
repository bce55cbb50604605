/** Verdicts on made-up runs whose answers are known by hand. */
import { describe, expect, it } from 'vitest';
import { hypothesesTable, type Judgement, judge } from '../src/experiments/hypotheses.ts';
import type { Row } from '../src/experiments/paper/experiment.ts';
import type { RowResult, SettingResults } from '../src/experiments/paper/results.ts';
import { settings } from '../src/experiments/paper/settings.ts';
import { csvOf } from '../src/experiments/report-table.ts';
import { experiments } from '../src/experiments/reproduce.ts';
import { anyConfig, madeUpRun, type Outcome } from './made-up-runs.ts';

/** Of a row: by seed. `undefined` is a run that is still to be made. */
type Outcomes = Readonly<Record<string, readonly (Outcome | undefined)[]>>;

const keys = { quick: settings.quick, resnet100: settings.resnet100, vgg16on100: settings.vgg16on100 };

function results(outcomes: Outcomes, key: keyof typeof keys = 'quick'): SettingResults {
  // The main comparison last: its README numbers are those that a report takes.
  const known = new Map<string, Row>(
    Object.values(experiments)
      .reverse()
      .flatMap(({ rows }) => rows(key, keys[key]))
      .map((row) => [row.name, row]),
  );
  const rows = Object.entries(outcomes).map(([name, bySeed]): [string, RowResult] => {
    const row = known.get(name);
    if (!row) throw new Error(`No experiment has the row ${name}.`);
    const runs = bySeed.map((outcome, seed) => ({
      seed,
      record: outcome && madeUpRun(`${name}-${seed}`, anyConfig, outcome),
    }));
    return [name, { row, runs }];
  });
  return { setting: keys[key], rows: new Map(rows) };
}

/** Three seeds around an accuracy, the same ups and downs for every row. */
function around(accuracy: number, early?: number, late?: number): Outcome[] {
  return [0, 1, 0.5].map((more) => ({ accuracy: accuracy + more, early, late }));
}

/** What the paper reports, in small: SB 90, LB 80, GN and FT near SB, AJ and UJ near LB; norms follow. */
const asInThePaper: Outcomes = {
  SB: around(90, 1, 1),
  LB: around(80, 20, 20),
  GN: around(89, 1.2, 0.5),
  FT: around(88, 1.5, 0.9),
  AJ: around(82, 5, 5),
  UJ: around(81, 9, 9),
  'GN, |M| = 24': around(81),
  'FT, |M| = 24': around(80.5),
  '|S| = 8': around(88),
  '|S| = 16': around(87),
  '|S| = 24': around(84),
  IterGraft: around(89),
  ExterGraft: around(89.5),
  NGD: around(88),
};

function judged(changes: Outcomes, key?: keyof typeof keys): Judgement[] {
  return judge([results({ ...asInThePaper, ...changes }, key)]);
}

function find(judgements: readonly Judgement[], text: string): Judgement {
  const [found, ...others] = judgements.filter(({ claim, id }) => `${id} ${claim}`.includes(text));
  expect(others).toEqual([]);
  return found;
}

describe('the claims', () => {
  it('hold on results like those of the paper, but what is said of a hundred classes and of none here', () => {
    const told = judged({}).map(({ id, verdict }) => `${id} ${verdict}`);
    expect(told).toEqual([
      'H0 holds',
      'H1 holds',
      'H1 holds',
      'H2 holds',
      'H2 holds',
      'H3 holds',
      'H4 holds',
      'H4 holds',
      'H5 holds',
      'H5 holds',
      'H6 holds',
      'H6 holds',
      'H6 holds',
      "H6' not run",
      'H7 holds',
      'H7 holds',
      'H7 holds',
      // Copied lengths recovered here, so they were enough.
      'H8 does not hold',
    ]);
  });

  it('come with effect, interval, n and the number of the README', () => {
    const differing = judged({ SB: [{ accuracy: 91 }, { accuracy: 92 }, { accuracy: 94.5 }] });
    // Differences 11, 11, 14: mean 12, deviation sqrt(3), half width 4.303.
    expect(find(differing, 'H0')).toMatchObject({ effect: { mean: 12, n: 3 }, quantity: 'SB − LB' });
    expect(find(differing, 'H0').effect?.halfWidth).toBeCloseTo(4.303, 10);
    expect(find(differing, 'H0').readme).toBeCloseTo(2.81, 10);
    const paired = judged({});
    expect(find(paired, 'H1 LB with GN')).toMatchObject({
      detail: 'GN − LB = +9.00 ± 0.00 (n = 3), 90 % of the gap',
    });
    // 91.75 - (92.64 + 89.83) / 2
    expect(find(paired, 'H1 LB with GN').readme).toBeCloseTo(0.515, 10);
    // Its numbers are of two models and data sets.
    expect(find(paired, 'H4 GN').readme).toBeUndefined();
  });

  it('fail where the penalties do the opposite', () => {
    const opposite = judged({
      GN: around(81, 9, 5),
      FT: around(80, 3, 9),
      AJ: around(89, 15),
      UJ: around(90, 19),
      LB: around(80, 0.5),
      'GN, |M| = 24': around(85),
      'FT, |M| = 24': around(85),
      '|S| = 8': around(80),
      IterGraft: around(80),
      ExterGraft: around(81),
      NGD: around(79),
    });
    const verdict = (text: string) => find(opposite, text).verdict;
    expect(verdict('H1 LB with GN')).toBe('does not hold');
    expect(verdict('H2 LB with UJ')).toBe('does not hold');
    expect(verdict('H3')).toBe('does not hold');
    expect(verdict('H4 GN')).toBe('does not hold');
    expect(verdict('H5 Penalising')).toBe('does not hold');
    expect(verdict('H6 NGD')).toBe('does not hold');
    expect(verdict('H7 Without')).toBe('does not hold');
    expect(verdict('H7 GN drives')).toBe('does not hold');
    expect(verdict('H8')).toBe('holds');
  });

  it('of recovery are not decidable without a gap, and say so', () => {
    const none = judged({ SB: around(79) });
    expect(find(none, 'H0').verdict).toBe('does not hold');
    for (const text of ['H1 LB with GN', 'H2 LB with AJ', 'H3', 'H6 NGD', 'H8']) {
      expect(find(none, text)).toMatchObject({
        verdict: 'not decidable',
        detail: expect.stringContaining('that SB is above LB is not established: -1.00 ± 0.00 (n = 3)'),
      });
    }
    // Whether accuracy falls with |M| can be seen without SB.
    expect(find(none, 'H4 GN').verdict).toBe('holds');
  });

  it('are not decided by one seed, by seeds that disagree, or by nothing', () => {
    const single = judge([
      results(Object.fromEntries(Object.entries(asInThePaper).map(([name, [first]]) => [name, [first]]))),
    ]);
    for (const { verdict, id } of single) expect(verdict, id).toMatch(/^not (decidable|run)$/);
    expect(find(single, 'H0').detail).toBe('one seed decides nothing');
    const unsure = judged({ SB: [{ accuracy: 105 }, { accuracy: 76 }, { accuracy: 90 }] });
    expect(find(unsure, 'H0')).toMatchObject({ verdict: 'not decidable', detail: 'the interval includes 0' });
    const unmade = judged({ SB: [undefined, undefined, undefined] });
    expect(find(unmade, 'H0')).toMatchObject({
      verdict: 'not decidable',
      effect: { n: 0 },
      detail: 'no seed has finished in all of its rows',
    });
  });

  it('pair by seed and leave out pairs with a run that diverged or is missing', () => {
    const holes = judged({
      SB: [{ accuracy: 90 }, { accuracy: 10, status: 'diverged' }, undefined, { accuracy: 95 }],
      LB: [{ accuracy: 80 }, { accuracy: 80 }, { accuracy: 80 }, { accuracy: 85 }],
    });
    expect(find(holes, 'H0').effect).toEqual({ mean: 10, halfWidth: 0, n: 2 });
  });

  it('without the rows of any setting are told as not run, each number once', () => {
    const few = judge([results({ SB: around(90), LB: around(80, 2) })]);
    expect(few.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([
      'H0 holds',
      'H1 not run',
      'H2 not run',
      'H3 not run',
      'H4 not run',
      'H5 not run',
      'H6 not run',
      "H6' not run",
      'H7 holds',
      'H8 not run',
    ]);
  });
});

describe('on a hundred classes', () => {
  const rows = {
    SB: around(70),
    LB: around(60),
    IterGraft: around(62),
    ExterGraft: around(69),
    NGD: around(59),
  };

  it('grafting is expected not to recover', () => {
    const all = judge([results(rows, 'resnet100')]);
    expect(find(all, 'H6 NGD')).toMatchObject({ verdict: 'holds', setting: 'ResNet-18/CIFAR-100' });
    expect(find(all, 'H6 NGD').claim).toContain('does not recover');
    expect(find(all, 'H6 ExterGraft').verdict).toBe('does not hold');
    expect(find(all, 'H8').verdict).toBe('does not hold');
  });

  it('but for VGG-16, where external grafting is', () => {
    const all = judge([results(rows, 'vgg16on100')]);
    expect(find(all, "H6' ")).toMatchObject({ verdict: 'holds' });
    expect(find(all, "H6' ").claim).toContain('ExterGraft recovers');
    expect(find(all, 'H6 IterGraft').claim).toContain('does not recover');
  });
});

describe('the claim on gradient norms', () => {
  const effect = (changes: Outcomes) => find(judged(changes), 'H3').effect?.mean;

  it('is a rank correlation of accuracy with closeness in ratio, early in training', () => {
    expect(effect({})).toBeCloseTo(1, 12);
    // Below SB by a factor of 10 is farther than above by 9: GN goes from the first place to the fourth.
    expect(effect({ GN: around(89, 0.1) })).toBeCloseTo(1 - (6 * (9 + 1 + 1 + 1)) / 120, 12);
    expect(effect({ GN: around(89, 1.2, 1000) })).toBeCloseTo(1, 12);
  });

  it('is not decidable where a norm is not a number, or all are equal', () => {
    const cases: Outcomes[] = [
      { AJ: around(82, Number.NaN) },
      { LB: around(80), GN: around(80), FT: around(80), AJ: around(80), UJ: around(80) },
    ];
    for (const changes of cases) {
      expect(find(judged(changes), 'H3').verdict).toBe('not decidable');
    }
  });
});

describe('the table of verdicts', () => {
  it('names the source of what was only recalled or inferred', () => {
    const text = csvOf(hypothesesTable(judged({})));
    expect(text).toContain('[recalled, not read]');
    expect(text).toContain('[our inference]');
    expect(text.split('\n')[0]).toContain('effect,effect: half width,effect: n');
  });
});
