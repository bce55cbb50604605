/** The loops of a reduction: which elements are folded, in which order, and where they are. */
import { joinInto } from '../../kernels/long-sums.ts';
import type { Shape } from '../shape.ts';
import type { Emitter } from './emitter.ts';
import type { Index } from './index-expression.ts';

export interface Run {
  readonly size: number;
  readonly reduced: boolean;
  readonly dims: readonly number[];
}

/** Neighbouring dims that are all reduced or all kept, as one; dims of size 1 belong to nobody. */
export function mergeRuns(shape: Shape, dims: readonly number[]): Run[] {
  const runs: { size: number; reduced: boolean; dims: number[] }[] = [];
  shape.forEach((size, dim) => {
    if (size === 1) return;
    const reduced = dims.includes(dim);
    const last = runs.at(-1);
    if (last?.reduced === reduced) {
      last.size *= size;
      last.dims.push(dim);
    } else {
      runs.push({ size, reduced, dims: [dim] });
    }
  });
  return runs;
}

/** The index into the unreduced shape, from one counter per run. */
export function indexOf(
  emitter: Emitter,
  shape: Shape,
  runs: readonly Run[],
  counters: readonly string[],
): Index {
  if (runs.length <= 1) return emitter.linear(shape, counters[0] ?? '0u');
  const sizes = runs.map((run) => run.size);
  const whole = emitter.at(sizes, counters);
  if (runs.every((run) => run.dims.length === 1)) {
    const coordinates = shape.map(() => '0u');
    runs.forEach((run, i) => {
      coordinates[run.dims[0]] = counters[i];
    });
    return emitter.at(shape, coordinates);
  }
  return emitter.composite(shape, whole, runs, counters);
}

/** What one folder takes: every `of`-th element from `number` on. `count` is `of` as a number. */
export interface Share {
  readonly number: string;
  readonly of: string;
  readonly count: number;
}

/**
 * Loops over a share of the reduced elements, and (to be asked for inside them) a counter for every run. Of several
 * reduced runs the longest is shared out. `neighbours`: consecutive folders must take consecutive elements, so it is
 * the innermost run; or all of them as one, where that is too short.
 */
export function loopsOver(
  emitter: Emitter,
  runs: readonly Run[],
  kept: readonly string[],
  share: Share,
  neighbours: boolean,
): { readonly loops: Loop[]; readonly counters: () => string[] } {
  const reduced = runs.filter((run) => run.reduced);
  const sizes = reduced.map(({ size }) => size);
  let names = reduced.map((_, i) => `r${i}`);
  const whole = { first: '0u', step: '1u' };
  const part = share.count === 1 ? whole : { first: share.number, step: share.of };
  const loopOver = (counter: string, size: number, take: typeof whole): Loop => ({
    counter,
    ...take,
    end: emitter.bound(size),
  });
  const merged = neighbours && (sizes.at(-1) ?? 0) < share.count;
  const shared = neighbours ? sizes.length - 1 : sizes.indexOf(Math.max(...sizes));
  const loops = merged
    ? [
        loopOver(
          'r',
          sizes.reduce((product, size) => product * size, 1),
          part,
        ),
      ]
    : sizes.map((size, i) => loopOver(names[i], size, i === shared ? part : whole));
  return {
    loops,
    counters: () => {
      if (merged) names = [...emitter.linear(sizes, 'r').coordinates];
      let nextKept = 0;
      let nextReduced = 0;
      return runs.map((run) => (run.reduced ? names[nextReduced++] : kept[nextKept++]));
    },
  };
}

export interface Loop {
  readonly counter: string;
  readonly first: string;
  readonly step: string;
  readonly end: string;
}

/** What loops fold. */
export interface Fold {
  readonly start: string;
  /** The statement that folds a value into a variable. */
  readonly into: (variable: string, value: string) => string;
  /** Whether it is a sum that must not drift: see `long-sums.ts`. */
  readonly long: boolean;
}

/**
 * Nested loops around `body`, which folds into `run0`, `run1` ...: `total0`, `total1` ... hold the results. Of long sums
 * the runs join the totals after every `block` terms.
 */
export function foldLoops(
  loops: readonly Loop[],
  folds: readonly Fold[],
  body: readonly string[],
  block: number,
): string[] {
  const joins = folds.flatMap(({ long }, i) => (long ? [joinInto(`total${i}`, `run${i}`)] : []));
  const blocks =
    joins.length === 0
      ? loops
      : loops.flatMap((loop, i) => (i < loops.length - 1 ? loop : inBlocks(loop, block)));
  return [
    ...folds.flatMap(({ start }, i) => [`var total${i} = ${start};`, `var run${i} = ${start};`]),
    ...blocks.map(
      ({ counter, first, step, end }) =>
        `for (var ${counter} = ${first}; ${counter} < ${end}; ${counter} += ${step}) {`,
    ),
    ...body,
    ...blocks.flatMap((_, i) => (i === 0 ? ['}', ...joins] : '}')),
    ...folds.map(({ into }, i) => into(`total${i}`, `run${i}`)),
  ];
}

/** A loop over blocks of so many, and one over a block. */
function inBlocks({ counter, first, step, end }: Loop, size: number): Loop[] {
  const stride = step === '1u' ? `${size}u` : `${size}u * ${step}`;
  return [
    { counter: 'block', first, step: stride, end },
    { counter, first: 'block', step, end: `min(block + ${stride}, ${end})` },
  ];
}
