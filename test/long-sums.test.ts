/** Sums of very many terms stay within 1e-6 of the exact ones, however they are spread over a device. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  add,
  conv2d,
  type Device,
  expand,
  GpuDevice,
  grad,
  matmul,
  mean,
  mul,
  norm,
  ones,
  read,
  scatterAdd,
  setDevice,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  transpose,
  variance,
  zeros,
} from '../src/engine/index.ts';
import { gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** The GPU as one adapter class or the other, choosing a variant wherever it fits. */
function planned(adapterClass: 'software' | 'hardware', favourVariant?: string) {
  if (!gpu) return [];
  const name = favourVariant ?? adapterClass;
  return [{ name, device: new GpuDevice(gpu.gpu, { name, adapterClass, favourVariant }) as Device }];
}
const onReference = { name: 'reference', device: reference as Device };

const filled = (value: number, shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), { shape });

/** Numbers that drift when they are added one by one, each in its own way. */
const constants = [0.1, 0.7, 1.3].map(Math.fround);

interface Case {
  /** A sum, or several that are alike, of equal numbers. */
  readonly build: (value: number) => Tensor;
  readonly right: (value: number) => number;
}

async function expectAccurate(device: Device, { build, right }: Case, values = constants): Promise<void> {
  setDevice(device);
  const results = await read(...values.map(build));
  results.forEach((sums, i) => {
    const expected = right(values[i]);
    const errors = Float64Array.from(sums, (value) => Math.abs(value / expected - 1));
    const worst = errors.reduce((a, b) => Math.max(a, b), 0);
    expect(worst, `of ${values[i]}: got ${sums[0]}, expected ${expected}`).toBeLessThan(1e-6);
  });
}

const reductions: Record<string, Case> = {
  sum: { build: (value) => sum(filled(value, [1e6])), right: (value) => 1e6 * value },
  'sum of 10 million': {
    build: (value) => sum(expand(filled(value, [1, 1000]), [1e4, 1000])),
    right: (value) => 1e7 * value,
  },
  rows: { build: (value) => sum(filled(value, [3, 3e5]), 1), right: (value) => 3e5 * value },
  columns: { build: (value) => sum(filled(value, [3e5, 3]), 0), right: (value) => 3e5 * value },
  'many columns': {
    build: (value) => sum(expand(filled(value, [1e5, 1]), [1e5, 64]), 0),
    right: (value) => 1e5 * value,
  },
  'two runs, the inner one short': {
    build: (value) => sum(filled(value, [1e5, 3, 2]), [0, 2]),
    right: (value) => 2e5 * value,
  },
  mean: { build: (value) => mean(filled(value, [1e6])), right: (value) => value },
  norm: { build: (value) => norm(filled(value, [1e6])), right: (value) => 1e3 * value },
  'softmax denominators': { build: (value) => softmax(filled(value, [1e6])), right: () => 1e-6 },
  'gradient of a bias': {
    build: (value) => {
      const bias = zeros([3, 1]);
      return grad(sum(mul(add(ones([1000, 3, 200]), bias), value)), bias);
    },
    right: (value) => 2e5 * value,
  },
  scatterAdd: {
    build: (value) => slice(scatterAdd(zeros([2]), 0, zeros([1e5], 'i32'), filled(value, [1e5])), 0, 0, 1),
    right: (value) => 1e5 * value,
  },
};

const mappings = [onReference, ...planned('software'), ...planned('hardware')];
describe.each(mappings)('long reductions: $name', ({ device }) => {
  it.each(Object.entries(reductions))('%s', (_, reduction) => expectAccurate(device, reduction));

  it('gives the variance around a large mean', async () => {
    setDevice(device);
    const x = tensor(Float32Array.from({ length: 1e6 }, (_, i) => (i % 2 === 0 ? 9999 : 10001)));
    const [[spread]] = await read(variance(x, undefined, { correction: 0 }));
    expect(Math.abs(spread - 1)).toBeLessThan(1e-6);
  });

  it('keeps infinities and NaN', async () => {
    setDevice(device);
    const sumWith = (...special: number[]) => {
      const values = new Float32Array(5e4).fill(0.5);
      special.forEach((value, i) => {
        values[20_000 * i + 777] = value;
      });
      return sum(tensor(values));
    };
    const results = await read(
      sumWith(Infinity),
      sumWith(-Infinity),
      sumWith(Infinity, -Infinity),
      sumWith(Number.NaN),
    );
    expect(results.map(([value]) => value)).toEqual([Infinity, -Infinity, NaN, NaN]);
  });
});

const image = (value: number, count: number) => filled(value, [count / 100, 1, 10, 10]);
const products: Record<string, Case> = {
  'matmul to one number': {
    build: (value) => matmul(filled(value, [1, 1e5]), ones([1e5, 1])),
    right: (value) => 1e5 * value,
  },
  'matmul of a transposed matrix': {
    build: (value) => matmul(transpose(filled(value, [100_001, 3])), ones([100_001, 5])),
    right: (value) => 100_001 * value,
  },
  conv2d: {
    build: (value) => conv2d(filled(value, [1, 1000, 10, 10]), ones([1, 1000, 10, 10])),
    right: (value) => 1e5 * value,
  },
  'conv2d of one channel under a large filter': {
    build: (value) => conv2d(filled(value, [1, 1, 1e4, 10]), ones([1, 1, 1e4, 10])),
    right: (value) => 1e5 * value,
  },
  'gradient of the image': {
    build: (value) => {
      const x = ones([1, 1, 1, 1]);
      return grad(sum(conv2d(x, filled(value, [1e5, 1, 1, 1]))), x);
    },
    right: (value) => 1e5 * value,
  },
  'gradient of the weight': {
    build: (value) => {
      const weight = ones([3, 2, 1, 1]);
      const x = expand(image(value, 1e5), [1000, 2, 10, 10]);
      return grad(sum(conv2d(x, weight)), weight);
    },
    right: (value) => 1e5 * value,
  },
  'gradient of a depthwise weight': {
    build: (value) => {
      const weight = ones([1, 1, 1, 1]);
      return grad(sum(conv2d(image(value, 1e5), weight)), weight);
    },
    right: (value) => 1e5 * value,
  },
};

const variants = [
  onReference,
  ...planned('software'),
  ...planned('software', 'direct'),
  ...planned('software', 'quads'),
  ...planned('hardware', 'tiled'),
];
describe.each(variants)('long products: $name', ({ name, device }) => {
  // A software adapter takes seconds over workgroup memory.
  const values = name === 'tiled' ? constants.slice(1, 2) : constants;
  it.each(Object.entries(products))('%s', (_, product) => expectAccurate(device, product, values), 60_000);

  it('keeps infinities', async () => {
    setDevice(device);
    const x = new Float32Array(5000).fill(1);
    x[777] = Infinity;
    const [[total]] = await read(matmul(tensor(x, { shape: [1, 5000] }), ones([5000, 1])));
    expect(total).toBe(Infinity);
  });
});
