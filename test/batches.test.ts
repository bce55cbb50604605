import { beforeEach, describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { ImageOrder, imageBatch, orders, updateAt } from '../src/experiments/batches.ts';
import { devices } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

describe('the order of images', () => {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  const all = (count: number) => Array.from({ length: count }, (_, i) => i);

  it('holds every image once an epoch, each epoch in an order of its own', () => {
    const order = new ImageOrder(50, 3);
    const [first, second] = [order.take(50), order.take(50)];
    expect(sorted(first)).toEqual(all(50));
    expect(sorted(second)).toEqual(all(50));
    expect(second).not.toEqual(first);
    expect(first).not.toEqual(all(50));
  });

  it('is cut into full batches: what is left of an epoch opens the next batch', () => {
    const whole = new ImageOrder(10, 1).take(30);
    const order = new ImageOrder(10, 1);
    const batches = Array.from({ length: 7 }, () => order.take(4));
    expect(batches.every((batch) => batch.length === 4)).toBe(true);
    expect(batches.flat()).toEqual(whole.slice(0, 28));
    expect(order.position).toBe(28);
    // One batch may be longer than an epoch.
    expect(sorted(new ImageOrder(10, 1).take(20))).toEqual(sorted([...all(10), ...all(10)]));
  });

  it('is a function of seed and position', () => {
    const resumed = new ImageOrder(10, 1);
    resumed.position = 13;
    expect(resumed.take(9)).toEqual(new ImageOrder(10, 1).take(22).slice(13));
    expect(new ImageOrder(10, 2).take(10)).not.toEqual(new ImageOrder(10, 1).take(10));
    // Both words of the seed count.
    expect(new ImageOrder(10, 2 ** 32 + 1).take(10)).not.toEqual(new ImageOrder(10, 1).take(10));
  });

  it('is for no purpose that of another purpose or seed', () => {
    const taken = [0, 1, 2, 3].flatMap((seed) =>
      Object.values(orders).flatMap((order) => {
        const images = new ImageOrder(40, seed, order);
        return [0, 1, 2].map(() => images.take(40).join());
      }),
    );
    expect(new Set(taken).size).toBe(4 * 3 * 3);
  });

  it('holds every image also where there are millions', { timeout: 60_000 }, () => {
    const count = 2 ** 21 + 3;
    const order = new ImageOrder(count, 4);
    const seen = new Uint8Array(count);
    for (const image of order.take(count)) seen[image]++;
    expect(seen.every((times) => times === 1)).toBe(true);
  });

  it('gives every image every place', () => {
    const epochs = 3000;
    const order = new ImageOrder(5, 9);
    const counts = Array.from({ length: 5 }, () => Array<number>(5).fill(0));
    for (let epoch = 0; epoch < epochs; epoch++) {
      order.take(5).forEach((image, place) => {
        counts[image][place]++;
      });
    }
    // 600 each, with a standard deviation of sqrt(3000 * 0.2 * 0.8) = 22.
    for (const count of counts.flat()) expect(Math.abs(count - epochs / 5)).toBeLessThan(4.5 * 22);
  });
});

describe('the images of an update', () => {
  // The paper's: 40,000 images are 7 updates of 5120 and one of 4160, in 32 micro-batches of 128 and one of 64.
  const paper = { count: 40_000, batch: 5120, microBatch: 128 };

  it('are, at the end of an epoch, those that are left, with their true count', () => {
    const at = (updates: number) => updateAt(updates, { ...paper, lastBatch: 'partial' });
    expect(at(0)).toEqual({ position: 0, microBatches: Array(40).fill({ size: 128, divisor: 40 }) });
    const { position, microBatches } = at(7);
    expect(position).toBe(35_840);
    expect(microBatches).toHaveLength(33);
    expect(microBatches[0]).toEqual({ size: 128, divisor: 32.5 });
    expect(microBatches[32]).toEqual({ size: 64, divisor: 65 });
    // Shares of the whole.
    expect(microBatches.reduce((sum, { divisor }) => sum + 1 / divisor, 0)).toBeCloseTo(1, 12);
    expect(at(8)).toEqual({ ...at(0), position: 40_000 });
    expect(at(23).position).toBe(2 * 40_000 + 35_840);
  });

  it('are divided by the nominal count to mimic the released code', () => {
    const { microBatches } = updateAt(7, { ...paper, lastBatch: 'nominal' });
    expect(microBatches.map(({ size }) => size)).toEqual([...Array(32).fill(128), 64]);
    expect(new Set(microBatches.map(({ divisor }) => divisor))).toEqual(new Set([40]));
  });

  it('go on into the next epoch if every batch is to be full', () => {
    const { position, microBatches } = updateAt(8, { ...paper, lastBatch: 'full' });
    expect({ position, count: microBatches.length }).toEqual({ position: 40_960, count: 40 });
  });

  it('are all of an epoch, once, also where nothing is left over', () => {
    for (const count of [12, 13, 15, 16]) {
      const batching = { count, batch: 6, microBatch: 3, lastBatch: 'partial' } as const;
      let seen = 0;
      for (let updates = 0; seen < 2 * count; updates++) {
        const { position, microBatches } = updateAt(updates, batching);
        expect(position).toBe(seen);
        expect(microBatches.every(({ size }) => size >= 1 && size <= 3)).toBe(true);
        seen += microBatches.reduce((sum, { size }) => sum + size, 0);
      }
      expect(seen).toBe(2 * count);
    }
  });
});

describe.each(devices)('a batch on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('holds the raw pixels and labels of the images asked for, in that order', async () => {
    const { train } = syntheticDataset({ train: 6, test: 1, shape: [2, 3, 4] });
    const indices = [4, 0, 4, 5];
    const [pixels, labels] = imageBatch(train, indices);
    expect(pixels.shape).toEqual([4, 2, 3, 4]);
    expect([pixels.dtype, labels.dtype]).toEqual(['f32', 'i32']);
    expect(Array.from(await labels.data())).toEqual(indices.map((index) => train.labels[index]));
    expect(Array.from(await pixels.data())).toEqual(
      indices.flatMap((index) => Array.from(train.images.slice(24 * index, 24 * (index + 1)))),
    );
  });
});
