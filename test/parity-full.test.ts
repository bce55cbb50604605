/** A GN step of the paper's models at full width, and of dropout, against what PyTorch computed in float64. */
import { afterAll, describe, expect, it } from 'vitest';
import { bernoulli, read, setDevice } from '../src/engine/index.ts';
import { devices, gpuDevice, reference } from './devices.ts';
import { requestDevice } from './gpu.ts';
import { digestError, fullFixture, fullStep, maskGenerator } from './parity-full/formula.ts';

/** VGG-16-bn takes some 3 GB: memory that a device of its own gives back. */
const raw = await requestDevice();
const gpu = raw && gpuDevice(raw, 'test GPU of its own');
afterAll(() => gpu?.destroy());

/** The largest parameter of VGG-16-bn, as the pool rounds it up. */
const largest = 448 * 2 ** 20;
const fits = (name: string) =>
  name !== 'vgg16-bn' || (raw?.limits.maxStorageBufferBindingSize ?? 0) >= largest;
const names = ['vgg11', 'resnet18', 'vgg16-bn'];

describe.runIf(gpu)('one GN step on a batch of 2 matches PyTorch', () => {
  it.each(names.filter(fits))(
    '%s',
    async (name) => {
      const errors = await fullStep(name, gpu ?? reference);
      const { float32 } = fullFixture(name);
      // PyTorch's own float32 is 1e-6 (VGG-11) to 4e-5 (VGG-16-bn) away from its float64, over whole tensors; a single
      // sample may be some times further than its tensor is on average.
      const text = `${JSON.stringify(errors)}; PyTorch in float32: ${JSON.stringify(float32)}`;
      expect(errors.loss, text).toBeLessThan(1e-5);
      expect(errors.penalty, text).toBeLessThan(1e-5);
      expect(errors.gradients, text).toBeLessThan(10 * float32.gradients);
    },
    600_000,
  );

  it.each(names.filter((name) => !fits(name)))(
    '%s does not fit this adapter, which says so',
    async (name) => {
      await expect(fullStep(name, gpu ?? reference)).rejects.toThrow(
        /needs a buffer of \d+ bytes; this adapter binds at most \d+\./,
      );
    },
  );
});

describe.each(devices)('dropout under double backprop on $name', ({ device }) => {
  it('draws the masks that the fixture was made with', async () => {
    setDevice(device);
    const generator = maskGenerator();
    const masks = await read(bernoulli(generator, [2, 8], 0.5), bernoulli(generator, [2, 8], 0.5));
    expect(masks.map((mask) => mask.join(''))).toEqual(fullFixture('dropout').masks);
  });

  it('matches PyTorch', async () => {
    const errors = await fullStep('dropout', device);
    const { float32 } = fullFixture('dropout');
    const tolerance = device.kind === 'gpu' ? 10 * float32.gradients : 1e-11;
    expect(Math.max(errors.loss, errors.penalty, errors.gradients), JSON.stringify(errors)).toBeLessThan(
      tolerance,
    );
  });
});

describe('the fixtures', () => {
  it('are of the known sizes', () => {
    const sizes = names.map((name) =>
      Object.values(fullFixture(name).gradients).reduce(
        (total, { shape }) => total + shape.reduce((a, b) => a * b, 1),
        0,
      ),
    );
    expect(sizes).toEqual([9_750_922, 11_173_962, 134_309_962]);
  });

  it('tell other numbers apart: norm, sum and each sample', () => {
    const expected = { shape: [4, 4], norm: 8, sum: 3, samples: [1, 2, 3] };
    expect(digestError(expected, expected, 0)).toBe(0);
    for (const change of [{ norm: 8.08 }, { sum: 3.32 }, { samples: [1, 2.02, 3] }]) {
      expect(digestError({ ...expected, ...change }, expected, 0)).toBeCloseTo(0.01, 10);
    }
    expect(digestError({ ...expected, norm: 8.08 }, expected, 16)).toBeCloseTo(0.005, 10);
    expect(digestError({ ...expected, sum: Number.NaN }, expected, 0)).toBeNaN();
  });
});
