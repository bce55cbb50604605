/** What the engine runs as a whole: training steps and other expressions, recorded once and replayed. */

import { forwardPass, microStep, randomDraws } from '../src/experiments/methods.ts';
import {
  add,
  assign,
  batchNorm,
  compile,
  createGenerator,
  crossEntropy,
  grad,
  matmul,
  mul,
  sgd,
  sum,
  type Tensor,
  tensor,
} from '../src/index.ts';
import { resnet } from '../src/nn/index.ts';
import { numbers, sizeOf } from './kernel-case.ts';

/** Something that runs on the device in use. */
export interface EngineWork {
  /** Runs it once and reads its results. */
  readonly step: () => Promise<readonly Tensor[]>;
  /** What it leaves on the device. */
  readonly state: readonly Tensor[];
}

export interface EngineCase {
  readonly name: string;
  readonly shape: string;
  /** Makes its tensors anew; the same numbers at every call. */
  readonly make: () => EngineWork;
  /** The same at a size that plain float64 loops can check; absent where that is the case's own size. */
  readonly makeSmall?: () => EngineWork;
  /** What two steps may differ by from float64, relative to the largest number of a tensor. */
  readonly tolerance: number;
  readonly hardwareOnly?: boolean;
}

export function engineCases(): EngineCase[] {
  return [
    {
      name: 'adds 1000',
      shape: '[1024], 1000 in a chain',
      make: () => chainedAdds(1000, 1024),
      tolerance: 1e-4,
    },
    {
      name: 'products 1000',
      shape: '[8,8] x [8,8], 1000 in a chain',
      make: () => chainedProducts(1000, 8),
      tolerance: 1e-4,
    },
    {
      name: 'softmax cross entropy',
      shape: '[128,10], with gradient',
      make: () => softmaxCrossEntropy(128, 10),
      tolerance: 1e-5,
    },
    {
      name: 'batch norm',
      shape: '[32,16,16,16], with gradients',
      make: () => batchNormalisation([32, 16, 16, 16]),
      tolerance: 1e-4,
    },
    {
      name: 'optimiser',
      shape: 'SGD with momentum, 5 tensors of 1,000,000',
      make: () => optimiserUpdate(5, 1e6),
      makeSmall: () => optimiserUpdate(5, 1000),
      tolerance: 1e-5,
    },
    ...resnetCases('resnet [4,8]', { widths: [4, 8], blocks: [1, 1], images: [16, 1, 8, 8] }),
    ...resnetCases('resnet [16,32,64]', {
      widths: [16, 32, 64],
      blocks: [2, 2, 2],
      images: [32, 3, 32, 32],
      small: { widths: [4, 8, 16], images: [4, 3, 16, 16] },
    }),
    ...resnetCases('resnet18', {
      widths: [64, 128, 256, 512],
      blocks: [2, 2, 2, 2],
      images: [128, 3, 32, 32],
      small: { widths: [4, 8, 16, 32], images: [4, 3, 16, 16] },
      hardwareOnly: true,
    }),
  ];
}

interface ResnetCase extends ResnetSize {
  readonly blocks: readonly number[];
  /** What float64 checks, where it cannot check the case itself. */
  readonly small?: ResnetSize;
  readonly hardwareOnly?: boolean;
}

interface ResnetSize {
  readonly widths: readonly number[];
  /** [N, channels, H, W] */
  readonly images: readonly number[];
}

/** A plain step of SGD, and one that penalises the gradient's norm. */
function resnetCases(name: string, { blocks, small, hardwareOnly, ...size }: ResnetCase): EngineCase[] {
  return (['plain', 'GN'] as const).map((method) => ({
    name: `${name} ${method}`,
    shape: `[${size.images}], widths ${size.widths}, blocks ${blocks}`,
    make: () => resnetStep(method, blocks, size),
    makeSmall: small && (() => resnetStep(method, blocks, small)),
    // Relu decides at zero: numbers that differ in the last place can take another branch.
    tolerance: 1e-3,
    hardwareOnly,
  }));
}

/** x + y + y + ...: none of the sums can be left out, for all that a planner may know of adding. */
function chainedAdds(count: number, size: number): EngineWork {
  const [x, y] = [tensor(numbers(size, 1)), tensor(numbers(size, 2))];
  const chain = compile((first: Tensor, second: Tensor) => {
    let total = first;
    for (let i = 0; i < count; i++) total = add(total, i % 2 === 0 ? second : first);
    return [total];
  });
  return { step: () => chain(x, y), state: [] };
}

/** A launch for each product, as small as they get: what is left is what launches cost. */
function chainedProducts(count: number, size: number): EngineWork {
  const permutation = Float32Array.from({ length: size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    // Products keep their size however long the chain.
    return column === (row + 1) % size ? 1 : 0;
  });
  const [x, turn] = [numbers(size * size, 1), permutation].map((values) =>
    tensor(values, { shape: [size, size] }),
  );
  const chain = compile((first: Tensor, factor: Tensor) => {
    let product = first;
    for (let i = 0; i < count; i++) product = matmul(product, factor);
    return [product];
  });
  return { step: () => chain(x, turn), state: [] };
}

function softmaxCrossEntropy(count: number, classes: number): EngineWork {
  const logits = tensor(numbers(count * classes, 1), { shape: [count, classes] });
  const labels = labelsOf(count, classes);
  const step = compile((z: Tensor, y: Tensor) => {
    const loss = crossEntropy(z, y);
    return [loss, grad(loss, z)];
  });
  return { step: () => step(logits, labels), state: [] };
}

/** y = batch norm of x, and the gradients of Σ t y, all left on the device. */
function batchNormalisation(shape: readonly number[]): EngineWork {
  const channels = shape[1];
  const [x, t] = [1, 2].map((seed) => tensor(numbers(sizeOf(shape), seed), { shape: [...shape] }));
  const parameters = [3, 4].map((seed) => tensor(numbers(channels, seed)));
  const results = [shape, shape, [channels], [channels]].map((of) =>
    tensor(new Float32Array(sizeOf(of)), { shape: [...of] }),
  );
  const step = compile((input: Tensor, target: Tensor) => {
    const [weight, bias] = parameters;
    const y = batchNorm(input, { weight, bias });
    const loss = sum(mul(target, y));
    [y, ...grad(loss, [input, weight, bias])].forEach((value, i) => {
      assign(results[i], value);
    });
    return [loss];
  });
  return { step: () => step(x, t), state: results };
}

function optimiserUpdate(count: number, size: number): EngineWork {
  const parameters = Array.from({ length: count }, (_, i) => tensor(numbers(size, i)));
  const gradients = parameters.map((_, i) => tensor(numbers(size, count + i)));
  const optimizer = sgd(parameters, { learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 });
  const step = compile((...given: Tensor[]) => {
    optimizer.step(given);
    return [];
  });
  return { step: () => step(...gradients), state: parameters };
}

/** Forward, loss, gradients and SGD with momentum; results are the loss and, with GN, the penalty. */
function resnetStep(
  method: 'plain' | 'GN',
  blocks: readonly number[],
  { widths, images }: ResnetSize,
): EngineWork {
  const [count, channels] = images;
  const classes = 10;
  const model = resnet({ widths, blocks, classes, channels }, createGenerator(0));
  const parameters = model.parameters();
  const optimizer = sgd(parameters, { learningRate: 0.01, momentum: 0.9 });
  const draws = randomDraws(createGenerator(0, 1));
  const options = { method: method === 'GN' ? method : 'SB', lambda: 0.01, microBatches: 1 } as const;
  const step = compile((x: Tensor, labels: Tensor) => {
    const { loss, penalty, gradients } = microStep(options, forwardPass(model, x, labels, draws));
    optimizer.step(gradients);
    return penalty ? [loss, penalty] : [loss];
  });
  const x = tensor(numbers(sizeOf(images), 1), { shape: [...images] });
  const labels = labelsOf(count, classes);
  return { step: () => step(x, labels), state: parameters };
}

function labelsOf(count: number, classes: number): Tensor {
  return tensor(
    Int32Array.from({ length: count }, (_, i) => i % classes),
    { dtype: 'i32' },
  );
}
