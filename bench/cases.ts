/** What the kernel bench runs: kernels with their inputs, and plain float64 loops for the right answer. */
import { type Conv2dSizes, conv2d } from '../src/kernels/conv2d.ts';
import { conv2dInputGrad } from '../src/kernels/conv2d-input-grad.ts';
import { conv2dWeightGrad } from '../src/kernels/conv2d-weight-grad.ts';
import type { Kernel } from '../src/kernels/kernel.ts';
import { matmul, type Variant } from '../src/kernels/matmul.ts';

export interface BenchCase {
  readonly name: string;
  readonly shape: string;
  readonly kernel: (variant: Variant) => Kernel;
  readonly inputs: readonly Float32Array<ArrayBuffer>[];
  readonly answer: () => Float64Array;
}

export function benchCases(): BenchCase[] {
  return [
    matmulCase(256, 256, 256),
    matmulCase(512, 512, 512),
    matmulCase(1000, 300, 700),
    ...convCases({ n: 16, c: 16, size: 16, k: 16, stride: 1 }),
    ...convCases({ n: 16, c: 32, size: 16, k: 64, stride: 2 }),
    ...convCases({ n: 16, c: 3, size: 32, k: 16, stride: 1 }),
  ];
}

/** [m, k] x [k, n]. */
function matmulCase(m: number, k: number, n: number): BenchCase {
  const [a, b] = [numbers(m * k, 1), numbers(k * n, 2)];
  const sizes = { batch: 1, m, n, k, transposeA: false, transposeB: false, strideA: 0, strideB: 0 };
  return {
    name: 'matmul',
    shape: `[${m},${k}] [${k},${n}]`,
    kernel: (variant) => matmul(variant, sizes),
    inputs: [a, b],
    answer: () => {
      const out = new Float64Array(m * n);
      for (let row = 0; row < m; row++)
        for (let i = 0; i < k; i++)
          for (let column = 0; column < n; column++)
            out[row * n + column] += a[row * k + i] * b[i * n + column];
      return out;
    },
  };
}

interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly size: number;
  readonly k: number;
  readonly stride: number;
}

/** A convolution with a 3 x 3 window and padding 1, and its two gradients. */
function convCases({ n, c, size, k, stride }: ConvShape): BenchCase[] {
  const p = Math.ceil(size / stride);
  const sizes: Conv2dSizes = {
    ...{ n, c, h: size, w: size, k, r: 3, s: 3, p, q: p, groups: 1 },
    ...{ stride: [stride, stride], padding: [1, 1], dilation: [1, 1] },
  };
  const x = numbers(n * c * size * size, 3);
  const w = numbers(k * c * 9, 4);
  const g = numbers(n * k * p * p, 5);
  const shape = `[${n},${c},${size},${size}] [${k},${c},3,3]${stride > 1 ? ` stride ${stride}` : ''}`;
  return [
    {
      name: 'conv2d',
      shape,
      kernel: (variant) => conv2d(variant, sizes),
      inputs: [x, w],
      answer: () =>
        accumulate(sizes, g.length, (out, i, j, l) => {
          out[i] += x[j] * w[l];
        }),
    },
    {
      name: 'conv2dInputGrad',
      shape,
      kernel: (variant) => conv2dInputGrad(variant, sizes),
      inputs: [g, w],
      answer: () =>
        accumulate(sizes, x.length, (out, i, j, l) => {
          out[j] += g[i] * w[l];
        }),
    },
    {
      name: 'conv2dWeightGrad',
      shape,
      kernel: (variant) => conv2dWeightGrad(variant, sizes),
      inputs: [g, x],
      answer: () =>
        accumulate(sizes, w.length, (out, i, j, l) => {
          out[l] += g[i] * x[j];
        }),
    },
  ];
}

/** Visits every product of a convolution: y[i] takes x[j] w[l]. What lies in the padding adds nothing. */
function accumulate(
  { n, c, h, w, k, p, q, stride: [step] }: Conv2dSizes,
  size: number,
  visit: (out: Float64Array, i: number, j: number, l: number) => void,
): Float64Array {
  const out = new Float64Array(size);
  for (let i = 0; i < n * k * p * q; i++) {
    const [image, channel] = [Math.floor(i / (k * p * q)), Math.floor(i / (p * q)) % k];
    const [top, left] = [(Math.floor(i / q) % p) * step - 1, (i % q) * step - 1];
    for (let tap = 0; tap < c * 9; tap++) {
      const row = top + (Math.floor(tap / 3) % 3);
      const column = left + (tap % 3);
      if (row < 0 || row >= h || column < 0 || column >= w) continue;
      visit(out, i, ((image * c + Math.floor(tap / 9)) * h + row) * w + column, channel * c * 9 + tap);
    }
  }
  return out;
}

/** Numbers in [-1, 1), the same at every call: a linear congruential generator. */
function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
