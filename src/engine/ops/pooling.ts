/**
 * Pooling, NCHW. Closed: max pooling fetches the winners' values, the gradient of fetching scatters, and the gradient
 * of scattering fetches again; the winners' positions have derivative zero. Average pooling is a convolution with
 * equal weights, or a sum of the elements selected for each region.
 */
import { onlyChoice } from '../../kernels/family.ts';
import {
  type MaxPool2dSizes,
  maxPool2dFetch,
  maxPool2dIndex,
  maxPool2dScatter,
} from '../../kernels/max-pool2d.ts';
import { optionsOf } from '../arguments.ts';
import { referenceArray } from '../dtype.ts';
import { formatShape, ShapeError } from '../shape.ts';
import type { Operation } from '../tape.ts';
import { checkTensors, full, record, type Tensor, tensor } from '../tensor.ts';
import { type Pair, pairOf } from './checks.ts';
import { conv2d } from './conv2d.ts';
import { div } from './elementwise.ts';
import { indexSelect } from './indexing.ts';
import { reshape } from './movement.ts';
import { mean, sum } from './reduction.ts';
import { where } from './selection.ts';

export interface Pool2dOptions {
  /** Step between windows; defaults to the window. */
  readonly stride?: Pair;
  /** Elements added around the image: never chosen by maxPool2d, zeros that count for avgPool2d. */
  readonly padding?: Pair;
}

export const pool2dOptions = ['stride', 'padding'] as const;

/**
 * The largest element of every window (PyTorch's `max_pool2d`): x [N,C,H,W] -> [N,C,P,Q]. At a tie the first, row by
 * row, takes the whole gradient. A NaN wins. Windows that do not fit at the end are dropped.
 */
export function maxPool2d(x: Tensor, window: Pair, options: Pool2dOptions = {}): Tensor {
  const sizes = sizesOf('maxPool2d', x, window, options);
  const index = record(indexOperation(sizes), [x], [...x.shape.slice(0, 2), sizes.p, sizes.q], 'i32');
  return fetch(x, index, sizes);
}

function fetch(x: Tensor, index: Tensor, sizes: MaxPool2dSizes): Tensor {
  const operation: Operation = {
    name: 'maxPool2dFetch',
    key: keyOf('maxPool2dFetch', sizes),
    gradients: [(g, [, at]) => scatter(g, at, sizes), 'zero'],
    reference: ([values, at], entry) =>
      referenceArray('f32', at.length).map(
        (_, i) => values[Math.floor(i / (sizes.p * sizes.q)) * planeOf(entry.inputShapes[0]) + at[i]],
      ),
    lowering: { kind: 'kernel', choices: () => onlyChoice(maxPool2dFetch(sizes)) },
  };
  return record(operation, [x, index], index.shape, 'f32');
}

function scatter(g: Tensor, index: Tensor, sizes: MaxPool2dSizes): Tensor {
  const operation: Operation = {
    name: 'maxPool2dScatter',
    key: keyOf('maxPool2dScatter', sizes),
    gradients: [(gg, [, at]) => fetch(gg, at, sizes), 'zero'],
    reference: ([values, at]) => {
      const out = referenceArray('f32', sizes.planes * sizes.h * sizes.w);
      values.forEach((value, i) => {
        out[Math.floor(i / (sizes.p * sizes.q)) * sizes.h * sizes.w + at[i]] += value;
      });
      return out;
    },
    lowering: { kind: 'kernel', choices: () => onlyChoice(maxPool2dScatter(sizes)) },
  };
  return record(operation, [g, index], [...g.shape.slice(0, 2), sizes.h, sizes.w], 'f32');
}

function indexOperation(sizes: MaxPool2dSizes): Operation {
  return {
    name: 'maxPool2dIndex',
    key: keyOf('maxPool2dIndex', sizes),
    gradients: ['zero'],
    reference: ([x]) => {
      const { planes, h, w, p, q, window, stride, padding } = sizes;
      const out = referenceArray('i32', planes * p * q);
      for (let i = 0; i < out.length; i++) {
        const plane = Math.floor(i / (p * q)) * h * w;
        const top = (Math.floor(i / q) % p) * stride[0] - padding[0];
        const left = (i % q) * stride[1] - padding[1];
        let best = Number.NaN;
        let at = -1;
        for (let row = Math.max(0, top); row < Math.min(h, top + window[0]); row++) {
          for (let column = Math.max(0, left); column < Math.min(w, left + window[1]); column++) {
            const value = x[plane + row * w + column];
            if (at >= 0 && !(value > best) && !Number.isNaN(value)) continue;
            best = value;
            at = row * w + column;
          }
        }
        out[i] = at;
      }
      return out;
    },
    lowering: { kind: 'kernel', choices: () => onlyChoice(maxPool2dIndex(sizes)) },
  };
}

function keyOf(name: string, sizes: MaxPool2dSizes): string {
  return `${name}(${Object.values(sizes).join()})`;
}

function planeOf(shape: readonly number[]): number {
  return shape[2] * shape[3];
}

/**
 * The mean of every window, padding counted as zeros (PyTorch's `avg_pool2d` with its defaults).
 * x [N,C,H,W] -> [N,C,P,Q].
 */
export function avgPool2d(x: Tensor, window: Pair, options: Pool2dOptions = {}): Tensor {
  const {
    p,
    q,
    window: [r, s],
    stride,
    padding,
  } = sizesOf('avgPool2d', x, window, options);
  const [n, c, h, w] = x.shape;
  const planes = reshape(x, [n * c, 1, h, w]);
  const sums = conv2d(planes, full([1, 1, r, s], 1), { stride, padding });
  return reshape(div(sums, r * s), [n, c, p, q]);
}

/** The mean of each channel's whole image: [N,C,H,W] -> [N,C]. */
export function globalAvgPool2d(x: Tensor): Tensor {
  checkImage('globalAvgPool2d', x);
  return mean(x, [2, 3]);
}

/**
 * Means over a p x q grid of regions that cover the image: region i of P spans floor(i H / P) to ceil((i + 1) H / P)
 * (PyTorch's `adaptive_avg_pool2d`). x [N,C,H,W] -> [N,C,P,Q].
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: Pair): Tensor {
  checkImage('adaptiveAvgPool2d', x);
  checkPixels('adaptiveAvgPool2d', x);
  const [p, q] = pairOf('adaptiveAvgPool2d', 'outputSize', outputSize, 1);
  const [, , h, w] = x.shape;
  if (h % p === 0 && w % q === 0) return avgPool2d(x, [h / p, w / q]);
  return regionMeans(regionMeans(x, 3, q), 2, p);
}

/** The means of `count` regions along a dim, each of its own elements alone: no NaN or infinity leaves its regions. */
function regionMeans(x: Tensor, dim: number, count: number): Tensor {
  const size = x.shape[dim];
  const regions = Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count);
    return { start, length: Math.ceil(((i + 1) * size) / count) - start };
  });
  const longest = Math.max(...regions.map(({ length }) => length));
  const places = regions.flatMap(({ start, length }) =>
    Array.from({ length: longest }, (_, i) => start + Math.min(i, length - 1)),
  );
  const inside = regions.flatMap(({ length }) => Array.from({ length: longest }, (_, i) => i < length));
  const after = x.shape.slice(dim + 1).map(() => 1);
  const elements = reshape(indexSelect(x, dim, tensor(places, { dtype: 'i32' })), [
    ...x.shape.slice(0, dim),
    count,
    longest,
    ...x.shape.slice(dim + 1),
  ]);
  const mask = tensor(inside.map(Number), { shape: [count, longest, ...after], dtype: 'bool' });
  const lengths = tensor(
    regions.map(({ length }) => length),
    { shape: [count, ...after] },
  );
  return div(sum(where(mask, elements, 0), dim + 1), lengths);
}

function checkImage(name: string, x: Tensor): void {
  checkTensors(name, { x });
  if (x.shape.length !== 4 || x.dtype !== 'f32') {
    throw new ShapeError(`${name}: expected an f32 tensor [N,C,H,W], got ${x.dtype}${formatShape(x.shape)}.`);
  }
}

/** Padding alone has no largest element and no mean: an error, as in PyTorch. A batch of no images is fine. */
function checkPixels(name: string, x: Tensor): void {
  if (x.shape[2] > 0 && x.shape[3] > 0) return;
  throw new ShapeError(
    `${name}: expected images [N,C,H,W] of at least one pixel, got shape ${formatShape(x.shape)}.`,
  );
}

function sizesOf(name: string, x: Tensor, windowSize: Pair, options: Pool2dOptions): MaxPool2dSizes {
  checkImage(name, x);
  checkPixels(name, x);
  const window = pairOf(name, 'window', windowSize, 1);
  const { stride: steps = window, padding: border = 0 } = optionsOf(name, options, pool2dOptions);
  const stride = pairOf(name, 'stride', steps, 1);
  const padding = pairOf(name, 'padding', border, 0);
  if (padding.some((amount, dim) => amount > window[dim] / 2)) {
    throw new ShapeError(`${name}: padding ${padding} is more than half of the window ${window}.`);
  }
  const [n, c, h, w] = x.shape;
  const p = Math.floor((h + 2 * padding[0] - window[0]) / stride[0]) + 1;
  const q = Math.floor((w + 2 * padding[1] - window[1]) / stride[1]) + 1;
  if (p < 1 || q < 1) {
    throw new ShapeError(`${name}: a window of ${window.join(' x ')} does not fit ${formatShape(x.shape)}.`);
  }
  return { planes: n * c, h, w, p, q, window, stride, padding };
}
