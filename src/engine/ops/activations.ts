/**
 * Smooth rectifiers, rows like those of elementwise.ts. The derivatives are one factor of g, as PyTorch's: of a sum of
 * terms, each times an infinite g, NaN would be left.
 */
import { checkOneOf } from '../arguments.ts';
import { floatDTypes } from '../dtype.ts';
import { errorFunction } from '../run/special.ts';
import type { Tensor } from '../tensor.ts';
import { add, erf, exp, mul, pow, sigmoid, square, sub, tanh } from './elementwise.ts';
import { unary } from './row.ts';
import { clamp } from './selection.ts';

/** x Phi(x) with the normal distribution's Phi; `'tanh'` is its usual approximation (PyTorch's `gelu`). */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  checkOneOf('gelu', 'approximate', approximate, ['none', 'tanh']);
  return approximate === 'none' ? exactGelu(x) : tanhGelu(x);
}

const exactGelu = unary({
  name: 'gelu',
  takes: floatDTypes,
  cost: 27,
  wgsl: ([x]) => `0.5f * ${x} * (1f + errorFunction(0.70710678f * ${x}))`,
  reference: (x) => 0.5 * x * (1 + errorFunction(Math.SQRT1_2 * x)),
  gradients: [
    (g, [x]) => {
      const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return mul(g, add(mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5), mul(x, density)));
    },
  ],
});

/** x/2 (1 + tanh(s)) with s = sqrt(2/pi) (x + 0.044715 x^3). */
const tanhGelu = unary({
  name: 'gelu',
  attributes: 'tanh',
  takes: floatDTypes,
  cost: 20,
  wgsl: ([x]) =>
    `0.5f * ${x} * (1f + hyperbolicTangent(0.79788456f * (${x} + 0.044715f * ${x} * ${x} * ${x})))`,
  reference: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gradients: [
    (g, [x]) => {
      const scale = Math.sqrt(2 / Math.PI);
      // tanh is 1 beyond 10; x^2 would become infinite, and times zero NaN.
      const near = clamp(x, -10, 10);
      const t = tanh(mul(add(near, mul(pow(near, 3), 0.044715)), scale));
      const slope = mul(add(mul(square(near), 3 * 0.044715), 1), scale);
      return mul(g, add(mul(add(t, 1), 0.5), mul(mul(mul(x, 0.5), sub(1, square(t))), slope)));
    },
  ],
});

/** x sigmoid(x); derivative s (1 + x (1 - s)) with s = sigmoid(x). */
export const silu = unary({
  name: 'silu',
  takes: floatDTypes,
  cost: 11,
  wgsl: ([x]) => `${x} / (1f + exponential(-${x}))`,
  reference: (x) => x / (1 + Math.exp(-x)),
  gradients: [
    (g, [x]) => {
      const s = sigmoid(x);
      return mul(g, mul(s, add(mul(x, sub(1, s)), 1)));
    },
  ],
});
