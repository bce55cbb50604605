/** What the main comparison found: a table, a figure, and a verdict on each of the paper's claims. */

import { acrossSeeds, lineFigure } from './figure.ts';
import type { ComparisonConfig, ComparisonRun } from './main-comparison.ts';
import { type MainMethod, mainMethods } from './methods.ts';
import type { RunPoint } from './run-training.ts';
import {
  deviation,
  exceeds,
  mean,
  type PairedDifference,
  pairedDifference,
  type Verdict,
} from './statistics.ts';
import { formatTable } from './table.ts';

/** Runs of one method in order of the seeds. */
function runsOf(runs: readonly ComparisonRun[], method: MainMethod): ComparisonRun[] {
  return runs.filter((run) => run.method === method).sort((a, b) => a.seed - b.seed);
}

/** One row a method: test accuracy, gradient norm and time, mean ± standard deviation over seeds. */
export function comparisonTable(runs: readonly ComparisonRun[]): string {
  const rows = mainMethods.map((method) => {
    const results = runsOf(runs, method).map(({ result }) => result);
    const { learningRate, lambda } = runsOf(runs, method)[0].config;
    return [
      method,
      String(learningRate),
      lambda === 0 ? '' : String(lambda),
      spread(
        results.map((r) => 100 * r.testAccuracy),
        2,
      ),
      spread(
        results.map((r) => 100 * r.bestValidationAccuracy),
        2,
      ),
      spread(
        results.map((r) => r.averageMicroGradientNorm2),
        3,
      ),
      spread(
        results.map((r) => r.seconds),
        1,
      ),
    ];
  });
  return formatTable(
    [
      'method',
      'rate',
      'lambda',
      'test accuracy, %',
      'validation, %',
      'micro-batch gradient norm²',
      'seconds',
    ],
    rows,
  );
}

function spread(values: readonly number[], digits: number): string {
  return values.length < 2
    ? values[0].toFixed(digits)
    : `${mean(values).toFixed(digits)} ± ${deviation(values).toFixed(digits)}`;
}

/** Validation accuracy and micro-batch gradient norm against updates, one line a method, a band over seeds. */
export function comparisonFigure(config: ComparisonConfig, runs: readonly ComparisonRun[]): string {
  const series = (value: (point: RunPoint) => number) =>
    mainMethods.map((method) => ({
      name: method,
      points: acrossSeeds(
        runsOf(runs, method).map(({ result }) =>
          result.points.map((point) => ({ x: point.step, y: value(point) })),
        ),
        'std',
      ),
    }));
  return lineFigure({
    title: 'Small batch, large batch, and four penalties',
    subtitle:
      `${config.data}, ${config.trainImages} training images, ${config.model}, |B| = ` +
      `${config.microBatch * config.microBatches}, |M| = ${config.microBatch}; mean of ${config.seeds.length} seeds, ` +
      'band ± one standard deviation',
    panels: [
      {
        title: 'Validation accuracy',
        xLabel: 'updates',
        yLabel: 'accuracy, %',
        series: series((point) => 100 * point.validationAccuracy),
      },
      {
        title: 'Average micro-batch gradient norm',
        xLabel: 'updates',
        yLabel: 'squared norm',
        logY: true,
        series: series((point) => point.microGradientNorm2),
      },
    ],
  });
}

export interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly verdict: Verdict;
  /** The numbers behind the verdict. */
  readonly evidence: string;
}

/** The paper's claims on these runs. A claim is decided only if the 95 % interval of paired differences allows. */
export function judgeClaims(runs: readonly ComparisonRun[]): Claim[] {
  const accuracy = (method: MainMethod) =>
    runsOf(runs, method).map(({ result }) => 100 * result.testAccuracy);
  const gap = pairedDifference(accuracy('SB'), accuracy('LB'));
  const claims: Claim[] = [
    {
      id: 'H0',
      claim: 'Small-batch SGD tests better than large-batch SGD',
      verdict: exceeds(gap),
      evidence: `SB - LB = ${points(gap)}`,
    },
  ];
  for (const method of ['GN', 'FT'] as const) {
    const gain = pairedDifference(accuracy(method), accuracy('LB'));
    const half = pairedDifference(accuracy(method), halfway(accuracy('SB'), accuracy('LB')));
    claims.push({
      id: 'H1',
      claim: `LB + ${method} recovers at least half of what LB loses to SB`,
      verdict: needsGap(gap, exceeds(half)),
      evidence: `${method} - LB = ${points(gain)}${share(gain, gap)}`,
    });
  }
  for (const method of ['AJ', 'UJ'] as const) {
    const gain = pairedDifference(accuracy(method), accuracy('LB'));
    const half = pairedDifference(halfway(accuracy('SB'), accuracy('LB')), accuracy(method));
    claims.push({
      id: 'H2',
      claim: `LB + ${method} does not recover it (less than half)`,
      verdict: needsGap(gap, exceeds(half)),
      evidence: `${method} - LB = ${points(gain)}${share(gain, gap)}`,
    });
  }
  claims.push(gradientNormClaim(runs, gap));
  return claims;
}

/** H3: among the penalties, the closer the early gradient norm to SB's, the better the test accuracy. */
function gradientNormClaim(runs: readonly ComparisonRun[], gap: PairedDifference): Claim {
  const early = (method: MainMethod) =>
    mean(
      runsOf(runs, method).flatMap(({ result }) =>
        result.points
          .slice(0, Math.ceil(result.points.length / 2))
          .map((point) => Math.log(point.microGradientNorm2)),
      ),
    );
  const others = mainMethods.filter((method) => method !== 'SB');
  const distance = (method: MainMethod) => Math.abs(early(method) - early('SB'));
  const ranked = [...others].sort((a, b) => distance(a) - distance(b));
  const accuracy = (method: MainMethod) =>
    mean(runsOf(runs, method).map(({ result }) => result.testAccuracy));
  const rank = rankCorrelation(
    others.map(distance),
    others.map((method) => -accuracy(method)),
  );
  return {
    id: 'H3',
    claim: 'Recovery goes with a micro-batch gradient norm close to that of SB early in training',
    // Of the 120 orders of five methods, 5 have a rank correlation of 0.9 or more with a given one.
    verdict: needsGap(gap, rank >= 0.9 ? 'holds' : rank <= 0 ? 'does not hold' : 'not decidable'),
    evidence: Number.isNaN(rank)
      ? 'no rank correlation: the methods are all equal, or a gradient norm is not a number'
      : `rank correlation ${rank.toFixed(2)} over ${others.length} methods; closest to SB first: ${ranked.join(', ')}`,
  };
}

/** Spearman's rank correlation. NaN if all of a or all of b are equal, or one is not a number. */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  // Twice the rank from the middle, to which every smaller value adds and every larger one takes: equal ones share it.
  const ranks = (values: readonly number[]) =>
    values.map((value) => values.reduce((rank, other) => rank + Math.sign(value - other), 0));
  const [ra, rb] = [ranks(a), ranks(b)];
  const product = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i], 0);
  return product(ra, rb) / Math.sqrt(product(ra, ra) * product(rb, rb));
}

function halfway(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => (value + b[i]) / 2);
}

/** Recovering a gap means something only where there is one. */
function needsGap(gap: PairedDifference, verdict: Verdict): Verdict {
  return exceeds(gap) === 'holds' ? verdict : 'not decidable';
}

function points({ mean: center, halfWidth, n }: PairedDifference): string {
  const width = Number.isFinite(halfWidth) ? ` ± ${halfWidth.toFixed(2)} (95 %, n = ${n})` : ' (n = 1)';
  return `${center >= 0 ? '+' : ''}${center.toFixed(2)}${width} points`;
}

function share(gain: PairedDifference, gap: PairedDifference): string {
  return exceeds(gap) === 'holds'
    ? `, ${((100 * gain.mean) / gap.mean).toFixed(0)} % of the gap`
    : ', the gap itself not being established';
}

/** The report as Markdown. */
export function comparisonReport(
  config: ComparisonConfig,
  runs: readonly ComparisonRun[],
  device: string,
): string {
  const claims = judgeClaims(runs);
  const diverged = runs.filter(({ result }) => result.status === 'diverged');
  return [
    '# Main comparison',
    '',
    `${config.data}: ${config.trainImages} training, ${config.validationImages} validation, ${config.testImages} test images; ` +
      `${config.model}; ${config.steps} updates; |B| = ${config.microBatch * config.microBatches} (SB: ${config.microBatch}), ` +
      `|M| = ${config.microBatch}; seeds ${config.seeds.join(', ')}; on ${device}.`,
    '',
    comparisonTable(runs),
    '',
    'Mean ± standard deviation over seeds. Test accuracy is that of the checkpoint best in validation. The gradient norm ' +
      'is the squared norm of the loss gradient of a micro-batch, averaged over the run.',
    '',
    'The claims of the paper, on this data:',
    '',
    ...claims.map(
      ({ id, claim, verdict, evidence }) => `- ${id} ${verdict.toUpperCase()}: ${claim}. ${evidence}.`,
    ),
    '',
    'These are numbers about a small network on small images. They say nothing about the sizes that the paper used.',
    ...(diverged.length > 0
      ? ['', `Diverged: ${diverged.map(({ method, seed }) => `${method} with seed ${seed}`).join(', ')}.`]
      : []),
    '',
  ].join('\n');
}
