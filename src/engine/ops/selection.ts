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

/** The larger; NaN if either is. The gradient as PyTorch's: half for each at a tie, all for each where there is a NaN. */
export const maximum = binary({
  name: 'maximum',
  wgsl: ([a, b], dtype) => (dtype === 'f32' ? `maximum(${a}, ${b})` : `max(${a}, ${b})`),
  reference: Math.max,
  gradients: [(g, [a, b]) => shareOfLarger(g, a, b), (g, [a, b]) => shareOfLarger(g, b, a)],
});

/** The smaller; NaN if either is. The gradient as for `maximum`. */
export const minimum = binary({
  name: 'minimum',
  wgsl: ([a, b], dtype) => (dtype === 'f32' ? `minimum(${a}, ${b})` : `min(${a}, ${b})`),
  reference: Math.min,
  gradients: [(g, [a, b]) => shareOfLarger(g, b, a), (g, [a, b]) => shareOfLarger(g, a, b)],
});

/** g where a > b, half of it where a = b, 0 where a < b; all of it beside a NaN, which is in the result. */
function shareOfLarger(g: Tensor, a: Tensor, b: Tensor): Tensor {
  return where(less(a, b), 0, where(eq(a, b), mul(g, 0.5), g));
}

const clampRow: Row = {
  name: 'clamp',
  takes: floatDTypes,
  cost: 2,
  wgsl: ([x, low, high]) => {
    const raised = `select(${x}, ${low}, ${x} < ${low})`;
    return `select(${raised}, ${high}, ${raised} > ${high})`;
  },
  reference: (x, low, high) => Math.min(Math.max(x, low), high),
  gradients: [
    (g, [x, low, high]) => where(logicalAnd(greaterEqual(x, low), lessEqual(x, high)), g, 0),
    'zero',
    'zero',
  ],
};
const limit = operationOf(clampRow);

/**
 * Limits x to [low, high]; derivative 1 on the closed interval, else 0. Where low > high, the result is high everywhere
 * and the derivative 0. NaN stays NaN, with derivative 0. (All as PyTorch's `clamp`.)
 */
export function clamp(x: Tensor, low = -Infinity, high = Infinity): Tensor {
  if ([low, high].some((bound) => typeof bound !== 'number' || Number.isNaN(bound))) {
    throw new RangeError(`clamp: expected numbers as bounds, got low ${shown(low)} and high ${shown(high)}.`);
  }
  checkTensors('clamp', { x });
  return apply(clampRow, limit, [x, low, high]);
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
 * x in another dtype. Numbers to bool: non-zero is true, NaN too. f32 to integers drops the fraction; beyond their range it
 * gives the last f32 within (WGSL's rule), NaN 0; that way there is no derivative, and asking for one is an error.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  checkTensors('cast', { x });
  checkDType('cast', dtype);
  if (x.dtype === dtype) return unchanged(x);
  const operation = operationOf({
    name: `cast to ${dtype}`,
    ...conversion(x.dtype, dtype),
    gradients: [dtype === 'f32' ? (g) => g : 'none'],
  });
  return record(operation, [x], x.shape, dtype);
}

function conversion(from: DType, to: DType): Pick<Row, 'wgsl' | 'reference'> {
  if (to === 'bool') {
    return { wgsl: ([x]) => `!(${x} == ${from}(0))`, reference: (x) => Number(x !== 0) };
  }
  if (from !== 'f32' || to === 'f32') return { wgsl: ([x]) => `${to}(${x})`, reference: (x) => x };
  const [low, high] = to === 'i32' ? [-2147483648, 2147483520] : [0, 4294967040];
  return {
    wgsl: ([x]) => `${to}(select(${x}, 0f, isNan(${x})))`,
    reference: (x) => (Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high)),
  };
}
