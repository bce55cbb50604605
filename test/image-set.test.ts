import { describe, expect, it } from 'vitest';
import { channelStatistics, type ImageSet, splitTrain, subset } from '../src/experiments/data/image-set.ts';

function setOf(labels: number[], classes = 3): ImageSet {
  return {
    name: 'made up',
    classes,
    classNames: Array.from({ length: classes }, String),
    shape: [2, 1, 2],
    images: Uint8Array.from({ length: 4 * labels.length }, (_, i) => i),
    labels: Uint8Array.from(labels),
    count: labels.length,
    scale: 255,
  };
}

describe('parts of an image set', () => {
  it('holds out the last images', () => {
    const { train, validation } = splitTrain(setOf([0, 1, 2, 0, 1]), 2);
    expect([Array.from(train.labels), train.count]).toEqual([[0, 1, 2], 3]);
    expect([Array.from(validation.labels), validation.count]).toEqual([[0, 1], 2]);
    expect(Array.from(validation.images)).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('takes as many of every class as there are, in order', () => {
    const set = setOf([2, 0, 0, 0, 1, 2, 2, 0]);
    expect(Array.from(subset(set, 3).labels)).toEqual([2, 0, 1]);
    const part = subset(set, 6);
    expect(Array.from(part.labels)).toEqual([2, 0, 0, 0, 1, 2]);
    expect(Array.from(part.images.subarray(16))).toEqual([16, 17, 18, 19, 20, 21, 22, 23]);
    expect(subset(set, 8)).toEqual(set);
  });

  it.each([0, 5, 6, 1.5, Number.NaN])('refuses to hold out %d of 5 images', (count) => {
    expect(() => splitTrain(setOf([0, 1, 2, 0, 1]), count)).toThrow(
      /made up: .* from 1 to 4, .* was asked for/,
    );
  });

  it.each([0, 6, 2.5])('refuses a subset of %d of 5 images', (count) => {
    expect(() => subset(setOf([0, 1, 2, 0, 1]), count)).toThrow(/from 1 to 5, but .* was asked for/);
  });

  it('computes mean and deviation of each channel', () => {
    const { mean, std } = channelStatistics(setOf([0, 1]));
    // Channel 0 holds 0 1 4 5, channel 1 holds 2 3 6 7.
    expect(mean.map((value) => value * 255)).toEqual([expect.closeTo(2.5, 10), expect.closeTo(4.5, 10)]);
    expect(std.map((value) => value * 255)).toEqual(Array(2).fill(expect.closeTo(Math.sqrt(4.25), 10)));
  });
});
