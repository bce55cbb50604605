/** A mean is a sum divided by its count: of equal values it is that value. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  mean,
  mseLoss,
  ones,
  setDevice,
  type Tensor,
  tensor,
  variance,
  zeros,
} from '../src/engine/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** Counts whose reciprocal, rounded, is less than it should be by enough to show: 41 (1 / 41) < 1. */
const counts = [41, 47, 55, 61, 82, 83, 97, 107];

const means: Record<string, (count: number) => Tensor> = {
  everything: (count) => mean(ones([count])),
  rows: (count) => mean(ones([3, count]), 1),
  columns: (count) => mean(ones([count, 3]), 0),
  'squared differences': (count) => mseLoss(ones([count]), zeros([count])),
  'deviations of -1 and 1': (count) =>
    variance(tensor(Float32Array.from({ length: 2 * count }, (_, i) => (i % 2) * 2 - 1)), 0, {
      correction: 0,
    }),
  images: (count) => globalAvgPool2d(ones([1, 2, 1, count])),
  windows: (count) => avgPool2d(ones([1, 2, 2, 2 * count]), [1, count]),
  regions: (count) => adaptiveAvgPool2d(ones([1, 1, 2, 2 * count + 1]), [2, 2]),
};

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each(Object.entries(means))('the mean of %s', async (_, of) => {
    for (const count of counts) {
      const values = await of(count).data();
      expect(new Set(values), `${count} values`).toEqual(new Set([1]));
    }
  });
});
