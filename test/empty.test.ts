/** Tensors without elements have PyTorch's values: empty results, what a fold starts from, or NaN for a mean. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  argMax,
  crossEntropy,
  grad,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  mean,
  prod,
  read,
  setDevice,
  softmax,
  split,
  sum,
  type Tensor,
  tensor,
  variance,
  zeros,
} from '../src/engine/index.ts';
import { BatchNorm2d } from '../src/nn/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const cases: Record<string, { of: () => Tensor; shape: number[]; values: number[] }> = {
  'softmax along an empty dim': { of: () => softmax(zeros([3, 0]), 1), shape: [3, 0], values: [] },
  'softmax of no rows': { of: () => softmax(zeros([0, 3]), 1), shape: [0, 3], values: [] },
  'softmax down no rows': { of: () => softmax(zeros([0, 3]), 0), shape: [0, 3], values: [] },
  'logSoftmax along an empty dim': { of: () => logSoftmax(zeros([3, 0])), shape: [3, 0], values: [] },
  'logSumExp along an empty dim': {
    of: () => logSumExp(zeros([2, 0]), 1),
    shape: [2],
    values: [-Infinity, -Infinity],
  },
  'logSumExp that keeps an empty dim': {
    of: () => logSumExp(zeros([1, 0]), 1, true),
    shape: [1, 1],
    values: [-Infinity],
  },
  'logSumExp of nothing': { of: () => logSumExp(zeros([0, 3])), shape: [], values: [-Infinity] },
  'logSumExp of no rows': { of: () => logSumExp(zeros([0, 3]), 1), shape: [0], values: [] },
  'max of no rows': { of: () => max(zeros([0, 3]), 1), shape: [0], values: [] },
  'argMax of no rows': { of: () => argMax(zeros([0, 3]), 1), shape: [0], values: [] },
  'mean down no rows': { of: () => mean(zeros([0, 2]), 0), shape: [2], values: [Number.NaN, Number.NaN] },
  'variance of nothing': { of: () => variance(zeros([0])), shape: [], values: [Number.NaN] },
  'variance of one number': { of: () => variance(tensor([3])), shape: [], values: [Number.NaN] },
  'product of nothing': { of: () => prod(zeros([0, 2]), 0), shape: [2], values: [1, 1] },
  'a matrix product over an empty dim': {
    of: () => matmul(zeros([1, 0]), zeros([0, 2])),
    shape: [1, 2],
    values: [0, 0],
  },
  'cross entropy of no rows': {
    of: () => crossEntropy(zeros([0, 3]), zeros([0], 'i32')),
    shape: [],
    values: [Number.NaN],
  },
  'summed cross entropy of no rows': {
    of: () => crossEntropy(zeros([0, 3]), zeros([0], 'i32'), { reduction: 'sum' }),
    shape: [],
    values: [0],
  },
};

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each(Object.entries(cases))('%s', async (_, { of, shape, values }) => {
    const result = of();
    expect(result.shape).toEqual(shape);
    expect([...(await result.data())]).toEqual(values);
  });

  it.each([
    { whole: [0], size: 2, parts: [[0]] },
    { whole: [0], size: 0, parts: [[0]] },
    { whole: [0], size: [0, 0], parts: [[0], [0]] },
    { whole: [0], size: [], parts: [] },
    { whole: [0, 3], size: 2, parts: [[0, 3]] },
    {
      whole: [4, 0],
      size: 3,
      parts: [
        [3, 0],
        [1, 0],
      ],
    },
  ])('split($whole, $size)', async ({ whole, size, parts }) => {
    const found = split(zeros(whole), size);
    expect(found.map(({ shape }) => shape)).toEqual(parts);
    await read(...found);
  });

  it.each([
    [0, 3, 2, 2],
    [2, 3, 0, 2],
  ])('batch norm of [%i,%i,%i,%i] counts a pass, and moves no statistics', async (...shape) => {
    const norm = new BatchNorm2d(3);
    const x = zeros(shape);
    const y = norm.forward(x);
    const [dx, dw, db] = grad(sum(y), [x, norm.weight, norm.bias]);
    expect([y.shape, dx.shape]).toEqual([shape, shape]);
    const { runningMean, runningVariance, batchesTracked } = norm;
    const values = await read(y, dx, dw, db, runningMean, runningVariance, batchesTracked);
    expect(values.map((numbers) => [...numbers])).toEqual([
      [],
      [],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
      [1],
    ]);
  });
});
