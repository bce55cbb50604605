/** Large reductions, spread over the device in every way that the planner knows. */
import { afterAll, describe, it } from 'vitest';
import {
  GpuDevice,
  max,
  mean,
  read,
  setDevice,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import { expectClose, gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

function wave(shape: number[]): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(0.37 * i) + i / size),
    { shape },
  );
}

const reductions: Record<string, () => Tensor[]> = {
  'everything, in one workgroup': () => [sum(wave([700]))],
  'everything, in parts': () => [sum(wave([50_000])), max(wave([50_000]))],
  rows: () => [sum(wave([5, 1300]), 1), max(wave([5, 1300]), 1)],
  columns: () => [sum(wave([1300, 5]), 0)],
  'channels of images': () => [
    mean(wave([4, 3, 20, 17]), [0, 2, 3]),
    mean(square(wave([4, 3, 20, 17])), [0, 2, 3]),
  ],
  'channels of large images': () => [sum(wave([2, 3, 60, 61]), [0, 2, 3])],
  'channels of tiny images': () => [sum(wave([700, 3, 2, 2]), [0, 2, 3])],
  'with what follows': () => {
    const x = wave([6, 900]);
    const average = mean(x, 1);
    return [sqrt(sub(mean(square(x), 1), square(average))), average];
  },
  'three runs': () => [sum(wave([9, 2, 10, 2, 11]), [0, 2, 4])],
};

describe.skipIf(!gpu).each(['software', 'hardware'] as const)('reductions planned for %s', (adapterClass) => {
  it.each(Object.keys(reductions))('%s', async (name) => {
    setDevice(reference);
    const expected = await read(...reductions[name]());
    setDevice(new GpuDevice((gpu as GpuDevice).gpu, { name: adapterClass, adapterClass }));
    const actual = await read(...reductions[name]());
    actual.forEach((values, i) => {
      expectClose(values, expected[i], 2e-6, `${name}, result ${i}`);
    });
  });
});
