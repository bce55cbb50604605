/** The numbers that PyTorch gave (pytorch-values.json, written by pytorch-values.py), each with our way to compute it. */
import {
  abs,
  adaptiveAvgPool2d,
  add,
  argMax,
  argMin,
  avgPool2d,
  batchNorm,
  cast,
  clamp,
  concat,
  conv2d,
  cos,
  crossEntropy,
  div,
  eq,
  erf,
  exp,
  expm1,
  flip,
  gather,
  gelu,
  globalAvgPool2d,
  greater,
  greaterEqual,
  indexSelect,
  isNan,
  leakyRelu,
  less,
  lessEqual,
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
  mseLoss,
  mul,
  neg,
  norm,
  notEqual,
  ones,
  pad,
  permute,
  pow,
  prod,
  relu,
  rsqrt,
  scatterAdd,
  sigmoid,
  sign,
  silu,
  sin,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  variance,
  where,
} from '../../src/engine/index.ts';
import stored from './pytorch-values.json' with { type: 'json' };

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface Result {
  readonly output: Values;
  /** Of sum(output * cos(1.7 i)), for each input. */
  readonly gradients?: readonly Values[];
}

export interface PyTorchCase {
  readonly name: string;
  readonly build: (...inputs: Tensor[]) => Tensor;
  readonly inputs: readonly Values[];
  readonly f64: Result;
  readonly f32: Result;
  /** The f32 output where subnormal inputs count as zeros. */
  readonly flushed: Values;
}

/** i32 [4] labels 0 1 2 3 0 1 ... for ten lines of four numbers. */
const lineLabels = tensor(Int32Array.from({ length: 10 }, (_, i) => i % 4));
const labels = tensor(Int32Array.of(2, 0, 4));
const index = tensor(Int32Array.of(0, 2, 2, 1, 0, 1), { shape: [2, 3] });

const builders: Record<string, (a: Tensor, b: Tensor, c: Tensor) => Tensor> = {
  abs,
  add,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  greater,
  greaterEqual,
  isNan,
  less,
  lessEqual,
  log,
  log1p,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  matmul,
  'matmul batched': matmul,
  globalAvgPool2d,
  gelu: (x) => gelu(x),
  'gelu tanh': (x) => gelu(x, 'tanh'),
  leakyRelu: (x) => leakyRelu(x),
  clamp: (x) => clamp(x, -1, 1),
  'clamp both': (x) => clamp(x, -1, 1),
  'clamp low': (x) => clamp(x, 0.25),
  'clamp high': (x) => clamp(x, undefined, 0.25),
  'cast to bool': (x) => cast(x, 'bool'),
  'pow 0': (x) => pow(x, 0),
  'pow 1': (x) => pow(x, 1),
  'pow 2': (x) => pow(x, 2),
  'pow 3': (x) => pow(x, 3),
  'pow 4': (x) => pow(x, 4),
  'pow 0.5': (x) => pow(x, 0.5),
  'pow -1': (x) => pow(x, -1),
  '2 pow': (x) => pow(2, x),
  where: (a, b) => where(greater(a, 0), a, b),
  sum: (x) => sum(x, 1),
  'sum of all': (x) => sum(x),
  mean: (x) => mean(x, 1),
  max: (x) => max(x, 1),
  'max of all': (x) => max(x),
  'max over dim 0': (x) => max(x, 0),
  'max over two dims': (x) => max(x, [0, 1]),
  min: (x) => min(x, 1),
  prod: (x) => prod(x, 1),
  variance: (x) => variance(x, 1),
  'variance biased': (x) => variance(x, [0, 2], { correction: 0 }),
  logSumExp: (x) => logSumExp(x, 1),
  norm: (x) => norm(x, 1),
  'norm of all': (x) => norm(x),
  argMax: (x) => argMax(x, 1),
  argMin: (x) => argMin(x, 1),
  softmax: (x) => softmax(x),
  logSoftmax: (x) => logSoftmax(x),
  crossEntropy: (x) => crossEntropy(x, lineLabels, { reduction: 'none' }),
  'crossEntropy smoothed': (x) => crossEntropy(x, lineLabels, { reduction: 'none', labelSmoothing: 0.1 }),
  'crossEntropy mean': (x) => crossEntropy(x, labels),
  'crossEntropy sum': (x) => crossEntropy(x, labels, { reduction: 'sum' }),
  'crossEntropy none smoothed': (x) => crossEntropy(x, labels, { reduction: 'none', labelSmoothing: 0.2 }),
  'crossEntropy mean smoothed': (x) => crossEntropy(x, labels, { labelSmoothing: 0.2 }),
  mseLoss: (x) => mseLoss(x, ones(x.shape), 'none'),
  'mseLoss mean': (a, b) => mseLoss(a, b),
  batchNorm: (x, weight, bias) => batchNorm(x, { weight, bias }),
  conv2d: (x, w) =>
    w.shape[0] === 1
      ? conv2d(x, w, { padding: 1 })
      : conv2d(x, w, { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
  'conv2d depthwise': (x, w) => conv2d(x, w, { padding: 1, groups: 4 }),
  maxPool2d: (x) => maxPool2d(x, 2),
  'maxPool2d padded': (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
  'maxPool2d overlapping': (x) => maxPool2d(x, 3, { stride: 1, padding: 1 }),
  avgPool2d: (x) => avgPool2d(x, 2),
  'avgPool2d padded': (x) => avgPool2d(x, 3, { stride: 2, padding: 1 }),
  adaptiveAvgPool2d: (x) => adaptiveAvgPool2d(x, [4, 3]),
  gather: (x) => gather(x, 1, index),
  scatterAdd: (x, source) => scatterAdd(x, 1, index, source),
  indexSelect: (x) => indexSelect(x, 1, tensor(Int32Array.of(2, 0, 2))),
  pad: (x) =>
    pad(
      x,
      [
        [0, 2],
        [1, 0],
      ],
      1.5,
    ),
  slice: (x) => slice(x, 1, 1, 6, 2),
  flip: (x) => flip(x, [0, 2]),
  permute: (x) => permute(x, [2, 0, 1]),
  concat: (a, b) => concat([a, b], 1),
  stack: (a, b) => stack([a, b], 1),
};

/** '[2,1] 0.5 nan' -> shape and numbers. */
function parse(text: string): Values {
  const end = text.indexOf(']');
  const shape = text.slice(1, end).split(',').filter(Boolean).map(Number);
  const words = text
    .slice(end + 1)
    .split(' ')
    .filter(Boolean);
  return { shape, data: Float64Array.from(words, (word) => Number(word.replace('inf', 'Infinity'))) };
}

function parseResult({ output, gradients }: { output: string; gradients?: string[] }): Result {
  return { output: parse(output), gradients: gradients?.map(parse) };
}

/** The cases of a group: `special` numbers, `ties` and edges, or ordinary `values`. */
export function pyTorchCases(group: 'special' | 'ties' | 'values'): PyTorchCase[] {
  return stored
    .filter((entry) => entry.group === group)
    .map(({ name, inputs, f64, f32, flushed }) => {
      const build = builders[name];
      if (!build) throw new Error(`pytorch-values.json has a case '${name}' that pytorch.ts cannot build.`);
      return {
        name,
        build: (...tensors: Tensor[]) => build(tensors[0], tensors[1], tensors[2]),
        inputs: inputs.map(parse),
        f64: parseResult(f64),
        f32: parseResult(f32),
        flushed: parse(flushed),
      };
    });
}
