/**
 * What makes an element-wise operation of a row: a name, WGSL, the float64 reference and the gradient of each input.
 *
 * Operands broadcast as in NumPy; the expansion is an operation of its own, so its gradient (a sum) is undone once,
 * there, and no rule thinks of shapes. A plain number takes the other operand's dtype.
 */
import { refuse } from '../arguments.ts';
import { checkHolds, type DType, type NumberArray, numericDTypes, referenceArray } from '../dtype.ts';
import { broadcastShapes, formatShape, sameShape, sizeOf } from '../shape.ts';
import type { GradientRule, Operation } from '../tape.ts';
import { full, record, Tensor } from '../tensor.ts';
import { expand } from './movement.ts';

export type Operand = Tensor | number;

/** @internal */
export interface Row {
  readonly name: string;
  /** Attributes as text, where the row is made for one use. */
  readonly attributes?: string;
  readonly wgsl: (args: readonly string[], dtype: DType) => string;
  readonly reference: (...args: number[]) => number;
  /** For i32 and u32, where the reference's float64 could not hold the result (default: the same). */
  readonly integerReference?: (...args: number[]) => number;
  readonly gradients: readonly (GradientRule | 'zero' | 'none')[];
  /** Arithmetic per element, in multiplications (default 1). */
  readonly cost?: number;
  /** True for sums, differences, products and quotients: see `Inline.arithmetic`. */
  readonly arithmetic?: boolean;
  /** dtypes taken (default f32, i32 and u32). */
  readonly takes?: readonly DType[];
  /** dtype returned (default: that of the first operand). */
  readonly gives?: DType;
}

/** @internal */
export function operationOf(row: Row): Operation {
  return {
    name: row.name,
    key: row.attributes === undefined ? row.name : `${row.name}(${row.attributes})`,
    gradients: row.gradients,
    reference: (inputs, { dtype, shape }) => {
      const formula = dtype === 'f32' ? row.reference : (row.integerReference ?? row.reference);
      return mapElements(formula, inputs, dtype, sizeOf(shape));
    },
    lowering: {
      kind: 'inline',
      aligned: true,
      cost: row.cost ?? 1,
      arithmetic: row.arithmetic,
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

/** @internal Records a row: numbers become tensors (numbers alone f32 scalars), dtypes are checked, shapes broadcast. */
export function apply(row: Row, operation: Operation, operands: readonly Operand[]): Tensor {
  checkOperands(row.name, operands);
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const dtype = tensors.at(-1)?.dtype ?? 'f32';
  const takes = row.takes ?? numericDTypes;
  if (tensors.some((tensor) => !takes.includes(tensor.dtype) || tensor.dtype !== dtype)) {
    const came = tensors.map((tensor) => tensor.dtype + formatShape(tensor.shape)).join(' and ');
    const alike = tensors.length > 1 ? ', all of one dtype' : '';
    throw new TypeError(`${row.name}: expected ${takes.join(' or ')}${alike}, got ${came}; use cast first.`);
  }
  for (const operand of operands) if (typeof operand === 'number') checkNumber(row.name, operand, tensors);
  const shape =
    tensors.length === 0 ? [] : broadcastShapes(row.name, ...tensors.map((tensor) => tensor.shape));
  const inputs = operands.map((operand) => operandTo(operand, shape, dtype));
  return record(operation, inputs, shape, row.gives ?? dtype);
}

/** An integer tensor takes only numbers that its dtype holds. */
export function checkNumber(operation: string, value: number, tensors: readonly Tensor[]): void {
  const [tensor] = tensors;
  if (tensor === undefined) return;
  const beside = `, but stands beside ${tensor.dtype}${formatShape(tensor.shape)}`;
  checkHolds(operation, value, tensor.dtype, beside);
}

/** Throws unless every operand is a tensor or a number (untyped JavaScript can pass anything). */
export function checkOperands(operation: string, operands: readonly unknown[]): void {
  const wrong = operands.findIndex((operand) => !(operand instanceof Tensor) && typeof operand !== 'number');
  if (wrong >= 0) refuse(operation, `operand ${wrong + 1}`, operands[wrong], 'a tensor or a number');
}

export function operandTo(operand: Operand, shape: readonly number[], dtype: DType): Tensor {
  if (!(operand instanceof Tensor)) return full(shape, operand, dtype);
  return sameShape(operand.shape, shape) ? operand : expand(operand, shape);
}

/** @internal */
export function unary(row: Row): (x: Tensor) => Tensor {
  const operation = operationOf(row);
  return (x) => apply(row, operation, [x]);
}

/** @internal */
export function binary(row: Row): (a: Operand, b: Operand) => Tensor {
  const operation = operationOf(row);
  return (a, b) => apply(row, operation, [a, b]);
}
