/** Crops, flips and normalising against plain loops that are given the same draws. */
import { describe, expect, it } from 'vitest';
import { createGenerator, read, setDevice, type Tensor, tensor, uniform } from '../src/engine/index.ts';
import {
  type Augmentation,
  augment,
  cifarAugmentation,
  noAugmentation,
  normalizer,
} from '../src/experiments/augment.ts';
import { devices, expectClose } from './devices.ts';

/** [N,C,H,W] of pixels 1, 2, 3, ...: all differ, and none is black. */
function countingPixels(shape: readonly [number, number, number, number]): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => i + 1),
    { shape },
  );
}

/** One image after another: pad with black, cut a window at (top, left), mirror it if the draw says so. */
function expectedPixels(
  [n, c, h, w]: readonly [number, number, number, number],
  padding: number,
  draws: { mirrored: readonly boolean[]; tops: readonly number[]; lefts: readonly number[] },
): number[] {
  const out: number[] = [];
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < c; channel++) {
      for (let row = 0; row < h; row++) {
        for (let column = 0; column < w; column++) {
          const y = row + draws.tops[image] - padding;
          const x = (draws.mirrored[image] ? w - 1 - column : column) + draws.lefts[image] - padding;
          const inside = y >= 0 && y < h && x >= 0 && x < w;
          out.push(inside ? ((image * c + channel) * h + y) * w + x + 1 : 0);
        }
      }
    }
  }
  return out;
}

/** The draws of a generator of this seed, in the order in which `augment` makes them. */
async function drawsOf(seed: number, n: number, { cropPadding, flip }: Augmentation) {
  const generator = createGenerator(seed, 2);
  const draw = async () => Array.from(await uniform(generator, [n, 1]).data());
  const mirrored = flip ? (await draw()).map((u) => u < 0.5) : Array<boolean>(n).fill(false);
  const offsets = async () =>
    cropPadding === 0
      ? Array<number>(n).fill(0)
      : (await draw()).map((u) => Math.floor(u * (2 * cropPadding + 1)));
  return { mirrored, tops: await offsets(), lefts: await offsets() };
}

describe.each(devices)('on $name', ({ device }) => {
  const shape = [24, 2, 3, 5] as const;

  it.each([
    ['crop and flip', { cropPadding: 2, flip: true }],
    ['crop', { cropPadding: 1, flip: false }],
    ['flip', { cropPadding: 0, flip: true }],
    ['neither', noAugmentation],
  ])('%s: the pixels are those of a plain loop', async (_, augmentation) => {
    setDevice(device);
    const result = augment(countingPixels(shape), augmentation, createGenerator(7, 2));
    expect(result.shape).toEqual([...shape]);
    const draws = await drawsOf(7, shape[0], augmentation);
    expect(Array.from(await result.data())).toEqual(expectedPixels(shape, augmentation.cropPadding, draws));
    // The draws are varied enough for the comparison to mean something.
    expect(new Set(draws.mirrored).size).toBe(augmentation.flip ? 2 : 1);
    for (const offsets of [draws.tops, draws.lefts]) {
      expect(new Set(offsets).size).toBe(2 * augmentation.cropPadding + 1);
    }
  });

  it('is the same for a seed, another for another, and drawn anew for each batch', async () => {
    setDevice(device);
    const generator = createGenerator(1);
    const batch = () => countingPixels([4, 1, 6, 6]);
    const [first, second, again, other] = await read(
      augment(batch(), cifarAugmentation, generator),
      augment(batch(), cifarAugmentation, generator),
      augment(batch(), cifarAugmentation, createGenerator(1)),
      augment(batch(), cifarAugmentation, createGenerator(2)),
    );
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('normalising is (pixel / scale - mean) / std per channel', async () => {
    setDevice(device);
    const [mean, std, scale] = [[0.2, 0.5], [0.1, 0.4], 16];
    const raw = countingPixels([2, 2, 1, 3]);
    const expected = Array.from({ length: 12 }, (_, i) => {
      const channel = Math.floor(i / 3) % 2;
      return ((i + 1) / scale - mean[channel]) / std[channel];
    });
    const result = normalizer(mean, std, scale)(raw);
    expect(result.shape).toEqual([2, 2, 1, 3]);
    expectClose(await result.data(), expected, device.kind === 'gpu' ? 1e-6 : 1e-12, 'normalised');
  });
});
