/** matmul and the convolutions as plain float64 loops, element by element. */
import type { Conv2dSizes } from '../src/kernels/conv2d.ts';
import type { MatmulSizes } from '../src/kernels/matmul.ts';
import type { InputArray } from './kernel-case.ts';

/** From two inputs to the function that computes one element of the output. */
export type Reference = (inputs: readonly InputArray[]) => (element: number) => number;

/** output[b, m, n] = Σk A[b, m, k] · B[b, k, n] */
export function matmulReference(sizes: MatmulSizes): Reference {
  const { m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  const [stepA, stepB] = [transposeA ? m : 1, transposeB ? 1 : n];
  return ([a, b]) =>
    (element) => {
      const [batch, row, column] = [Math.floor(element / (m * n)), Math.floor(element / n) % m, element % n];
      const startA = batch * strideA + (transposeA ? row : row * k);
      const startB = batch * strideB + (transposeB ? column * k : column);
      let sum = 0;
      for (let i = 0; i < k; i++) sum += a[startA + i * stepA] * b[startB + i * stepB];
      return sum;
    };
}

/** y[n, k, p, q] = Σ over c, r, s of x[n, c, h, w] · w[k, c, r, s], h = p strideH + r dilationH - paddingH, w likewise. */
export function conv2dReference(sizes: Conv2dSizes): Reference {
  const { c, h, w, k, r, s, p, q, groups } = sizes;
  const [cg, kg] = [c / groups, k / groups];
  const [rows, columns] = [taps(sizes, 0), taps(sizes, 1)];
  return ([x, weight]) =>
    (element) => {
      const [image, channel] = [Math.floor(element / (k * p * q)), Math.floor(element / (p * q)) % k];
      const [top, left] = [Math.floor(element / q) % p, element % q];
      const first = image * c + Math.floor(channel / kg) * cg;
      let sum = 0;
      for (let i = 0; i < cg; i++) {
        for (let row = 0; row < r; row++) {
          const inRow = rows(top, row);
          if (inRow < 0 || inRow >= h) continue;
          for (let column = 0; column < s; column++) {
            const inColumn = columns(left, column);
            if (inColumn < 0 || inColumn >= w) continue;
            sum +=
              x[((first + i) * h + inRow) * w + inColumn] *
              weight[((channel * cg + i) * r + row) * s + column];
          }
        }
      }
      return sum;
    };
}

/** dx[n, c, h, w] = Σ over k, r, s of g[n, k, p, q] · w[k, c, r, s], wherever that p and q exist. Inputs g, w. */
export function conv2dInputGradReference(sizes: Conv2dSizes): Reference {
  const { c, h, w, k, r, s, p, q, groups } = sizes;
  const [cg, kg] = [c / groups, k / groups];
  const [rows, columns] = [outputs(sizes, 0), outputs(sizes, 1)];
  return ([g, weight]) =>
    (element) => {
      const [image, channel] = [Math.floor(element / (c * h * w)), Math.floor(element / (h * w)) % c];
      const [top, left] = [Math.floor(element / w) % h, element % w];
      const first = Math.floor(channel / cg) * kg;
      let sum = 0;
      for (let i = first; i < first + kg; i++) {
        for (let row = 0; row < r; row++) {
          const outRow = rows(top, row);
          if (!(outRow >= 0 && outRow < p)) continue;
          for (let column = 0; column < s; column++) {
            const outColumn = columns(left, column);
            if (!(outColumn >= 0 && outColumn < q)) continue;
            sum +=
              g[((image * k + i) * p + outRow) * q + outColumn] *
              weight[((i * cg + (channel % cg)) * r + row) * s + column];
          }
        }
      }
      return sum;
    };
}

/** dw[k, c, r, s] = Σ over n, p, q of g[n, k, p, q] · x[n, c, h, w]. Inputs g, x. */
export function conv2dWeightGradReference(sizes: Conv2dSizes): Reference {
  const { n, c, h, w, k, r, s, p, q, groups } = sizes;
  const [cg, kg] = [c / groups, k / groups];
  const [rows, columns] = [taps(sizes, 0), taps(sizes, 1)];
  return ([g, x]) =>
    (element) => {
      const [channel, row, column] = [
        Math.floor(element / (cg * r * s)),
        Math.floor(element / s) % r,
        element % s,
      ];
      const from = Math.floor(channel / kg) * cg + (Math.floor(element / (r * s)) % cg);
      let sum = 0;
      for (let image = 0; image < n; image++) {
        for (let top = 0; top < p; top++) {
          const inRow = rows(top, row);
          if (inRow < 0 || inRow >= h) continue;
          for (let left = 0; left < q; left++) {
            const inColumn = columns(left, column);
            if (inColumn < 0 || inColumn >= w) continue;
            sum +=
              g[((image * k + channel) * p + top) * q + left] *
              x[((image * c + from) * h + inRow) * w + inColumn];
          }
        }
      }
      return sum;
    };
}

/** Where along an axis of the image the tap of an output lies. */
function taps({ stride, padding, dilation }: Conv2dSizes, axis: 0 | 1) {
  return (output: number, tap: number) => output * stride[axis] + tap * dilation[axis] - padding[axis];
}

/** The output along an axis whose tap lies at a pixel; NaN where that falls between outputs. */
function outputs({ stride, padding, dilation }: Conv2dSizes, axis: 0 | 1) {
  return (pixel: number, tap: number) => {
    const output = (pixel + padding[axis] - tap * dilation[axis]) / stride[axis];
    return Number.isInteger(output) ? output : Number.NaN;
  };
}
