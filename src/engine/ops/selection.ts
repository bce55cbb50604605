/** Choosing and comparing elements, and changing their dtype. */
import { shown } from '../arguments.ts';
import { allDTypes, checkDType, type DType, floatDTypes, numericDTypes } from '../dtype.ts';
import { broadcastShapes, formatShape } from '../shape.ts';
import { checkTensors, record, Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import {
  apply,
  binary,
  checkNumber,
  checkOperands,
  type Operand,
  operandTo,
  operationOf,
  type Row,
  unary,
} from './row.ts';
import { unchanged } from './view.ts';

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
  if ([low, high].some((bound) => typeof bound !== 'number' || Number.isNaN(bound))) {
    throw new RangeError(`clamp: expected numbers as bounds, got low ${shown(low)} and high ${shown(high)}.`);
  }
  checkTensors('clamp', { x });
  const row: Row = {
    name: 'clamp',
    attributes: `${low},${high}`,
    takes: floatDTypes,
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
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded)) return `f32(${rounded})`;
  return rounded > 0 ? 'infinity()' : '-infinity()';
}

// ---- comparisons and logic: derivative zero -------------------------------------------------------------------

function comparison(
  name: string,
  wgsl: (args: readonly string[]) => string,
  reference: (a: number, b: number) => boolean,
  takes: readonly DType[] = numericDTypes,
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
  allDTypes,
);
/** a != b: true for NaN. (Adapters differ on `!=` for NaN, they agree on `==`.) */
export const notEqual = comparison(
  'notEqual',
  ([a, b]) => `!(${a} == ${b})`,
  (a, b) => a !== b,
  allDTypes,
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
  takes: floatDTypes,
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
  checkTensors('where', { condition });
  checkOperands('where', [condition, a, b]);
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
  for (const operand of [a, b]) if (typeof operand === 'number') checkNumber('where', operand, values);
  const shape = broadcastShapes('where', condition.shape, ...values.map((value) => value.shape));
  const inputs = [condition, a, b].map((operand, i) => operandTo(operand, shape, i === 0 ? 'bool' : dtype));
  return record(select, inputs, shape, dtype);
}

/**
 * x in another dtype. Numbers to bool: non-zero is true. f32 to integers drops the fraction; that way there is no
 * derivative, and asking for one is an error. Values beyond the integer range are undefined.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  checkTensors('cast', { x });
  checkDType('cast', dtype);
  if (x.dtype === dtype) return unchanged(x);
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
