/**
 * Element-wise arithmetic, exponentials, trigonometric and activation functions: one row each. To add one, add a row;
 * row.ts says what it consists of.
 */
import { checkNumber } from '../arguments.ts';
import { floatDTypes } from '../dtype.ts';
import { errorFunction } from '../run/special.ts';
import { full, Tensor } from '../tensor.ts';
import { checkFloat } from './checks.ts';
import { binary, type Operand, unary } from './row.ts';
import { eq, greater, greaterEqual, lessEqual, logicalAnd, where } from './selection.ts';
import { unchanged } from './view.ts';

export type { Operand } from './row.ts';

// ---- arithmetic -----------------------------------------------------------------------------------------------

export const add = binary({
  name: 'add',
  arithmetic: true,
  wgsl: ([a, b]) => `${a} + ${b}`,
  reference: (a, b) => a + b,
  gradients: [(g) => g, (g) => g],
});

export const sub = binary({
  name: 'sub',
  arithmetic: true,
  wgsl: ([a, b]) => `${a} - ${b}`,
  reference: (a, b) => a - b,
  gradients: [(g) => g, (g) => neg(g)],
});

export const mul = binary({
  name: 'mul',
  arithmetic: true,
  wgsl: ([a, b]) => `${a} * ${b}`,
  reference: (a, b) => a * b,
  integerReference: Math.imul,
  gradients: [(g, [, b]) => mul(g, b), (g, [a]) => mul(g, a)],
});

/** a / b, in f32. */
export const div = binary({
  name: 'div',
  arithmetic: true,
  takes: floatDTypes,
  wgsl: ([a, b]) => `${a} / ${b}`,
  reference: (a, b) => a / b,
  gradients: [(g, [, b]) => div(g, b), (g, [, b], out) => neg(div(mul(g, out), b))],
});

export const neg = unary({
  name: 'neg',
  arithmetic: true,
  takes: ['f32', 'i32'],
  wgsl: ([x]) => `-${x}`,
  reference: (x) => -x,
  gradients: [(g) => neg(g)],
});

/** |x|; derivative sign(x), so 0 at 0. */
export const abs = unary({
  name: 'abs',
  takes: ['f32', 'i32'],
  wgsl: ([x]) => `abs(${x})`,
  reference: Math.abs,
  gradients: [(g, [x]) => mul(g, sign(x))],
});

/** -1, 0 or 1 (0 for NaN, as PyTorch); derivative zero. */
export const sign = unary({
  name: 'sign',
  takes: ['f32', 'i32'],
  wgsl: ([x], dtype) => `${dtype}(${x} > ${dtype}(0)) - ${dtype}(${x} < ${dtype}(0))`,
  reference: (x) => Number(x > 0) - Number(x < 0),
  gradients: ['zero'],
});

export const square = unary({
  name: 'square',
  arithmetic: true,
  wgsl: ([x]) => `${x} * ${x}`,
  reference: (x) => x * x,
  integerReference: (x) => Math.imul(x, x),
  gradients: [(g, [x]) => mul(g, mul(x, 2))],
});

// ---- exponentials and roots -----------------------------------------------------------------------------------

export const exp = unary({
  name: 'exp',
  takes: floatDTypes,
  cost: 8,
  wgsl: ([x]) => `exponential(${x})`,
  reference: Math.exp,
  gradients: [(g, _, out) => mul(g, out)],
});

/** exp(x) - 1, accurate near 0. */
export const expm1 = unary({
  name: 'expm1',
  takes: floatDTypes,
  cost: 12,
  wgsl: ([x]) => `exponential1m(${x})`,
  reference: Math.expm1,
  gradients: [(g, [x]) => mul(g, exp(x))],
});

/** Natural logarithm: -infinity at 0, NaN below. */
export const log = unary({
  name: 'log',
  takes: floatDTypes,
  cost: 12,
  wgsl: ([x]) => `logarithm(${x})`,
  reference: Math.log,
  gradients: [(g, [x]) => div(g, x)],
});

/** log(1 + x), accurate near 0. */
export const log1p = unary({
  name: 'log1p',
  takes: floatDTypes,
  cost: 14,
  wgsl: ([x]) => `logarithm1p(${x})`,
  reference: Math.log1p,
  gradients: [(g, [x]) => div(g, add(x, 1))],
});

export const sqrt = unary({
  name: 'sqrt',
  takes: floatDTypes,
  cost: 4,
  wgsl: ([x]) => `squareRoot(${x})`,
  reference: Math.sqrt,
  gradients: [(g, _, out) => div(g, mul(out, 2))],
});

/** 1 / sqrt(x). */
export const rsqrt = unary({
  name: 'rsqrt',
  takes: floatDTypes,
  cost: 5,
  wgsl: ([x]) => `1f / squareRoot(${x})`,
  reference: (x) => 1 / Math.sqrt(x),
  gradients: [(g, _, out) => mul(g, mul(pow(out, 3), -0.5))],
});

const powTensor = binary({
  name: 'pow',
  takes: floatDTypes,
  cost: 24,
  wgsl: ([a, b]) => `power(${a}, ${b})`,
  reference: power,
  gradients: [
    (g, [a, b]) => {
      const constant = eq(b, 0);
      return where(constant, 0, mul(g, mul(b, pow(a, where(constant, 0, sub(b, 1))))));
    },
    (g, [a, b], out) => {
      const constant = logicalAnd(eq(a, 0), greaterEqual(b, 0));
      return mul(g, where(constant, 0, mul(out, log(where(constant, 1, a)))));
    },
  ],
});

/**
 * a to the power b, both f32. A negative base needs a whole exponent, else NaN; pow(x, 0) = 1; whole powers are exact where
 * f32 holds them (up to the exponent 256); the numbers 0.5 and -0.5 give sqrt and rsqrt (PyTorch's `pow`). Derivatives
 * as PyTorch's: b a^(b-1), which is 0 where b = 0; and a^b log a, which is 0 where a = 0 and b >= 0.
 */
export function pow(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && typeof b === 'number') {
    checkFloat('pow', a);
    if (b === -1) return div(1, a);
    if (b === 0) return full(a.shape, 1);
    if (b === 0.5) return sqrt(a);
    if (b === -0.5) return rsqrt(a);
    if (b === 1) return unchanged(a);
    if (b === 2) return square(a);
    if (b === 3) return mul(square(a), a);
  }
  return powTensor(a, b);
}

/** C's pow: JavaScript's differs at pow(1, NaN) and pow(-1, infinity). */
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b))) return 1;
  return a ** b;
}

// ---- trigonometric and sigmoid-like ---------------------------------------------------------------------------

/** Sine, x in radians; right to a few units in the last place for every f32 x, NaN at infinity. */
export const sin = unary({
  name: 'sin',
  takes: floatDTypes,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 0)`,
  reference: Math.sin,
  gradients: [(g, [x]) => mul(g, cos(x))],
});

/** Cosine, x in radians; accurate as `sin`. */
export const cos = unary({
  name: 'cos',
  takes: floatDTypes,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 1)`,
  reference: Math.cos,
  gradients: [(g, [x]) => neg(mul(g, sin(x)))],
});

export const tanh = unary({
  name: 'tanh',
  takes: floatDTypes,
  cost: 14,
  wgsl: ([x]) => `hyperbolicTangent(${x})`,
  reference: Math.tanh,
  gradients: [(g, _, out) => mul(g, sub(1, square(out)))],
});

/** 1 / (1 + exp(-x)). */
export const sigmoid = unary({
  name: 'sigmoid',
  takes: floatDTypes,
  cost: 10,
  wgsl: ([x]) => `1f / (1f + exponential(-${x}))`,
  reference: (x) => 1 / (1 + Math.exp(-x)),
  gradients: [(g, _, out) => mul(g, mul(out, sub(1, out)))],
});

/** log(1 + exp(x)), without overflow. */
export const softplus = unary({
  name: 'softplus',
  takes: floatDTypes,
  cost: 24,
  wgsl: ([x]) => `logarithm1p(exponential(-abs(${x}))) + maximum(${x}, 0f)`,
  reference: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  gradients: [(g, [x]) => mul(g, sigmoid(x))],
});

/** The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x. */
export const erf = unary({
  name: 'erf',
  takes: floatDTypes,
  cost: 24,
  wgsl: ([x]) => `errorFunction(${x})`,
  reference: errorFunction,
  gradients: [(g, [x]) => mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
});

// ---- rectifiers -----------------------------------------------------------------------------------------------

/** max(x, 0); derivative 0 at 0. NaN stays NaN, with derivative 1 (PyTorch's `relu`). */
export const relu = unary({
  name: 'relu',
  takes: floatDTypes,
  wgsl: ([x]) => `select(${x}, 0f, ${x} <= 0f)`,
  reference: (x) => Math.max(x, 0),
  gradients: [(g, _, out) => where(lessEqual(out, 0), 0, g)],
});

/** x where x > 0, else slope * x. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  checkFloat('leakyRelu', x);
  checkNumber('leakyRelu', 'slope', slope);
  return where(greater(x, 0), x, mul(x, slope));
}
