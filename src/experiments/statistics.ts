/** Means over seeds, and what paired differences allow to say. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation, n - 1 in the denominator; NaN for a single value. */
export function deviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** Two-sided 95 % points of Student's t for 1, 2, ... degrees of freedom; for more than ten, ten's, a little wide. */
const studentT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

export interface PairedDifference {
  readonly mean: number;
  /** Half the width of the 95 % interval; infinite for a single pair. */
  readonly halfWidth: number;
  readonly n: number;
}

/** a - b by seed: its mean and 95 % interval by Student's t. */
export function pairedDifference(a: readonly number[], b: readonly number[]): PairedDifference {
  const differences = a.map((value, i) => value - b[i]);
  const n = differences.length;
  const t = studentT[Math.min(n - 1, studentT.length) - 1];
  return {
    mean: mean(differences),
    halfWidth: n < 2 ? Infinity : (t * deviation(differences)) / Math.sqrt(n),
    n,
  };
}

export type Verdict = 'holds' | 'does not hold' | 'not decidable';

/** Whether a - b > bound: decided only when the 95 % interval lies on one side of the bound. */
export function exceeds({ mean: center, halfWidth }: PairedDifference, bound = 0): Verdict {
  if (center - halfWidth > bound) return 'holds';
  return center + halfWidth <= bound ? 'does not hold' : 'not decidable';
}
