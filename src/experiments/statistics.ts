/** Means over seeds with their 95 % intervals, and what paired differences allow to say. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation, n - 1 in the denominator; NaN for a single value. */
export function deviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** Two-sided 95 % points of Student's t for 1, 2, ... degrees of freedom; for more than thirty, thirty's, a little wide. */
const studentT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export interface Estimate {
  /** NaN where there is no value. */
  readonly mean: number;
  /** Half the width of the 95 % interval, t s / sqrt(n); infinite for fewer than two values. */
  readonly halfWidth: number;
  readonly n: number;
}

/** The mean of values that differ by seed, with its 95 % interval by Student's t. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const t = studentT[Math.min(n - 1, studentT.length) - 1];
  return {
    mean: mean(values),
    halfWidth: n < 2 ? Infinity : (t * deviation(values)) / Math.sqrt(n),
    n,
  };
}

/** a - b, paired: both lists in order of the seeds. */
export function pairedDifference(a: readonly number[], b: readonly number[]): Estimate {
  return estimate(a.map((value, i) => value - b[i]));
}

/**
 * mean(a) - mean(b) of independent values, with its 95 % interval by Student's t; the degrees of freedom are those of the
 * shorter list, which never makes it narrower than Welch's. Infinite if a list has fewer than two values.
 */
export function differenceOfMeans(a: readonly number[], b: readonly number[]): Estimate {
  const n = Math.min(a.length, b.length);
  const t = studentT[Math.min(n - 1, studentT.length) - 1];
  const error = Math.sqrt(deviation(a) ** 2 / a.length + deviation(b) ** 2 / b.length);
  return { mean: mean(a) - mean(b), halfWidth: n < 2 ? Infinity : t * error, n };
}

export type Verdict = 'holds' | 'does not hold' | 'not decidable';

/** Whether the estimated quantity is above the bound: decided only when the 95 % interval lies on one side of it. */
export function exceeds({ mean: center, halfWidth }: Estimate, bound = 0): Verdict {
  if (center - halfWidth > bound) return 'holds';
  return center + halfWidth <= bound ? 'does not hold' : 'not decidable';
}

/** Spearman's rank correlation. NaN if all of a or all of b are equal, or one is not a number. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  // Twice the rank from the middle, to which every smaller value adds and every larger one takes: equal ones share it.
  const ranks = (values: readonly number[]) =>
    values.map((value) => values.reduce((rank, other) => rank + Math.sign(value - other), 0));
  const [ra, rb] = [ranks(a), ranks(b)];
  const product = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i], 0);
  return product(ra, rb) / Math.sqrt(product(ra, ra) * product(rb, rb));
}
