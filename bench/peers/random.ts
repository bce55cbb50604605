/** Numbers for the cases' arrays: the same in every process. */

export interface Random {
  /** Normally distributed, mean 0. */
  normal(shape: readonly number[], deviation?: number): Float32Array;
  /** Whole numbers from 0 to limit - 1. */
  integers(count: number, limit: number): Float32Array;
}

/** Uniform numbers by a 32-bit mixing of a counter (splitmix32), made normal by Box and Muller's formula. */
export function seededRandom(seed: number): Random {
  let counter = seed;
  const uniform = () => {
    counter = (counter + 0x9e3779b9) | 0;
    let bits = counter ^ (counter >>> 16);
    bits = Math.imul(bits, 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  return {
    normal: (shape, deviation = 1) => Float32Array.from({ length: count(shape) }, () => deviation * normal()),
    integers: (length, limit) => Float32Array.from({ length }, () => Math.floor(uniform() * limit)),
  };
}
