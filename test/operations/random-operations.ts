/** The operations of random graphs. Values stay moderate, and each kink reports how far the values are from it. */
import {
  abs,
  add,
  argMax,
  avgPool2d,
  batchNorm,
  clamp,
  concat,
  conv2d,
  cos,
  crossEntropy,
  div,
  eq,
  erf,
  exp,
  expand,
  expm1,
  flip,
  gather,
  gelu,
  greater,
  indexSelect,
  leakyRelu,
  log,
  log1p,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mul,
  neg,
  norm,
  oneHot,
  pad,
  permute,
  pow,
  prod,
  relu,
  reshape,
  rsqrt,
  scatterAdd,
  sigmoid,
  silu,
  sin,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  square,
  squeeze,
  stack,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  transpose,
  unsqueeze,
  variance,
  where,
} from '../../src/engine/index.ts';
import { numbers } from './row.ts';

export interface Context {
  /** A whole number in [0, n), another one at every call. */
  pick(n: number): number;
  gap(distances: Tensor): void;
}

export type Make = (a: Tensor, b: Tensor, context: Context) => Tensor | undefined;

const positive = (x: Tensor): Tensor => add(square(x), 0.5);
const dimOf = (x: Tensor, { pick }: Context): number | undefined =>
  x.shape.length === 0 ? undefined : pick(x.shape.length);

/** A function along one dim; none where the tensor has no dims. */
const along =
  (f: (x: Tensor, dim: number, context: Context) => Tensor | undefined): Make =>
  (x, _, context) => {
    const dim = dimOf(x, context);
    return dim === undefined ? undefined : f(x, dim, context);
  };

/** Two tensors that broadcast: the second becomes its mean if it does not fit. */
const pairwise =
  (f: (a: Tensor, b: Tensor, context: Context) => Tensor): Make =>
  (a, b, context) => {
    const fits = a.shape.every((size, i) => {
      const other = b.shape[i - a.shape.length + b.shape.length] ?? 1;
      return size === other || size === 1 || other === 1;
    });
    return f(a, fits ? b : mean(b), context);
  };

/** Distance of the largest element along `dim` from the next one. */
function leadOf(x: Tensor, dim: number): Tensor {
  const last = transpose(x.detach(), dim, -1);
  const first = oneHot(argMax(last, -1), x.shape[dim]);
  return sub(max(last, -1), max(where(eq(first, 1), -1e3, last), -1));
}

const image = (f: (x: Tensor, b: Tensor, context: Context) => Tensor | undefined): Make => {
  return (x, b, context) => {
    const wanted =
      x.shape.length > 4 ? undefined : reshape(x, [...Array(4 - x.shape.length).fill(1), ...x.shape]);
    return wanted && f(wanted, b, context);
  };
};

const convolution = image((x, b, { pick }) => {
  const [, c, h, w] = x.shape;
  const groups = pick(2) === 0 ? 1 : c;
  const [r, s] = [1 + pick(Math.min(3, h)), 1 + pick(Math.min(3, w))];
  const filter = mul(
    numbers([groups * (1 + pick(2)), c / groups, r, s], 0.1, 0.7, pick(99)),
    add(mean(b), 1),
  );
  const options = { stride: 1 + pick(2), padding: [pick(2), pick(2)] as const, dilation: 1, groups };
  return conv2d(x, filter, options);
});

const maxPooling = image((x, _, { gap }) => {
  const [n, c, h, w] = x.shape;
  if (h % 2 === 1 || w % 2 === 1) return undefined;
  const windows = permute(reshape(x, [n, c, h / 2, 2, w / 2, 2]), [0, 1, 2, 4, 3, 5]);
  gap(leadOf(reshape(windows, [n * c * h * w * 0.25, 4]), 1));
  return maxPool2d(x, 2);
});

/** By name. An operation that does not fit its tensors gives nothing. */
export const operations: Record<string, Make> = {
  tanh,
  sigmoid,
  sin,
  cos,
  softplus,
  erf,
  gelu: (x) => gelu(x),
  geluTanh: (x) => gelu(x, 'tanh'),
  silu,
  neg,
  square: (x) => square(tanh(x)),
  exp: (x) => exp(tanh(x)),
  expm1: (x) => expm1(tanh(x)),
  log: (x) => log(positive(x)),
  log1p: (x) => log1p(square(x)),
  sqrt: (x) => sqrt(positive(x)),
  rsqrt: (x) => rsqrt(positive(x)),
  scale: (x) => add(mul(x, 0.7), 0.2),
  add: pairwise(add),
  sub: pairwise(sub),
  mul: pairwise((a, b) => mul(a, tanh(b))),
  div: pairwise((a, b) => div(a, positive(b))),
  pow: pairwise((a, b) => pow(positive(tanh(a)), tanh(b))),
  maximum: pairwise((a, b, { gap }) => {
    gap(abs(sub(a, b)));
    return maximum(a, b);
  }),
  minimum: pairwise((a, b, { gap }) => {
    gap(abs(sub(a, b)));
    return minimum(a, b);
  }),
  where: pairwise((a, b, { gap }) => {
    gap(abs(sub(b, 0.1)));
    return where(greater(b, 0.1), sin(a), mul(a, b));
  }),
  relu: (x, _, { gap }) => {
    gap(abs(x));
    return relu(x);
  },
  abs: (x, _, { gap }) => {
    gap(abs(x));
    return abs(x);
  },
  leakyRelu: (x, _, { gap }) => {
    gap(abs(x));
    return leakyRelu(x, 0.2);
  },
  clamp: (x, _, { gap }) => {
    gap(abs(sub(abs(x), 0.5)));
    return clamp(x, -0.5, 0.5);
  },
  sum: (x, _, { pick }) => {
    const dims = x.shape.flatMap((_size, dim) => (pick(2) === 0 ? [dim] : []));
    return mul(sum(x, dims, pick(2) === 0), 0.5);
  },
  mean: along((x, dim, { pick }) => mean(x, dim, pick(2) === 0)),
  max: along((x, dim, { gap, pick }) => {
    gap(leadOf(x, dim));
    return max(x, dim, pick(2) === 0);
  }),
  min: along((x, dim, { gap }) => {
    gap(leadOf(neg(x), dim));
    return min(x, dim);
  }),
  prod: along((x, dim, { pick }) => prod(tanh(x), dim, pick(2) === 0)),
  variance: along((x, dim) => variance(x, dim, { correction: 0, keepDim: true })),
  logSumExp: along((x, dim, { pick }) => logSumExp(x, dim, pick(2) === 0)),
  norm: along((x, dim, { gap }) => {
    const result = norm(x, dim);
    gap(mul(result, 0.2));
    return result;
  }),
  softmax: along(softmax),
  logSoftmax: along(logSoftmax),
  reshape: (x) => reshape(x, [-1]),
  reshapeTo2: (x) => (x.size % 2 === 0 ? reshape(x, [2, -1]) : undefined),
  permute: (x) => permute(x, [...x.shape.keys()].reverse()),
  transpose: (x) => (x.shape.length < 2 ? undefined : transpose(x)),
  slice: along((x, dim, { pick }) => slice(x, dim, pick(x.shape[dim]), undefined, 1 + pick(2))),
  split: along((x, dim) => split(x, 2, dim).reduce((total, part) => add(total, mean(part)), mul(x, 0.5))),
  pad: (x, _, { pick }) =>
    pad(
      x,
      x.shape.map(() => [pick(2), pick(2)] as const),
      0.25,
    ),
  flip: along(flip),
  concat: along((x, dim) => concat([x, mul(x, 0.5)], dim)),
  stack: pairwise((a, b) => {
    const both = add(a, b);
    return stack([expand(a, both.shape), both], -1);
  }),
  expand: (x, _, { pick }) => expand(x, [1 + pick(3), ...x.shape]),
  unsqueeze: (x, _, { pick }) => unsqueeze(x, pick(x.shape.length + 1)),
  squeeze: (x) => squeeze(x),
  matmul: (a, b) => {
    if (a.shape.length < 2) return undefined;
    const k = a.shape[a.shape.length - 1];
    const fits = b.shape.length === 2 && b.shape[0] === k;
    return mul(matmul(a, fits ? b : transpose(a)), 1 / k);
  },
  outer: (a, b) => matmul(reshape(a, [-1, 1]), reshape(b, [1, -1])),
  conv2d: convolution,
  maxPool2d: maxPooling,
  avgPool2d: image((x, _, { pick }) => {
    const [, , h, w] = x.shape;
    return avgPool2d(x, [1 + pick(h), 1 + pick(w)], { stride: 1 + pick(2) });
  }),
  batchNorm: (x) => {
    const wide = x.shape.length >= 2 && x.size > x.shape[1];
    return wide ? batchNorm(x, { epsilon: 0.1 }) : undefined;
  },
  indexSelect: along((x, dim, { pick }) => {
    const index = Int32Array.from({ length: 1 + pick(4) }, () => pick(x.shape[dim]));
    return indexSelect(x, dim, tensor(index));
  }),
  gather: along((x, dim, { pick }) => {
    const index = Int32Array.from({ length: x.size }, () => pick(x.shape[dim]));
    return gather(x, dim, tensor(index, { shape: x.shape }));
  }),
  scatterAdd: along((x, dim, { pick }) => {
    const index = Int32Array.from({ length: x.size }, () => pick(x.shape[dim]));
    return scatterAdd(x, dim, tensor(index, { shape: x.shape }), tanh(x));
  }),
  crossEntropy: (x, _, { pick }) => {
    if (x.shape.length !== 2) return undefined;
    const labels = Int32Array.from({ length: x.shape[0] }, () => pick(x.shape[1]));
    return crossEntropy(x, tensor(labels), { reduction: 'none', labelSmoothing: 0.1 * pick(2) });
  },
};
