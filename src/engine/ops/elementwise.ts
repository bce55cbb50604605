/**
 * Element-wise operations: one row each, with WGSL, the float64 reference and the gradient of each input.
 *
 * Operands broadcast as in NumPy; the expansion is an operation of its own, so its gradient (a sum) is undone once,
 * there, and no rule here thinks of shapes. A plain number takes the other operand's dtype.
 */
import type { DType, NumberArray } from '../dtype.ts';
import { referenceArray } from '../dtype.ts';
import { errorFunction } from '../run/special.ts';
import { broadcastShapes, formatShape, sameShape, sizeOf } from '../shape.ts';
import type { GradientRule, Operation } from '../tape.ts';
import { full, record, Tensor } from '../tensor.ts';
import { checkFloat } from './checks.ts';
import { expand } from './movement.ts';

export type Operand = Tensor | number;

interface Row {
  readonly name: string;
  /** Attributes as text, where the row is made for one use. */
  readonly attributes?: string;
  readonly wgsl: (args: readonly string[], dtype: DType) => string;
  readonly reference: (...args: number[]) => number;
  readonly gradients: readonly (GradientRule | 'zero' | 'none')[];
  /** Arithmetic per element, in multiplications (default 1). */
  readonly cost?: number;
  /** dtypes taken (default f32, i32 and u32). */
  readonly takes?: readonly DType[];
  /** dtype returned (default: that of the first operand). */
  readonly gives?: DType;
}

const numeric: readonly DType[] = ['f32', 'i32', 'u32'];
const floatOnly: readonly DType[] = ['f32'];
const anyDType: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];

function operationOf(row: Row): Operation {
  return {
    name: row.name,
    key: row.attributes === undefined ? row.name : `${row.name}(${row.attributes})`,
    gradients: row.gradients,
    reference: (inputs, entry) => mapElements(row.reference, inputs, entry.dtype, sizeOf(entry.shape)),
    lowering: {
      kind: 'inline',
      aligned: true,
      cost: row.cost ?? 1,
      emit: (emitter, index, entry) =>
        row.wgsl(
          entry.inputDTypes.map((_, i) => emitter.input(i, index)),
          entry.inputDTypes.at(-1) ?? 'f32',
        ),
    },
  };
}

function mapElements(
  f: (...args: number[]) => number,
  inputs: readonly NumberArray[],
  dtype: DType,
  size: number,
): NumberArray {
  const out = referenceArray(dtype, size);
  const [a, b, c] = inputs;
  if (c) for (let i = 0; i < size; i++) out[i] = f(a[i], b[i], c[i]);
  else if (b) for (let i = 0; i < size; i++) out[i] = f(a[i], b[i]);
  else for (let i = 0; i < size; i++) out[i] = f(a[i]);
  return out;
}

/** Records a row: numbers become tensors, dtypes are checked, shapes broadcast. */
function apply(row: Row, operation: Operation, operands: readonly Operand[]): Tensor {
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const dtype = tensors.at(-1)?.dtype ?? 'f32';
  const takes = row.takes ?? numeric;
  if (tensors.some((tensor) => !takes.includes(tensor.dtype) || tensor.dtype !== dtype)) {
    const came = tensors.map((tensor) => tensor.dtype + formatShape(tensor.shape)).join(' and ');
    const alike = tensors.length > 1 ? ', all of one dtype' : '';
    throw new TypeError(`${row.name}: expected ${takes.join(' or ')}${alike}, got ${came}; use cast first.`);
  }
  for (const operand of operands) if (typeof operand === 'number') checkNumber(row.name, operand, tensors);
  const shape = broadcastShapes(row.name, ...tensors.map((tensor) => tensor.shape));
  const inputs = operands.map((operand) => operandTo(operand, shape, dtype));
  return record(operation, inputs, shape, row.gives ?? dtype);
}

/** An integer tensor takes whole numbers only, and an unsigned one none below 0. */
function checkNumber(operation: string, value: number, tensors: readonly Tensor[]): void {
  const [tensor] = tensors;
  if (tensor === undefined || tensor.dtype === 'f32') return;
  if (Number.isInteger(value) && (value >= 0 || tensor.dtype === 'i32')) return;
  throw new TypeError(
    `${operation}: the number ${value} is no ${tensor.dtype}, but stands beside ` +
      `${tensor.dtype}${formatShape(tensor.shape)}; use cast first.`,
  );
}

function operandTo(operand: Operand, shape: readonly number[], dtype: DType): Tensor {
  if (!(operand instanceof Tensor)) return full(shape, operand, dtype);
  return sameShape(operand.shape, shape) ? operand : expand(operand, shape);
}

function unary(row: Row): (x: Tensor) => Tensor {
  const operation = operationOf(row);
  return (x) => apply(row, operation, [x]);
}

function binary(row: Row): (a: Operand, b: Operand) => Tensor {
  const operation = operationOf(row);
  return (a, b) => apply(row, operation, [a, b]);
}

// ---- arithmetic -----------------------------------------------------------------------------------------------

export const add = binary({
  name: 'add',
  wgsl: ([a, b]) => `${a} + ${b}`,
  reference: (a, b) => a + b,
  gradients: [(g) => g, (g) => g],
});

export const sub = binary({
  name: 'sub',
  wgsl: ([a, b]) => `${a} - ${b}`,
  reference: (a, b) => a - b,
  gradients: [(g) => g, (g) => neg(g)],
});

export const mul = binary({
  name: 'mul',
  wgsl: ([a, b]) => `${a} * ${b}`,
  reference: (a, b) => a * b,
  gradients: [(g, [, b]) => mul(g, b), (g, [a]) => mul(g, a)],
});

/** a / b, in f32. */
export const div = binary({
  name: 'div',
  takes: floatOnly,
  wgsl: ([a, b]) => `${a} / ${b}`,
  reference: (a, b) => a / b,
  gradients: [(g, [, b]) => div(g, b), (g, [, b], out) => neg(div(mul(g, out), b))],
});

export const neg = unary({
  name: 'neg',
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
  wgsl: ([x]) => `${x} * ${x}`,
  reference: (x) => x * x,
  gradients: [(g, [x]) => mul(g, mul(x, 2))],
});

// ---- exponentials and roots -----------------------------------------------------------------------------------

export const exp = unary({
  name: 'exp',
  takes: floatOnly,
  cost: 8,
  wgsl: ([x]) => `exponential(${x})`,
  reference: Math.exp,
  gradients: [(g, _, out) => mul(g, out)],
});

/** exp(x) - 1, accurate near 0. */
export const expm1 = unary({
  name: 'expm1',
  takes: floatOnly,
  cost: 12,
  wgsl: ([x]) => `exponential1m(${x})`,
  reference: Math.expm1,
  gradients: [(g, [x]) => mul(g, exp(x))],
});

/** Natural logarithm: -infinity at 0, NaN below. */
export const log = unary({
  name: 'log',
  takes: floatOnly,
  cost: 12,
  wgsl: ([x]) => `logarithm(${x})`,
  reference: Math.log,
  gradients: [(g, [x]) => div(g, x)],
});

/** log(1 + x), accurate near 0. */
export const log1p = unary({
  name: 'log1p',
  takes: floatOnly,
  cost: 14,
  wgsl: ([x]) => `logarithm1p(${x})`,
  reference: Math.log1p,
  gradients: [(g, [x]) => div(g, add(x, 1))],
});

export const sqrt = unary({
  name: 'sqrt',
  takes: floatOnly,
  cost: 4,
  wgsl: ([x]) => `squareRoot(${x})`,
  reference: Math.sqrt,
  gradients: [(g, _, out) => div(g, mul(out, 2))],
});

/** 1 / sqrt(x). */
export const rsqrt = unary({
  name: 'rsqrt',
  takes: floatOnly,
  cost: 5,
  wgsl: ([x]) => `1f / squareRoot(${x})`,
  reference: (x) => 1 / Math.sqrt(x),
  gradients: [(g, [x], out) => mul(g, mul(div(out, x), -0.5))],
});

const powTensor = binary({
  name: 'pow',
  takes: floatOnly,
  cost: 24,
  wgsl: ([a, b]) => `power(${a}, ${b})`,
  reference: power,
  gradients: [
    (g, [a, b]) => mul(g, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    (g, [a, b], out) =>
      mul(g, where(logicalAnd(eq(a, 0), greaterEqual(b, 0)), 0, mul(out, log(where(eq(a, 0), 1, a))))),
  ],
});

/**
 * a to the power b. A negative base needs a whole exponent, else NaN; pow(x, 0) = 1. Derivatives as PyTorch's:
 * b a^(b-1), which is 0 where b = 0; and a^b log a, which is 0 where a = 0 and b >= 0.
 */
export function pow(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && typeof b === 'number') {
    if (b === 0) return full(a.shape, 1);
    if (b === 0.5) return sqrt(a);
    if (b === 1) return a;
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

/** Sine, x in radians; accurate in f32 for |x| < 8000. */
export const sin = unary({
  name: 'sin',
  takes: floatOnly,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 0)`,
  reference: Math.sin,
  gradients: [(g, [x]) => mul(g, cos(x))],
});

/** Cosine, x in radians; accurate in f32 for |x| < 8000. */
export const cos = unary({
  name: 'cos',
  takes: floatOnly,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 1)`,
  reference: Math.cos,
  gradients: [(g, [x]) => neg(mul(g, sin(x)))],
});

export const tanh = unary({
  name: 'tanh',
  takes: floatOnly,
  cost: 14,
  wgsl: ([x]) => `hyperbolicTangent(${x})`,
  reference: Math.tanh,
  gradients: [(g, _, out) => mul(g, sub(1, square(out)))],
});

/** 1 / (1 + exp(-x)). */
export const sigmoid = unary({
  name: 'sigmoid',
  takes: floatOnly,
  cost: 10,
  wgsl: ([x]) => `1f / (1f + exponential(-${x}))`,
  reference: (x) => 1 / (1 + Math.exp(-x)),
  gradients: [(g, _, out) => mul(g, mul(out, sub(1, out)))],
});

/** log(1 + exp(x)), without overflow. */
export const softplus = unary({
  name: 'softplus',
  takes: floatOnly,
  cost: 24,
  wgsl: ([x]) => `logarithm1p(exponential(-abs(${x}))) + maximum(${x}, 0f)`,
  reference: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  gradients: [(g, [x]) => mul(g, sigmoid(x))],
});

/** The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x. */
export const erf = unary({
  name: 'erf',
  takes: floatOnly,
  cost: 24,
  wgsl: ([x]) => `errorFunction(${x})`,
  reference: errorFunction,
  gradients: [(g, [x]) => mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
});

// ---- rectifiers -----------------------------------------------------------------------------------------------

/** max(x, 0); derivative 0 at 0. NaN stays NaN. */
export const relu = unary({
  name: 'relu',
  takes: floatOnly,
  wgsl: ([x]) => `select(${x}, 0f, ${x} <= 0f)`,
  reference: (x) => Math.max(x, 0),
  gradients: [(g, _, out) => where(greater(out, 0), g, 0)],
});

/** x where x > 0, else slope * x. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  checkFloat('leakyRelu', x);
  return where(greater(x, 0), x, mul(x, slope));
}

// ---- two operands, ties and bounds ----------------------------------------------------------------------------

/** The larger; NaN if either is. At a tie each operand gets half of the gradient (PyTorch's `maximum`). */
export const maximum = binary({
  name: 'maximum',
  wgsl: ([a, b], dtype) => (dtype === 'f32' ? `maximum(${a}, ${b})` : `max(${a}, ${b})`),
  reference: Math.max,
  gradients: [(g, [a, b]) => shareOfLarger(g, a, b), (g, [a, b]) => shareOfLarger(g, b, a)],
});

/** The smaller; NaN if either is. At a tie each operand gets half of the gradient (PyTorch's `minimum`). */
export const minimum = binary({
  name: 'minimum',
  wgsl: ([a, b], dtype) => (dtype === 'f32' ? `minimum(${a}, ${b})` : `min(${a}, ${b})`),
  reference: Math.min,
  gradients: [(g, [a, b]) => shareOfLarger(g, b, a), (g, [a, b]) => shareOfLarger(g, a, b)],
});

/** g where a > b, half of it where a = b, else 0. */
function shareOfLarger(g: Tensor, a: Tensor, b: Tensor): Tensor {
  return where(greater(a, b), g, where(eq(a, b), mul(g, 0.5), 0));
}

/**
 * Limits x to [low, high]; derivative 1 on the closed interval, else 0 (PyTorch's `clamp`; high wins where low > high).
 * NaN stays NaN.
 */
export function clamp(x: Tensor, low = -Infinity, high = Infinity): Tensor {
  if (Number.isNaN(low) || Number.isNaN(high)) {
    throw new RangeError(`clamp: expected numbers as bounds, got low ${low} and high ${high}.`);
  }
  const row: Row = {
    name: 'clamp',
    attributes: `${low},${high}`,
    takes: floatOnly,
    cost: 2,
    wgsl: ([value]) => clampExpression(value, low, high),
    reference: (value) => Math.min(Math.max(value, low), high),
    gradients: [(g, [value]) => where(logicalAnd(greaterEqual(value, low), lessEqual(value, high)), g, 0)],
  };
  return apply(row, operationOf(row), [x]);
}

function clampExpression(x: string, low: number, high: number): string {
  const above = low === -Infinity ? x : `select(${x}, ${literal(low)}, ${x} < ${literal(low)})`;
  return high === Infinity ? above : `select(${above}, ${literal(high)}, ${x} > ${literal(high)})`;
}

function literal(value: number): string {
  if (!Number.isFinite(value))
    return Number.isNaN(value) ? 'nanValue()' : value > 0 ? 'infinity()' : '-infinity()';
  return `f32(${Math.fround(value)})`;
}

// ---- comparisons and logic: derivative zero -------------------------------------------------------------------

function comparison(
  name: string,
  wgsl: (args: readonly string[]) => string,
  reference: (a: number, b: number) => boolean,
  takes: readonly DType[] = numeric,
): (a: Operand, b: Operand) => Tensor {
  return binary({
    name,
    takes,
    gives: 'bool',
    wgsl,
    reference: (a, b) => Number(reference(a, b)),
    gradients: ['zero', 'zero'],
  });
}

/** a == b: false for NaN. */
export const eq = comparison(
  'eq',
  ([a, b]) => `${a} == ${b}`,
  (a, b) => a === b,
  anyDType,
);
/** a != b: true for NaN. (Adapters differ on `!=` for NaN, they agree on `==`.) */
export const notEqual = comparison(
  'notEqual',
  ([a, b]) => `!(${a} == ${b})`,
  (a, b) => a !== b,
  anyDType,
);
export const greater = comparison(
  'greater',
  ([a, b]) => `${a} > ${b}`,
  (a, b) => a > b,
);
export const greaterEqual = comparison(
  'greaterEqual',
  ([a, b]) => `${a} >= ${b}`,
  (a, b) => a >= b,
);
export const less = comparison(
  'less',
  ([a, b]) => `${a} < ${b}`,
  (a, b) => a < b,
);
export const lessEqual = comparison(
  'lessEqual',
  ([a, b]) => `${a} <= ${b}`,
  (a, b) => a <= b,
);

function logical(name: string, symbol: string, reference: (a: number, b: number) => number) {
  return binary({
    name,
    takes: ['bool'],
    wgsl: ([a, b]) => `${a} ${symbol} ${b}`,
    reference,
    gradients: ['zero', 'zero'],
  });
}

export const logicalAnd = logical('logicalAnd', '&&', (a, b) => a & b);
export const logicalOr = logical('logicalOr', '||', (a, b) => a | b);
export const logicalXor = logical('logicalXor', '!=', (a, b) => a ^ b);

export const logicalNot = unary({
  name: 'logicalNot',
  takes: ['bool'],
  wgsl: ([x]) => `!${x}`,
  reference: (x) => 1 - x,
  gradients: ['zero'],
});

/** True where x is NaN. */
export const isNan = unary({
  name: 'isNan',
  takes: floatOnly,
  gives: 'bool',
  wgsl: ([x]) => `isNan(${x})`,
  reference: (x) => Number(Number.isNaN(x)),
  gradients: ['zero'],
});

const select = operationOf({
  name: 'where',
  wgsl: ([condition, a, b]) => `select(${b}, ${a}, ${condition})`,
  reference: (condition, a, b) => (condition ? a : b),
  gradients: ['zero', (g, [condition]) => where(condition, g, 0), (g, [condition]) => where(condition, 0, g)],
});

/** a where the bool tensor `condition` holds, else b; all three broadcast. A NaN not chosen stays out. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (condition.dtype !== 'bool') {
    throw new TypeError(
      `where: the condition is ${condition.dtype}${formatShape(condition.shape)}, expected bool; compare or cast it.`,
    );
  }
  const values = [a, b].filter((operand) => operand instanceof Tensor);
  const dtype = values[0]?.dtype ?? 'f32';
  if (values.some((value) => value.dtype !== dtype)) {
    const choices = values.map((value) => value.dtype + formatShape(value.shape)).join(' and ');
    throw new TypeError(`where: the choices are ${choices}; expected one dtype.`);
  }
  const shape = broadcastShapes('where', condition.shape, ...values.map((value) => value.shape));
  const inputs = [condition, a, b].map((operand, i) => operandTo(operand, shape, i === 0 ? 'bool' : dtype));
  return record(select, inputs, shape, dtype);
}

/**
 * x in another dtype. Numbers to bool: non-zero is true. f32 to integers drops the fraction; that way there is no
 * derivative, and asking for one is an error. Values beyond the integer range are undefined.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (!anyDType.includes(dtype))
    throw new TypeError(`cast: '${dtype}' is no dtype; expected f32, i32, u32 or bool.`);
  if (x.dtype === dtype) return x;
  const from = x.dtype;
  const operation = operationOf({
    name: `cast to ${dtype}`,
    wgsl: ([value]) => (dtype === 'bool' ? `!(${value} == ${from}(0))` : `${dtype}(${value})`),
    reference: (value) =>
      dtype === 'bool' ? Number(value !== 0) : dtype === 'f32' ? value : Math.trunc(value),
    gradients: [dtype === 'f32' ? (g) => g : 'none'],
  });
  return record(operation, [x], x.shape, dtype);
}
