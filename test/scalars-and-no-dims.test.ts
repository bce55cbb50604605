/** Cases at the edge of what an operation takes, settled as PyTorch settles them: no dims, scalars, dropping everything. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import * as engine from '../src/engine/index.ts';
import { createGenerator, dropout, grad, setDevice, sum, type Tensor, tensor } from '../src/engine/index.ts';
import { Dropout } from '../src/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);
const scalar = tensor(2);

const { mean, max, min, prod, logSumExp, norm, variance, argMax, argMin } = engine;
const reductions = { sum, mean, max, min, prod, logSumExp, norm };
const keeping = {
  ...reductions,
  variance: (a: Tensor, dims: number[], keepDim: boolean) => variance(a, dims, { keepDim }),
};

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each(Object.entries(reductions))('%s over an empty list of dims is over all', async (_name, reduce) => {
    const some = reduce(x, []);
    expect(some.shape).toEqual([]);
    expect(await some.item()).toBe(await reduce(x).item());
    const gradients = await Promise.all([grad(some, x).data(), grad(reduce(x), x).data()]);
    expect(gradients[0]).toEqual(gradients[1]);
  });

  it('variance over an empty list of dims is over all', async () => {
    expect(await variance(x, []).item()).toBeCloseTo(3.5, 5);
  });

  it.each(Object.entries(keeping))('%s keeps all dims of an empty list', (_name, reduce) => {
    expect(reduce(x, [], true).shape).toEqual([1, 1]);
    expect(reduce(scalar, [], true).shape).toEqual([]);
  });

  it.each([0, -1])('a scalar has dim %i', async (dim) => {
    for (const reduce of Object.values(reductions)) {
      for (const dims of [dim, [dim]]) {
        const reduced = reduce(scalar, dims, true);
        expect(reduced.shape).toEqual([]);
        expect(await reduced.item()).toBe(2);
        expect(await grad(reduced, scalar).item()).toBe(1);
      }
    }
    expect(await variance(scalar, dim).item()).toBeNaN();
    for (const find of [argMax, argMin]) expect(await find(scalar, dim, true).item()).toBe(0);
    const { softmax, logSoftmax, squeeze, flip, transpose, flatten } = engine;
    expect(await softmax(scalar, dim).item()).toBe(1);
    expect(await grad(softmax(scalar, dim), scalar).item()).toBe(0);
    expect(await logSoftmax(scalar, dim).item()).toBe(0);
    for (const same of [squeeze(scalar, dim), flip(scalar, dim), transpose(scalar, 0, dim)]) {
      expect(same.shape).toEqual([]);
      expect(await same.item()).toBe(2);
    }
    expect(flatten(scalar, dim).shape).toEqual([1]);
  });

  it.each([
    ['dropout', (a: Tensor) => dropout(createGenerator(0), a, 1)],
    ['Dropout', (a: Tensor) => new Dropout(1, { generator: createGenerator(0) }).forward(a)],
  ])('%s of everything gives zeros, and zeros as gradients', async (_name, drop) => {
    const dropped = drop(x);
    expect([...(await dropped.data())]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...(await grad(sum(dropped), x).data())]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

it('a scalar has no other dim', () => {
  const all = { ...reductions, argMax, argMin, variance, softmax: engine.softmax, flip: engine.flip };
  for (const [name, call] of Object.entries(all)) {
    for (const dim of [1, -2]) {
      expect(() => call(scalar, dim)).toThrow(`${name}: dim ${dim} does not exist in shape []`);
    }
  }
  expect(() => sum(scalar, [0, -1])).toThrow('sum: dims [0,-1] name a dim of shape [] twice.');
});

it('what needs a dim says so of a scalar', () => {
  const sentence = 'does not exist in shape []; expected a tensor of one dim or more.';
  const { slice, split, concat, gather, indexSelect } = engine;
  const index = tensor([0], { dtype: 'i32' });
  expect(() => slice(scalar, 0, 0)).toThrow(`slice: dim 0 ${sentence}`);
  expect(() => split(scalar, 1)).toThrow(`split: dim 0 ${sentence}`);
  expect(() => concat([scalar])).toThrow(`concat: dim 0 ${sentence}`);
  expect(() => gather(scalar, 0, index)).toThrow(`gather: dim 0 ${sentence}`);
  expect(() => indexSelect(scalar, 0, index)).toThrow(`indexSelect: dim 0 ${sentence}`);
});

it.each([
  ['a BigInt64Array', new BigInt64Array(2)],
  ['a BigUint64Array', new BigUint64Array(2)],
  ['a DataView', new DataView(new ArrayBuffer(8))],
  ['an ArrayBuffer', new ArrayBuffer(8)],
  ['a Set', new Set([1])],
])('tensor says what it expects instead of %s', (name, values) => {
  expect(() => Reflect.apply(tensor, undefined, [values])).toThrow(
    `tensor: values is ${name}; expected numbers, nested lists or a typed array of numbers`,
  );
});

it('tensor names what stands in a list', () => {
  expect(() => Reflect.apply(tensor, undefined, [[1, 2n]])).toThrow(
    'tensor: an entry of values is the bigint 2;',
  );
  expect(() => Reflect.apply(tensor, undefined, [[[1], new Float32Array(1)]])).toThrow(
    'tensor: an entry of values is a Float32Array;',
  );
});
