/** Philox by its published vectors; the same draws on both executors; distributions by moments and frequencies. */
import { describe, expect, it } from 'vitest';
import {
  bernoulli,
  categorical,
  createGenerator,
  dropout,
  normal,
  ones,
  permutation,
  randomBits,
  type Tensor,
  tensor,
  uniform,
} from '../src/engine/index.ts';
import { philox } from '../src/engine/ops/random.ts';
import { devices, expectClose, gpu, onBoth, valuesOn } from './devices.ts';

const hex = (words: ArrayLike<number>) =>
  Array.from(words, (word) => word.toString(16).padStart(8, '0')).join(' ');

/** Philox 4x32-10 from Random123's kat_vectors: counter, key, result. */
const knownAnswers: [number[], number[], string][] = [
  [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
];

/** Pearson's statistic of observed counts against equal or given expectations. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((total, count, i) => total + (count - expected[i]) ** 2 / expected[i], 0);
}

function countOf(values: ArrayLike<number>, bins: number, bin: (value: number) => number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) counts[bin(values[i])]++;
  return counts;
}

function moments(values: ArrayLike<number>): {
  mean: number;
  variance: number;
  skew: number;
  kurtosis: number;
} {
  const list = Array.from(values);
  const average = (f: (x: number) => number) => list.reduce((total, x) => total + f(x), 0) / list.length;
  const mean = average((x) => x);
  const variance = average((x) => (x - mean) ** 2);
  return {
    mean,
    variance,
    skew: average((x) => (x - mean) ** 3) / variance ** 1.5,
    kurtosis: average((x) => (x - mean) ** 4) / variance ** 2,
  };
}

describe('philox', () => {
  it.each(knownAnswers)('counter %j key %j', (counter, key, expected) => {
    expect(hex(philox(counter, key))).toBe(expected);
  });
});

describe.each(devices)('on $name', ({ device }) => {
  const draw = async (build: () => Tensor) => (await valuesOn(device, () => [build()]))[0];

  it('seed 0 draws the first known answer, and word i comes from block i / 4', async () => {
    const words = await draw(() => randomBits(createGenerator(0), [10]));
    expect(hex(words.slice(0, 4))).toBe(knownAnswers[0][2]);
    expect(hex(words.slice(4, 8))).toBe(hex(philox([1, 0, 0, 0], [0, 0])));
    expect(hex(words.slice(8))).toBe(hex(philox([2, 0, 0, 0], [0, 0]).slice(0, 2)));
  });

  it('seed, stream and draw are words of the key and the counter', async () => {
    const seed = 2 ** 40 + 12345;
    const words = await draw(() => {
      const generator = createGenerator(seed, 7);
      randomBits(generator, [3]);
      return randomBits(generator, [4]);
    });
    expect(hex(words)).toBe(hex(philox([0, 0, 1, 7], [12345, 256])));
  });

  it('seeds, streams and draws differ, and equal ones agree', async () => {
    const bits = (seed: number, stream: number, skip: number) => {
      const generator = createGenerator(seed, stream);
      for (let i = 0; i < skip; i++) randomBits(generator, [1]);
      return randomBits(generator, [64]);
    };
    const results = await valuesOn(device, () => [
      bits(1, 0, 0),
      bits(2, 0, 0),
      bits(1, 1, 0),
      bits(1, 0, 1),
      bits(1, 0, 0),
    ]);
    expect(results[4]).toEqual(results[0]);
    for (const other of results.slice(1, 4)) {
      expect([...other].filter((word, i) => word === results[0][i]).length).toBeLessThanOrEqual(1);
    }
  });

  it('a generator continues, and can be saved and resumed', async () => {
    const generator = createGenerator(9);
    const first = await draw(() => uniform(generator, [4]));
    const saved = Uint32Array.from(await generator.state.data());
    const second = await draw(() => uniform(generator, [4]));
    expect(second).not.toEqual(first);
    expect(await draw(() => uniform({ state: tensor(saved) }, [4]))).toEqual(second);
  });

  it('uniform fills [0, 1) evenly', async () => {
    const values = await draw(() => uniform(createGenerator(11), [40_000]));
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 40_000));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    const counts = countOf(values, 64, (x) => Math.floor(x * 64));
    // 63 degrees of freedom: 103 is passed once in a thousand seeds.
    expect(chiSquare(counts, Array(64).fill(40_000 / 64))).toBeLessThan(103);
  });

  it('normal has the moments of the normal distribution', async () => {
    const values = await draw(() => normal(createGenerator(12), [40_000], 3, 2));
    const { mean, variance, skew, kurtosis } = moments(values);
    expect(Math.abs(mean - 3)).toBeLessThan(4 * (2 / 200));
    expect(Math.abs(variance - 4)).toBeLessThan(0.12);
    expect(Math.abs(skew)).toBeLessThan(0.05);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.1);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('bernoulli and dropout hit with the given probability', async () => {
    const [hits, kept] = await valuesOn(device, () => [
      bernoulli(createGenerator(13), [20_000], 0.3),
      dropout(createGenerator(14), ones([20_000]), 0.25),
    ]);
    expect(Math.abs(moments(hits).mean - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / 20_000));
    expect(new Set(hits)).toEqual(new Set([0, 1]));
    expect(Math.abs(moments(kept).mean - 1)).toBeLessThan(4 * Math.sqrt(1 / 3 / 20_000));
    expect(new Set(Array.from(kept, (x) => Math.fround(x)))).toEqual(new Set([0, Math.fround(4 / 3)]));
  });

  it('bernoulli is certain at 0 and 1', async () => {
    const results = await valuesOn(device, () =>
      [0, 1].map((probability) => bernoulli(createGenerator(15), [500], probability)),
    );
    expect(results.map((values) => values.every((x) => x === 0))).toEqual([true, false]);
    expect(results[1].every((x) => x === 1)).toBe(true);
  });

  it('categorical draws classes with the frequencies of softmax', async () => {
    const probabilities = [0.5, 0.25, 0.15, 0.1];
    const rows = 8000;
    const logits = Float32Array.from({ length: rows * 4 }, (_, i) => Math.log(probabilities[i % 4]) + 5);
    const classes = await draw(() => categorical(createGenerator(16), tensor(logits, { shape: [rows, 4] })));
    const counts = countOf(classes, 4, (x) => x);
    // 3 degrees of freedom: 16.3 is passed once in a thousand seeds.
    expect(
      chiSquare(
        counts,
        probabilities.map((p) => p * rows),
      ),
    ).toBeLessThan(16.3);
  });

  it('categorical never draws what has no probability', async () => {
    const logits = Float32Array.from({ length: 300 }, (_, i) => (i % 3 === 1 ? -Infinity : 0));
    const classes = await draw(() => categorical(createGenerator(17), tensor(logits, { shape: [100, 3] })));
    expect(new Set(classes)).toEqual(new Set([0, 2]));
  });

  it('permutation is one, and another at every draw', async () => {
    const generator = createGenerator(18);
    const [a, b] = await valuesOn(device, () => [permutation(generator, 100), permutation(generator, 100)]);
    const inOrder = Array.from({ length: 100 }, (_, i) => i);
    expect([...a].sort((x, y) => x - y)).toEqual(inOrder);
    expect([...b].sort((x, y) => x - y)).toEqual(inOrder);
    expect(a).not.toEqual(b);
    expect([...a]).not.toEqual(inOrder);
  });
});

it.skipIf(!gpu)('both executors draw the same: bits exactly, floats to rounding', async () => {
  const results = await onBoth(() => {
    const generator = createGenerator(123_456_789_012, 4);
    return [
      randomBits(generator, [1001]),
      uniform(generator, [1000]),
      permutation(generator, 200),
      bernoulli(generator, [500], 0.37),
      normal(generator, [2000]),
      categorical(generator, ones([300, 7])),
    ];
  });
  const [bits, floats, order, hits, gaussian, classes] = results.gpu ?? [];
  expect(bits).toEqual(results.reference[0]);
  expect([...floats]).toEqual([...results.reference[1]]);
  expect(order).toEqual(results.reference[2]);
  expect([...hits]).toEqual([...results.reference[3]]);
  expectClose(gaussian, results.reference[4], 1e-5, 'normal');
  expect(classes).toEqual(results.reference[5]);
});

describe.each(devices)('at the ends of the interval on $name', ({ device }) => {
  it('uniform stays below high where the sum rounds up to it', async () => {
    const [one, many, negative, toZero] = await valuesOn(device, () => [
      uniform(createGenerator(16390493), [1], 1, 2),
      uniform(createGenerator(1), [2 ** 20], 1000, 1001),
      uniform(createGenerator(1), [2 ** 18], -1001, -1000),
      uniform(createGenerator(16390493), [1], -1, 0),
    ]);
    expect(one[0]).toBe(2 - 2 ** -23);
    expect(many.every((value) => value >= 1000 && value < 1001)).toBe(true);
    expect(negative.every((value) => value >= -1001 && value < -1000)).toBe(true);
    expect(toZero[0]).toBeLessThan(0);
  });

  it('categorical never draws a class of probability 0', async () => {
    const draws = await valuesOn(device, () => [
      categorical(createGenerator(12121362), tensor([[-Infinity, 0]])),
      categorical(createGenerator(10710051), tensor([[0, -Infinity, 0]])),
    ]);
    expect(draws[0][0]).toBe(1);
    expect(draws[1][0]).not.toBe(1);
  });
});
