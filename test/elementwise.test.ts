/** Element-wise operations where rounding, ranges and conventions decide: powers, angles, bounds, gradients beside NaN. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  abs,
  clamp,
  cos,
  gelu,
  grad,
  leakyRelu,
  max,
  maximum,
  maxPool2d,
  min,
  minimum,
  pow,
  relu,
  reshape,
  rsqrt,
  setDevice,
  sin,
  sqrt,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../src/engine/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];
const derivative = (f: (x: Tensor) => Tensor, x: Tensor) => list(grad(sum(f(x)), x));
const { NaN: nan } = Number;

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));
  const f32 = (values: readonly number[]) => (device.kind === 'gpu' ? values.map(Math.fround) : values);

  it('clamp: high wins where low > high', async () => {
    const x = tensor([0, 1, 2, 3, 5, -Infinity, Infinity, nan]);
    for (const [low, high] of [
      [3, 1],
      [Infinity, 1],
      [1e9, 1],
    ]) {
      expect(await list(clamp(x, low, high))).toEqual([1, 1, 1, 1, 1, 1, 1, nan]);
      expect(await derivative((v) => clamp(v, low, high), x)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    }
    expect(await list(clamp(x, 2, -Infinity))).toEqual([...Array(7).fill(-Infinity), nan]);
    expect(await list(clamp(x, 2, 2))).toEqual([...Array(7).fill(2), nan]);
    expect(await list(clamp(x, Infinity))).toEqual([...Array(7).fill(Infinity), nan]);
    expect(await derivative((v) => clamp(v, 1, 3), x)).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
  });

  // PyTorch 1.13 gave these.
  it('gradients at NaN', async () => {
    const x = tensor([nan, 1, -1, 0]);
    expect(await derivative(relu, x)).toEqual([1, 1, 0, 0]);
    expect(await derivative((v) => relu(relu(v)), x)).toEqual([1, 1, 0, 0]);
    expect(await derivative((v) => leakyRelu(v, 0.5), x)).toEqual([0.5, 1, 0.5, 0.5]);
    expect(await derivative(abs, x)).toEqual([0, 1, -1, 0]);
    expect(await derivative((v) => clamp(v, -1, 1), x)).toEqual([0, 1, 1, 1]);
    const pairs = [tensor([nan, 1, nan, 2, 3, 3]), tensor([1, nan, nan, 1, 4, 3])] as const;
    for (const [operation, first, second] of [
      [maximum, [1, 1, 1, 1, 0, 0.5], [1, 1, 1, 0, 1, 0.5]],
      [minimum, [1, 1, 1, 0, 1, 0.5], [1, 1, 1, 1, 0, 0.5]],
    ] as const) {
      const gradients = grad(sum(operation(...pairs)), pairs);
      expect(await list(gradients[0])).toEqual(first);
      expect(await list(gradients[1])).toEqual(second);
    }
    expect(await derivative(max, tensor([nan, 1, nan]))).toEqual([0.5, 0, 0.5]);
    expect(await derivative(min, tensor([nan, 1, nan]))).toEqual([0.5, 0, 0.5]);
    const pooled = (v: Tensor) => maxPool2d(reshape(v, [1, 1, 1, 3]), [1, 3]);
    expect(await derivative(pooled, tensor([nan, 1, nan]))).toEqual([0, 0, 1]);
  });

  it('whole powers are exact where f32 holds them', async () => {
    const bases = [
      2,
      3,
      10,
      -2,
      7,
      3,
      5,
      -3,
      2,
      0.5,
      2,
      -2,
      1.5,
      4097,
      2 ** 63,
      2 ** 64,
      2 ** -70,
      -(2 ** 50),
    ];
    const exponents = [10, 4, 5, 7, 3, 15, 10, 13, 127, 127, -126, -3, 7, 2, 2, 2, 2, 3];
    const right = f32(bases.map((base, i) => base ** exponents[i]));
    const powers = await list(pow(tensor(bases), tensor(exponents)));
    // A GPU may take a subnormal number for zero.
    powers.forEach((power, i) => {
      const tiny = device.kind === 'gpu' && Math.abs(right[i]) < 2 ** -126;
      expect(tiny ? [0, right[i]] : [right[i]], `${bases[i]} ** ${exponents[i]}`).toContain(power);
    });
    expect(await list(pow(tensor([3, 7, 11, 15, 20, -9, 0.25]), 4))).toEqual([
      81,
      2401,
      14641,
      50625,
      160000,
      6561,
      1 / 256,
    ]);
    expect(await list(pow(3, tensor([0, 1, 2, 5, 15])))).toEqual([1, 3, 9, 243, 14348907]);
  });

  it('powers of -1 are quotients', async () => {
    const x = [3, 7, -5, 2, 1e-30, 1e30, 0, -0, Infinity, -Infinity];
    const right = f32(x.map((value) => 1 / Math.fround(value)));
    for (const exponent of [-1, tensor(x.map(() => -1))]) {
      const powers = await list(pow(tensor(x), exponent));
      powers.forEach((power, i) => {
        expect(Math.abs(power - right[i]) <= Math.abs(right[i]) * 2e-7 || power === right[i]).toBe(true);
      });
      expect(
        await derivative(
          (v) => pow(v, exponent instanceof Object ? tensor([-1, -1]) : exponent),
          tensor([2, 0]),
        ),
      ).toEqual([-0.25, -Infinity]);
    }
  });

  it('powers of 0.5 and -0.5 are roots', async () => {
    const x = tensor([4, 2, 0, -1, Infinity, nan]);
    expect(await list(pow(x, 0.5))).toEqual(await list(sqrt(x)));
    expect(await list(pow(x, -0.5))).toEqual(await list(rsqrt(x)));
  });

  it('tanh-approximated gelu has a derivative at every size', async () => {
    const x = tensor([1e20, -1e20, 3e38, -3e38, 12, -12]);
    expect(await derivative((v) => gelu(v, 'tanh'), x)).toEqual([1, 0, 1, 0, 1, 0]);
  });

  it('whole powers up to 256 are within three units in the last place', async () => {
    const bases = [1.1, 0.9, -1.01, 1.3, 0.7, 1.0000001, -0.99, 3.3];
    const exponents = [30, -30, 255, 100, -200, 256, 256, -63];
    const powers = await list(pow(tensor(bases), tensor(exponents)));
    bases.forEach((base, i) => {
      const right = (device.kind === 'gpu' ? Math.fround(base) : base) ** exponents[i];
      expect(Math.abs(powers[i] / right - 1), `${base} ** ${exponents[i]}`).toBeLessThan(3.6e-7);
    });
  });

  it('derivatives of pow at base and exponent 0 (PyTorch gave these)', async () => {
    const base = zeros([8]);
    const exponent = tensor([-2, -0.5, 0, 0.5, 1, 2, nan, Infinity]);
    const [byBase, byExponent] = grad(sum(pow(base, exponent)), [base, exponent]);
    expect(await list(byExponent)).toEqual([-Infinity, -Infinity, 0, 0, 0, 0, nan, 0]);
    expect((await list(byBase)).slice(0, 6)).toEqual([-Infinity, -Infinity, 0, Infinity, 1, 0]);
    const exponents = tensor([-2, -0.5, 0, 2]);
    expect(await list(grad(sum(pow(zeros([4]), exponents)), exponents))).toEqual([
      -Infinity,
      -Infinity,
      0,
      0,
    ]);
    const infinite = tensor([Infinity, Infinity]);
    const x = tensor([0, 2]);
    expect(await list(grad(pow(x, tensor([0, 0])), x, infinite))).toEqual([0, 0]);
  });

  it('derivatives of any order of a whole power are right at 0', async () => {
    const x = tensor([0, -2]);
    let value = pow(x, tensor([2, 2]));
    for (const right of [
      [0, -4],
      [2, 2],
      [0, 0],
      [0, 0],
      [0, 0],
    ]) {
      value = grad(sum(value), x);
      expect(await list(value)).toEqual(right);
    }
  });

  it('pow takes f32 alone, whatever the exponent', () => {
    for (const exponent of [-1, 0, 0.5, 1, 2, 3, 4, 2.5]) {
      for (const dtype of ['i32', 'u32', 'bool'] as const) {
        expect(() => pow(zeros([2], dtype), exponent)).toThrow(
          `pow: expected f32, got ${dtype}[2]; use cast first.`,
        );
        expect(() => pow(exponent, zeros([2], dtype))).toThrow(
          `pow: expected f32, got ${dtype}[2]; use cast first.`,
        );
      }
    }
  });

  it('sine and cosine of every size of number', async () => {
    const near = (k: number) => Math.fround((k * Math.PI) / 2);
    const x = [
      ...[
        0.5, 3, 100, 7999.5, 8000, 8000.5, 1e4, 1e6, 1e9, 1e10, 1e15, 1e22, 1e30, 3e38, 3.4028234663852886e38,
      ],
      ...[1, 2, 3, 161, 4275, 5092, 5093, 1e4, 155190, 1e6, 1e9].map(near),
      ...[2 ** 13, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 64, 2 ** 96, 2 ** 127],
    ].map(Math.fround);
    for (const sign of [1, -1]) {
      const angles = x.map((angle) => sign * angle);
      for (const [operation, right] of [
        [sin, Math.sin],
        [cos, Math.cos],
      ] as const) {
        const values = await list(operation(tensor(angles)));
        angles.forEach((angle, i) => {
          const gap = Math.abs(values[i] / right(angle) - 1);
          expect(gap, `${operation === sin ? 'sin' : 'cos'} ${angle}`).toBeLessThan(4e-7);
        });
      }
    }
    const edges = tensor([Infinity, -Infinity, nan]);
    expect(await list(sin(edges))).toEqual([nan, nan, nan]);
    expect(await list(cos(edges))).toEqual([nan, nan, nan]);
    expect(await list(sin(tensor([0, -0, 2 ** -100])))).toEqual([0, -0, 2 ** -100]);
  });
});
