import { describe, expect, it } from 'vitest';
import {
  deviation,
  estimate,
  exceeds,
  mean,
  pairedDifference,
  rankCorrelation,
} from '../src/experiments/statistics.ts';

describe('statistics', () => {
  it('mean and deviation of 2, 4, 9 are 5 and sqrt(13)', () => {
    expect(mean([2, 4, 9])).toBe(5);
    // ((-3)^2 + (-1)^2 + 4^2) / 2 = 13
    expect(deviation([2, 4, 9])).toBeCloseTo(Math.sqrt(13), 12);
    expect(deviation([7])).toBeNaN();
  });

  it('a paired difference is taken seed by seed, with the 95 % interval of Student', () => {
    // Differences 1, 2, 3: mean 2, deviation 1, half width 4.303 / sqrt(3).
    const difference = pairedDifference([11, 22, 33], [10, 20, 30]);
    expect(difference.mean).toBe(2);
    expect(difference.n).toBe(3);
    expect(difference.halfWidth).toBeCloseTo(4.303 / Math.sqrt(3), 12);
  });

  it.each([
    [2, 12.706],
    [5, 2.776],
    [11, 2.228],
    [31, 2.042],
    // Beyond the table its last entry, which is more than the true 1.984.
    [100, 2.042],
  ])('%i pairs have the point %f', (n, t) => {
    const values = Array.from({ length: n }, (_, i) => i);
    const zeros = values.map(() => 0);
    const { halfWidth } = pairedDifference(values, zeros);
    expect(halfWidth).toBeCloseTo((t * deviation(values)) / Math.sqrt(n), 12);
  });

  it('a single pair has a mean and decides nothing', () => {
    const single = pairedDifference([99], [1]);
    expect(single).toEqual({ mean: 98, halfWidth: Infinity, n: 1 });
    expect(exceeds(single)).toBe('not decidable');
    expect(exceeds(single, 1000)).toBe('not decidable');
  });

  it('a bound is exceeded, not exceeded, or inside the interval', () => {
    const interval = { mean: 3, halfWidth: 1, n: 4 };
    expect(exceeds(interval)).toBe('holds');
    expect(exceeds(interval, 1.9)).toBe('holds');
    expect(exceeds(interval, 2)).toBe('not decidable');
    expect(exceeds(interval, 3.9)).toBe('not decidable');
    expect(exceeds(interval, 4)).toBe('does not hold');
  });

  it('equal results do not differ, and what is not a number decides nothing', () => {
    expect(exceeds(pairedDifference([5, 6], [5, 6]))).toBe('does not hold');
    expect(exceeds(pairedDifference([Number.NaN, 6], [5, 6]))).toBe('not decidable');
  });

  it('an estimate of nothing is not a number', () => {
    expect(estimate([])).toEqual({ mean: Number.NaN, halfWidth: Infinity, n: 0 });
  });

  it('ranks correlate as by hand', () => {
    expect(rankCorrelation([1, 2, 3], [10, 20, 99])).toBeCloseTo(1, 12);
    expect(rankCorrelation([1, 2, 3], [5, 4, 3])).toBeCloseTo(-1, 12);
    // 1 - 6 * 8 / 120 = 0.6 for ranks 1 2 3 4 5 against 3 2 1 4 5.
    expect(rankCorrelation([1, 2, 3, 4, 5], [3, 2, 1, 4, 5])).toBeCloseTo(0.6, 12);
    // Equal values share a rank: 1.5 1.5 3 4 5 gives 9.5 / sqrt(10 * 9.5).
    expect(rankCorrelation([1, 2, 3, 4, 5], [7, 7, 8, 9, 10])).toBeCloseTo(9.5 / Math.sqrt(95), 12);
    expect(rankCorrelation([1, 2], [3, 3])).toBeNaN();
    expect(rankCorrelation([1, Number.NaN], [1, 2])).toBeNaN();
  });
});
