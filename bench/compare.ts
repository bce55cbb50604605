/**
 * These runs against earlier ones. The samples of one run tell little of the next: the machine, not the kernel, makes the
 * difference. So what is compared are the medians of whole runs, several of each side.
 */
import { differenceOfMeans, mean } from '../src/experiments/statistics.ts';
import { formatTable } from '../src/experiments/table.ts';
import type { Measured } from './records.ts';

export interface Comparison {
  readonly case: string;
  readonly variant: string;
  /** Milliseconds, the geometric mean of the runs' medians, on one clock: the device's if all runs have it. */
  readonly before: number;
  readonly now: number;
  /** now / before, with its 95 % interval: below 1 is faster. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** Told where all of the interval is beyond `tolerated`; empty where one run of a side allows no interval. */
  readonly change: 'faster' | 'slower' | 'no difference' | '';
}

/** A factor that two processes of the same code may well differ by. */
const tolerated = 1.05;

export interface Comparisons {
  readonly both: readonly Comparison[];
  /** What only one of the runs has, as `case variant`. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
}

/** Pairs what has the same case, variant and shape. */
export function compareRuns(before: readonly Measured[], now: readonly Measured[]): Comparisons {
  const [earlier, later] = [byKey(before), byKey(now)];
  const only = (runs: typeof earlier, others: typeof earlier) =>
    [...runs].flatMap(([key, [first]]) => (others.has(key) ? [] : [nameOf(first)]));
  return {
    both: [...later].flatMap(([key, records]) => {
      const old = earlier.get(key);
      return old ? [compare(old, records)] : [];
    }),
    onlyBefore: only(earlier, later),
    onlyNow: only(later, earlier),
  };
}

/** How often what was measured most often was. */
export function runsIn(records: readonly Measured[]): number {
  return Math.max(1, ...[...byKey(records).values()].map(({ length }) => length));
}

/** One record for everything measured, where there are several that of the run whose time is in the middle. */
export function middleRuns(records: readonly Measured[]): Measured[] {
  return [...byKey(records).values()].map((runs) => {
    const sorted = [...runs].sort((a, b) => (a.gpu ?? a.wall).median - (b.gpu ?? b.wall).median);
    return sorted[(sorted.length - 1) >> 1];
  });
}

function byKey(records: readonly Measured[]): Map<string, Measured[]> {
  const found = new Map<string, Measured[]>();
  for (const record of records) found.set(keyOf(record), [...(found.get(keyOf(record)) ?? []), record]);
  return found;
}

/** Peaks are the device's, and the same kernel may have been measured at several sizes: all of the key counts. */
function keyOf({ kind, case: name, variant, shape }: Measured): string {
  return [kind, name, variant, shape].join('\n');
}

function nameOf({ case: name, variant }: Measured): string {
  return `${name} ${variant}`.trim();
}

function compare(before: readonly Measured[], now: readonly Measured[]): Comparison {
  const [{ kind, case: name, variant }] = now;
  // The engine's GPU time leaves out what its users wait for.
  const byDevice = kind !== 'engine' && [...before, ...now].every(({ gpu }) => gpu);
  const logs = (runs: readonly Measured[]) =>
    runs.map(({ gpu, wall }) => Math.log(((byDevice && gpu) || wall).median));
  const [old, fresh] = [logs(before), logs(now)];
  const { mean: center, halfWidth } = differenceOfMeans(fresh, old);
  const [low, high] = [Math.exp(center - halfWidth), Math.exp(center + halfWidth)];
  const change = low > tolerated ? 'slower' : high < 1 / tolerated ? 'faster' : 'no difference';
  return {
    ...{ case: name, variant, before: Math.exp(mean(old)), now: Math.exp(mean(fresh)) },
    ...{ ratio: Math.exp(center), low, high },
    change: Number.isFinite(halfWidth) ? change : '',
  };
}

export function formatComparisons({ both, onlyBefore, onlyNow }: Comparisons, path: string): string {
  const table = formatTable(
    ['case', 'kernel', 'before, ms', 'now, ms', 'ratio', '95 % interval', 'change'],
    both.map(({ case: name, variant, before, now, ratio, low, high, change }) => [
      ...[name, variant, before.toPrecision(3), now.toPrecision(3), ratio.toFixed(2)],
      ...[change === '' ? '' : `${low.toFixed(2)} to ${high.toFixed(2)}`, change],
    ]),
  );
  const missing = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`\n${what}: ${names.join('; ')}.`] : [];
  return [
    `Against ${path}; a ratio below 1 is faster now, and a change is named where the interval over runs is wholly beyond 5 %:\n`,
    table,
    ...(both.some(({ change }) => change === '')
      ? ['\nOne run of a side tells no change from chance: give --runs 5 to both commands.']
      : []),
    ...missing('Only there', onlyBefore),
    ...missing('Only now', onlyNow),
  ].join('\n');
}
