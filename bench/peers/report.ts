/** The comparison's results for people. */
import { formatTable } from '../../src/experiments/table.ts';
import type { Result } from './measure.ts';

/** A case's results, regrad's and the peers' in the order of the columns. */
export interface CaseResults {
  readonly case: string;
  /** Whether it differentiates a gradient. */
  readonly secondOrder: boolean;
  readonly results: readonly Result[];
}

export const ours = 'regrad';

/**
 * regrad's median over that of the fastest peer: below 1 regrad is faster.
 * @param among which peers count.
 * @returns undefined where one of the two is missing.
 */
export function ratio(results: readonly Result[], among: (result: Result) => boolean): number | undefined {
  const own = results.find(({ library }) => library === ours)?.wall?.median;
  const peers = results.filter((result) => result.library !== ours && among(result));
  const fastest = Math.min(...peers.map(({ wall }) => wall?.median ?? Infinity));
  return own === undefined || fastest === Infinity ? undefined : own / fastest;
}

export function formatPeers(cases: readonly CaseResults[], libraries: readonly string[]): string {
  const times = libraries.map((library) => `${library}, ms`);
  const table = formatTable(
    ['case', ...times, 'ratio', 'ratio to any', 'first call, ms', 'remarks'],
    cases.map(({ case: name, secondOrder, results }) => [
      name,
      ...results.map(timeOf),
      (ratio(results, ({ right }) => right) ?? Number.NaN).toFixed(2).replace('NaN', '-'),
      secondOrder ? (ratio(results, () => true)?.toFixed(2) ?? '-') : '',
      results.map(({ first }) => first?.toFixed(0) ?? '-').join(' / '),
      results.flatMap(remarksOf).join('; '),
    ]),
  );
  return (
    `${table}\n\nTimes are medians of a call, its results read back. Ratio: regrad's over that of the fastest peer whose answer ` +
    'is right, below 1 regrad is faster; to any: over the fastest peer, right or wrong, where a gradient is differentiated. ' +
    `First call: ${libraries.join(' / ')}. In brackets: the answer is wrong. Right is within 1e-3 of float64 in the norm of every ` +
    'array of values, losses, gradients and updates, and within 1e-2 for the ResNet.'
  );
}

function timeOf(result: Result): string {
  if (!result.wall) return '-';
  const { median } = result.wall;
  const text = median.toPrecision(Math.max(3, Math.ceil(Math.log10(median))));
  return result.right ? text : `(${text})`;
}

function remarksOf({ library, remarks }: Result): string[] {
  return remarks.length > 0 ? [`${library}: ${remarks.join(', ')}`] : [];
}
