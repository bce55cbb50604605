/** Every case of the comparison, described once. */
import type { Case, ConvolutionOptions, HostArray, Layout } from './library.ts';
import { cnn, type Network, resnet } from './networks.ts';
import { type Random, seededRandom } from './random.ts';

/** Names in the order of the table. The arrays of a case are made when it is looked up with `findCase`. */
export const caseNames: readonly string[] = listCases().map(({ name }) => name);

export function findCase(name: string): Case {
  const found = listCases().find((entry) => entry.name === name);
  if (!found) throw new Error(`There is no case '${name}'.`);
  return { name, tolerance: usualTolerance, ...found.make(seededRandom(1)) };
}

const usualTolerance = 1e-3;

/** Of millions of activations some are so close to zero that rounding decides what relu makes of them. */
const deepTolerance = 1e-2;

type Made = Omit<Case, 'name' | 'tolerance'> & Partial<Pick<Case, 'tolerance'>>;

interface Entry {
  readonly name: string;
  make(random: Random): Made;
}

function listCases(): Entry[] {
  const wide = { n: 32, c: 16, k: 16, size: 16, window: 3, padding: 1 };
  return [
    matmul(256, 256, 256),
    matmul(512, 512, 512),
    matmul(1000, 300, 700),
    convolution('conv 3x3 forward', { ...wide, forwardOnly: true }),
    convolution('conv 3x3 + gradients', wide),
    convolution('conv stride 2 + gradients', { ...wide, stride: 2 }),
    convolution('conv 1x1 + gradients', { ...wide, window: 1, padding: 0 }),
    convolution('conv depthwise + gradients', { ...wide, groups: 16 }),
    convolution('conv 3 channels + gradients', { ...wide, c: 3, size: 32 }),
    { name: 'cross entropy 128x10 + gradient', make: crossEntropy },
    { name: 'batch norm + gradients', make: batchNorm },
    training('CNN step', (random) => cnn(random, {}), 16),
    training('CNN + BN step', (random) => cnn(random, { batchNorm: true }), 16),
    training('CNN + max-pool step', (random) => cnn(random, { maxPool: true }), 16),
    training('CNN step with penalty', (random) => cnn(random, {}), 16, 0.1),
    training('CNN + BN step with penalty', (random) => cnn(random, { batchNorm: true }), 16, 0.1),
    training('CNN + max-pool step with penalty', (random) => cnn(random, { maxPool: true }), 16, 0.1),
    deep(training('ResNet step', resnet, 32)),
    deep(training('ResNet step with penalty', resnet, 32, 0.1)),
    { name: '1000 chained adds', make: chainedAdds },
    { name: 'SGD with momentum, 5 M parameters', make: momentumUpdate },
  ];
}

function normal(random: Random, layout: Layout, shape: number[], deviation?: number): HostArray {
  return { layout, shape, values: random.normal(shape, deviation) };
}

function matmul(m: number, k: number, n: number): Entry {
  return {
    name: m === n ? `matmul ${m}` : `matmul ${m}x${k}x${n}`,
    make: (random) => ({
      kind: 'evaluate',
      inputs: [normal(random, 'plain', [m, k]), normal(random, 'plain', [k, n])],
      constants: [],
      compute: (operations, [x, y]) => operations.matmul(x, y),
    }),
  };
}

interface ConvolutionSizes extends ConvolutionOptions {
  readonly n: number;
  readonly c: number;
  readonly k: number;
  readonly size: number;
  readonly window: number;
  readonly padding: number;
  readonly forwardOnly?: boolean;
}

function convolution(name: string, sizes: ConvolutionSizes): Entry {
  const { n, c, k, size, window, padding, stride = 1, groups = 1, forwardOnly = false } = sizes;
  const output = Math.floor((size + 2 * padding - window) / stride) + 1;
  return {
    name,
    make: (random) => ({
      kind: forwardOnly ? 'evaluate' : 'differentiate',
      inputs: [
        normal(random, 'image', [n, c, size, size]),
        normal(random, 'filter', [k, c / groups, window, window]),
      ],
      constants: [],
      cotangent: normal(random, 'image', [n, k, output, output]),
      compute: (operations, [x, filter]) => operations.convolution(x, filter, { stride, padding, groups }),
    }),
  };
}

function crossEntropy(random: Random): Made {
  return {
    kind: 'differentiate',
    inputs: [normal(random, 'plain', [128, 10])],
    constants: [labels(random, 128)],
    compute: (operations, [logits], [classes]) => operations.crossEntropy(logits, classes),
  };
}

function batchNorm(random: Random): Made {
  const image = [32, 16, 16, 16];
  return {
    kind: 'differentiate',
    inputs: [normal(random, 'image', image), normal(random, 'plain', [16]), normal(random, 'plain', [16])],
    constants: [],
    cotangent: normal(random, 'image', image),
    compute: (operations, [x, scale, shift]) => operations.batchNorm(x, scale, shift),
  };
}

/** A step on a batch of 32 square images with labels. */
function training(name: string, build: (random: Random) => Network, size: number, penalty?: number): Entry {
  return {
    name,
    make: (random) => {
      const network = build(random);
      return {
        kind: 'train',
        inputs: network.parameters,
        constants: [normal(random, 'image', [32, 3, size, size]), labels(random, 32)],
        penalty,
        compute: (operations, parameters, [x, classes]) =>
          operations.crossEntropy(network.forward(operations, parameters, x), classes),
      };
    },
  };
}

function deep({ name, make }: Entry): Entry {
  return { name, make: (random) => ({ ...make(random), tolerance: deepTolerance }) };
}

function labels(random: Random, count: number): HostArray {
  return { layout: 'labels', shape: [count], values: random.integers(count, 10) };
}

function chainedAdds(random: Random): Made {
  return {
    kind: 'evaluate',
    inputs: [normal(random, 'plain', [1000]), normal(random, 'plain', [1000], 1e-3)],
    constants: [],
    compute: (operations, [x, y]) => {
      let sum = x;
      for (let i = 0; i < 1000; i++) sum = operations.add(sum, i < 999 ? operations.keep(y) : y);
      return sum;
    },
  };
}

/** Ten tensors of 5 million numbers in all. */
function momentumUpdate(random: Random): Made {
  const shapes = [...Array.from({ length: 8 }, () => [512, 1024]), [512, 1572], [832]];
  const arrays = (deviation: number) => shapes.map((shape) => normal(random, 'plain', shape, deviation));
  return {
    kind: 'momentum',
    inputs: arrays(1),
    constants: arrays(0.1),
    compute: () => {
      throw new Error('An update of given gradients computes nothing else.');
    },
  };
}
