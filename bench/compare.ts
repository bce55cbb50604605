/** This run against an earlier one. */
import { formatTable } from '../src/experiments/table.ts';
import type { Measured } from './records.ts';
import type { Summary } from './samples.ts';

export interface Comparison {
  readonly case: string;
  readonly variant: string;
  /** Median milliseconds, on one clock: the device's if both runs have it. */
  readonly before: number;
  readonly now: number;
  /** now / before: below 1 is faster. */
  readonly ratio: number;
  /** Beyond the spread, that is the quartiles of the two runs do not overlap; empty if they do. */
  readonly change: 'faster' | 'slower' | '';
}

export interface Comparisons {
  readonly both: readonly Comparison[];
  /** What only one of the runs has, as `case variant`. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
}

/** Pairs what has the same case, variant and shape. */
export function compareRuns(before: readonly Measured[], now: readonly Measured[]): Comparisons {
  const earlier = new Map(before.map((record) => [keyOf(record), record]));
  const later = new Set(now.map(keyOf));
  const both = now.flatMap((record) => {
    const old = earlier.get(keyOf(record));
    return old ? [compare(old, record)] : [];
  });
  return {
    both,
    onlyBefore: before.filter((record) => !later.has(keyOf(record))).map(nameOf),
    onlyNow: now.filter((record) => !earlier.has(keyOf(record))).map(nameOf),
  };
}

/** Peaks are the device's, and the same kernel may have been measured at several sizes: all of the key counts. */
function keyOf({ kind, case: name, variant, shape }: Measured): string {
  return [kind, name, variant, shape].join('\n');
}

function nameOf({ case: name, variant }: Measured): string {
  return `${name} ${variant}`.trim();
}

function compare(before: Measured, now: Measured): Comparison {
  // The engine's GPU time leaves out what its users wait for.
  const gpu = now.kind !== 'engine' && before.gpu && now.gpu;
  const [old, fresh] = gpu ? [before.gpu, gpu] : [before.wall, now.wall];
  return {
    case: now.case,
    variant: now.variant,
    before: old.median,
    now: fresh.median,
    ratio: fresh.median / old.median,
    change: changeOf(old, fresh),
  };
}

function changeOf(before: Summary, now: Summary): Comparison['change'] {
  if (now.upper < before.lower) return 'faster';
  return now.lower > before.upper ? 'slower' : '';
}

export function formatComparisons({ both, onlyBefore, onlyNow }: Comparisons, path: string): string {
  const table = formatTable(
    ['case', 'kernel', 'before, ms', 'now, ms', 'ratio', 'change'],
    both.map(({ case: name, variant, before, now, ratio, change }) => [
      ...[name, variant, before.toPrecision(3), now.toPrecision(3), ratio.toFixed(2), change],
    ]),
  );
  const missing = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`\n${what}: ${names.join('; ')}.`] : [];
  return [
    `Against ${path}; a ratio below 1 is faster now, and a change is named where the quartiles do not overlap:\n`,
    table,
    ...missing('Only there', onlyBefore),
    ...missing('Only now', onlyNow),
  ].join('\n');
}
