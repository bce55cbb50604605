/**
 * Arithmetic of several operations in one kernel is IEEE's, step by step. Drivers rewrite what they see at once: x - x
 * becomes 0, a * b / b becomes a, and infinity or NaN is lost.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  add,
  type Device,
  div,
  explain,
  mseLoss,
  mul,
  neg,
  setDevice,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../src/index.ts';
import { devices, gpu } from './devices.ts';

type Build = (a: Tensor, b: Tensor) => Tensor;

/** Name, formula, and for [a, b] what f32 arithmetic gives. */
const cases: readonly (readonly [string, Build, readonly (readonly [number, number, number])[]])[] = [
  [
    'a - a',
    (a) => sub(a, a),
    [
      [NaN, 0, NaN],
      [Infinity, 0, NaN],
      [3, 0, 0],
    ],
  ],
  [
    'a + (-a)',
    (a) => add(a, neg(a)),
    [
      [-Infinity, 0, NaN],
      [3, 0, 0],
    ],
  ],
  [
    '-a + a',
    (a) => add(neg(a), a),
    [
      [-Infinity, 0, NaN],
      [3, 0, 0],
    ],
  ],
  [
    'a / a',
    (a) => div(a, a),
    [
      [0, 0, NaN],
      [Infinity, 0, NaN],
      [3, 0, 1],
    ],
  ],
  [
    'a^2 / a',
    (a) => div(square(a), a),
    [
      [Infinity, 0, NaN],
      [0, 0, NaN],
      [2, 0, 2],
    ],
  ],
  ['a * a / a', (a) => div(mul(a, a), a), [[Infinity, 0, NaN]]],
  [
    'a * b / b',
    (a, b) => div(mul(a, b), b),
    [
      [1, 0, NaN],
      [1, Infinity, NaN],
      [6, 2, 6],
    ],
  ],
  [
    'b * (a / b)',
    (a, b) => mul(b, div(a, b)),
    [
      [1, 0, NaN],
      [1, Infinity, NaN],
      [6, 2, 6],
    ],
  ],
  [
    '(a + b) - b',
    (a, b) => sub(add(a, b), b),
    [
      [1, Infinity, NaN],
      [3, 2, 3],
    ],
  ],
  [
    'b - (b - a)',
    (a, b) => sub(b, sub(b, a)),
    [
      [2, Infinity, NaN],
      [3, 2, 3],
    ],
  ],
  [
    '(a - b) + b',
    (a, b) => add(sub(a, b), b),
    [
      [2, Infinity, NaN],
      [3, 2, 3],
    ],
  ],
  ['a + (b - a), its difference detached', (a, b) => add(a, sub(b, a).detach()), [[Infinity, 2, NaN]]],
  [
    '(a - b) + (b - a)',
    (a, b) => add(sub(a, b), sub(b, a)),
    [
      [Infinity, 1, NaN],
      [3, 1, 0],
    ],
  ],
  ['a b + (-a) b', (a, b) => add(mul(a, b), mul(neg(a), b)), [[Infinity, 2, NaN]]],
  [
    '2 a - a',
    (a) => sub(mul(a, 2), a),
    [
      [Infinity, 0, NaN],
      [3, 0, 3],
    ],
  ],
  ['3 a - 2 a', (a) => sub(mul(a, 3), mul(a, 2)), [[Infinity, 0, NaN]]],
  ['0 a', (a) => mul(a, 0), [[Infinity, 0, NaN]]],
  ['a - a / 1', (a) => sub(a, div(a, 1)), [[Infinity, 0, NaN]]],
  ['a - (a + 0)', (a) => sub(a, add(a, 0)), [[Infinity, 0, NaN]]],
  ['mean squared error with itself', (a) => mseLoss(a, a), [[Infinity, 0, NaN]]],
  ['sum of differences', (a) => sum(sub(a, a)), [[Infinity, 0, NaN]]],
];

/** Only in f32: the reference computes in float64, where these neither overflow nor round. */
const roundings: readonly (readonly [string, Build, number, number, number])[] = [
  ['(a * 2) * 0.5 overflows on the way', (a) => mul(mul(a, 2), 0.5), 3e38, 0, Infinity],
  ['(a * b) / b overflows on the way', (a, b) => div(mul(a, b), b), 3e38, 1e10, Infinity],
  ['(a * 1e10) * 1e-10 overflows on the way', (a) => mul(mul(a, 1e10), 1e-10), 3e38, 0, Infinity],
  ['(a + 12582912) - 12582912 rounds to a whole number', (a) => sub(add(a, 12582912), 12582912), 2.5, 0, 2],
  ['(a + b) - b rounds to a whole number', (a, b) => sub(add(a, b), b), 1.3, 12582912, 1],
  ['(a - b) + b rounds to a whole number', (a, b) => add(sub(a, b), b), 1.3, -12582912, 1],
];

describe.each(devices)('on $name', ({ device }) => {
  test.each(cases)('%s', async (_, build, rows) => {
    setDevice(device);
    for (const [a, b, expected] of rows) {
      expect(await build(tensor([a]), tensor([b])).data()).toEqual(
        device.kind === 'gpu' ? Float32Array.of(expected) : Float64Array.of(expected),
      );
    }
  });
});

describe.skipIf(!gpu)('on the GPU', () => {
  beforeAll(() => setDevice(gpu as Device));

  test.each(roundings)('%s', async (_, build, a, b, expected) => {
    expect([...(await build(tensor([a]), tensor([b])).data())]).toEqual([expected]);
  });

  test('what shares nothing is left plain', async () => {
    const [a, b, c] = [tensor([1, 2]), tensor([3, 4]), tensor([5, 6])];
    expect(await explain(add(mul(a, b), c), { wgsl: true })).not.toContain('^');
  });
});
