/** The cases on regrad: one compiled function a case. */

import { version } from '../../package.json';
import {
  add,
  channelStatistics,
  compile,
  conv2d,
  crossEntropy,
  globalAvgPool2d,
  grad,
  matmul,
  maxPool2d,
  mul,
  normalizeChannels,
  relu,
  reshape,
  sgd,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import {
  type Case,
  type HostArray,
  type Library,
  learningRate,
  momentum,
  type Operations,
  type Prepared,
} from './library.ts';

const operations: Operations<Tensor> = {
  keep: (x) => x,
  add,
  matmul,
  convolution: conv2d,
  channelBias: (x, bias) => add(x, reshape(bias, [1, bias.size, 1, 1])),
  batchNorm: (x, weight, bias) => normalizeChannels(x, channelStatistics(x), { weight, bias }, 1e-5),
  relu,
  maxPool: (x) => maxPool2d(x, 2),
  globalAveragePool: globalAvgPool2d,
  crossEntropy,
};

export const regrad: Library = {
  version,
  async prepare(use) {
    const inputs = use.inputs.map(upload);
    const constants = use.constants.map(upload);
    const cotangent = use.cotangent && upload(use.cotangent);
    const all = cotangent ? [...inputs, ...constants, cotangent] : [...inputs, ...constants];
    await Promise.all(all.map((t) => t.run()));
    return {
      ...prepare(use, inputs, constants, cotangent),
      dispose: () => all.forEach((t) => void t.dispose()),
    };
  },
};

function upload({ layout, shape, values }: HostArray): Tensor {
  return layout === 'labels' ? tensor(Int32Array.from(values), { shape }) : tensor(values, { shape });
}

function prepare(
  use: Case,
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
  cotangent: Tensor | undefined,
): Pick<Prepared, 'call' | 'parameters'> {
  const readAll = (tensors: readonly Tensor[]) => Promise.all(tensors.map((t) => t.data()));
  if (use.kind === 'train' || use.kind === 'momentum') {
    const step = compile(use.kind === 'train' ? trainingStep(use, inputs) : momentumStep(inputs));
    return {
      call: async () => readAll([await step(...constants)]),
      parameters: () => readAll(inputs),
    };
  }
  const fn = compile((...given: Tensor[]) => {
    const own = given.slice(0, inputs.length);
    const value = use.compute(operations, own, given.slice(inputs.length, inputs.length + constants.length));
    if (use.kind === 'evaluate') return [value];
    return [value, ...grad(cotangent ? sum(mul(value, given[given.length - 1])) : value, own)];
  });
  const given = [...inputs, ...constants, ...(cotangent && use.kind === 'differentiate' ? [cotangent] : [])];
  return { call: async () => readAll(await fn(...given)) };
}

function trainingStep(use: Case, parameters: readonly Tensor[]): (...constants: Tensor[]) => Tensor {
  const optimizer = sgd(parameters, { learningRate });
  return (...constants) => {
    const loss = use.compute(operations, parameters, constants);
    const total = use.penalty ? add(loss, mul(squaredNorm(grad(loss, parameters)), use.penalty)) : loss;
    optimizer.step(grad(total, parameters));
    return total;
  };
}

function squaredNorm(gradients: readonly Tensor[]): Tensor {
  return gradients.map((g) => sum(square(g))).reduce((a, b) => add(a, b));
}

/** Returns one number of the updated parameters. */
function momentumStep(parameters: readonly Tensor[]): (...gradients: Tensor[]) => Tensor {
  const optimizer = sgd(parameters, { learningRate, momentum });
  return (...gradients) => {
    optimizer.step(gradients);
    return slice(reshape(parameters[0], [parameters[0].size]), 0, 0, 1);
  };
}
