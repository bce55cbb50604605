/**
 * Two-dimensional convolution and its two gradients, NCHW. Closed: y(x, w), dx(g, w) and dw(g, x) are each linear in
 * each argument, and every gradient of one is another of them. Letters: N C H W input, K R S filter, P Q output.
 */
import { type Conv2dSizes, conv2dFamily } from '../../kernels/conv2d.ts';
import { conv2dInputGradFamily } from '../../kernels/conv2d-input-grad.ts';
import { conv2dWeightGradFamily } from '../../kernels/conv2d-weight-grad.ts';
import { choicesOf, type Family } from '../../kernels/family.ts';
import { optionsOf, shown } from '../arguments.ts';
import { type NumberArray, referenceArray } from '../dtype.ts';
import { formatShape, ShapeError } from '../shape.ts';
import type { Operation } from '../tape.ts';
import { checkTensors, record, type Tensor } from '../tensor.ts';
import { type Pair, pairOf } from './checks.ts';

export interface Conv2dOptions {
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  /** Input channels in C/groups blocks, each with its own K/groups filters; groups = C is depthwise. */
  readonly groups?: number;
}

export const conv2dOptions = ['stride', 'padding', 'dilation', 'groups'] as const;

/**
 * y[n,k,p,q] = sum over c,r,s of x[n, c, p*stride - padding + r*dilation, q*stride - padding + s*dilation] w[k,c,r,s]
 * with zeros outside the image (PyTorch's `conv2d`, without bias). x [N,C,H,W], w [K,C/groups,R,S] -> [N,K,P,Q], f32.
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return forward(x, w, sizesOf(x, w, options));
}

function forward(x: Tensor, w: Tensor, sizes: Conv2dSizes): Tensor {
  return record(forwardOperation(sizes), [x, w], [sizes.n, sizes.k, sizes.p, sizes.q], 'f32');
}

/** The gradient of conv2d's input: g [N,K,P,Q], w -> [N,C,H,W]. */
function inputGrad(g: Tensor, w: Tensor, sizes: Conv2dSizes): Tensor {
  return record(inputGradOperation(sizes), [g, w], [sizes.n, sizes.c, sizes.h, sizes.w], 'f32');
}

/** The gradient of conv2d's filter: g [N,K,P,Q], x -> [K,C/groups,R,S]. */
function weightGrad(g: Tensor, x: Tensor, sizes: Conv2dSizes): Tensor {
  return record(
    weightGradOperation(sizes),
    [g, x],
    [sizes.k, sizes.c / sizes.groups, sizes.r, sizes.s],
    'f32',
  );
}

function forwardOperation(sizes: Conv2dSizes): Operation {
  return convolution(
    'conv2d',
    sizes,
    [(g, [, w]) => inputGrad(g, w, sizes), (g, [x]) => weightGrad(g, x, sizes)],
    sizes.n * sizes.k * sizes.p * sizes.q,
    (y, x, w) =>
      forEachProduct(sizes, (yAt, xAt, wAt) => {
        y[yAt] += (xAt < 0 ? 0 : x[xAt]) * w[wAt];
      }),
    conv2dFamily,
  );
}

function inputGradOperation(sizes: Conv2dSizes): Operation {
  return convolution(
    'conv2dInputGrad',
    sizes,
    [(gg, [, w]) => forward(gg, w, sizes), (gg, [g]) => weightGrad(g, gg, sizes)],
    sizes.n * sizes.c * sizes.h * sizes.w,
    (x, g, w) =>
      forEachProduct(sizes, (yAt, xAt, wAt) => {
        if (xAt >= 0) x[xAt] += g[yAt] * w[wAt];
      }),
    conv2dInputGradFamily,
  );
}

function weightGradOperation(sizes: Conv2dSizes): Operation {
  return convolution(
    'conv2dWeightGrad',
    sizes,
    [(gg, [, x]) => forward(x, gg, sizes), (gg, [g]) => inputGrad(g, gg, sizes)],
    (sizes.k * sizes.c * sizes.r * sizes.s) / sizes.groups,
    (w, g, x) =>
      forEachProduct(sizes, (yAt, xAt, wAt) => {
        w[wAt] += g[yAt] * (xAt < 0 ? 0 : x[xAt]);
      }),
    conv2dWeightGradFamily,
  );
}

function convolution(
  name: string,
  sizes: Conv2dSizes,
  gradients: Operation['gradients'],
  size: number,
  accumulate: (out: NumberArray, a: NumberArray, b: NumberArray) => void,
  family: Family<Conv2dSizes>,
): Operation {
  return {
    name,
    key: `${name}(${Object.values(sizes).join()})`,
    gradients,
    reference: ([a, b]) => {
      const out = referenceArray('f32', size);
      accumulate(out, a, b);
      return out;
    },
    lowering: { kind: 'kernel', choices: () => choicesOf(family, sizes) },
  };
}

/**
 * Visits every product of the formula with the places of y, x and w; all three operations are sums of them. Padding's
 * place in x is -1: a zero, which times infinity is NaN as in PyTorch.
 */
function forEachProduct(sizes: Conv2dSizes, visit: (yAt: number, xAt: number, wAt: number) => void): void {
  const { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups } = sizes;
  const channels = c / groups;
  const filters = k / groups;
  for (let nI = 0; nI < n; nI++) {
    for (let kI = 0; kI < k; kI++) {
      const firstChannel = Math.floor(kI / filters) * channels;
      for (let cI = 0; cI < channels; cI++) {
        for (let rI = 0; rI < r; rI++) {
          for (let sI = 0; sI < s; sI++) {
            const wAt = ((kI * channels + cI) * r + rI) * s + sI;
            for (let pI = 0; pI < p; pI++) {
              const hI = pI * stride[0] - padding[0] + rI * dilation[0];
              const xRow = ((nI * c + firstChannel + cI) * h + hI) * w;
              const yRow = ((nI * k + kI) * p + pI) * q;
              for (let qI = 0; qI < q; qI++) {
                const wI = qI * stride[1] - padding[1] + sI * dilation[1];
                const inside = hI >= 0 && hI < h && wI >= 0 && wI < w;
                visit(yRow + qI, inside ? xRow + wI : -1, wAt);
              }
            }
          }
        }
      }
    }
  }
}

function sizesOf(x: Tensor, filter: Tensor, options: Conv2dOptions): Conv2dSizes {
  checkTensors('conv2d', { x, w: filter });
  const given = optionsOf('conv2d', options, conv2dOptions);
  const { stride: steps = 1, padding: border = 0, dilation: gaps = 1, groups = 1 } = given;
  const stride = pairOf('conv2d', 'stride', steps, 1);
  const padding = pairOf('conv2d', 'padding', border, 0);
  const dilation = pairOf('conv2d', 'dilation', gaps, 1);
  const shapes = `input ${x.dtype}${formatShape(x.shape)}, filter ${filter.dtype}${formatShape(filter.shape)}`;
  if (x.shape.length !== 4 || filter.shape.length !== 4 || x.dtype !== 'f32' || filter.dtype !== 'f32') {
    throw new ShapeError(`conv2d: expected f32 input [N,C,H,W] and filter [K,C/groups,R,S], got ${shapes}.`);
  }
  const [n, c, h, w] = x.shape;
  const [k, channels, r, s] = filter.shape;
  if (!Number.isInteger(groups) || groups < 1 || c !== channels * groups || k % groups !== 0) {
    throw new ShapeError(
      `conv2d: ${shapes}, groups ${shown(groups)}: expected the filter's second size to be C/groups and K divisible by groups.`,
    );
  }
  const outputSize = (size: number, filterSize: number, dim: 0 | 1) =>
    Math.floor((size + 2 * padding[dim] - dilation[dim] * (filterSize - 1) - 1) / stride[dim]) + 1;
  const p = outputSize(h, r, 0);
  const q = outputSize(w, s, 1);
  if (p < 1 || q < 1 || r < 1 || s < 1) {
    throw new ShapeError(
      `conv2d: ${shapes}: the filter does not fit the padded image (padding ${padding}, dilation ${dilation}); ` +
        `the output would be ${p} x ${q}.`,
    );
  }
  return { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups };
}
