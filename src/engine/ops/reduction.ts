/**
 * Reductions over any dims. sum and expand are each other's adjoint; the rest is composed, so that every order of
 * derivative follows. `dims` may be one dim, a list, or undefined for all (so is an empty list, as in PyTorch; a scalar
 * has dim 0 as well); `keepDim` leaves them with size 1.
 */
import { checkFlag, checkNumber, optionsOf } from '../arguments.ts';
import { type NumberArray, referenceArray } from '../dtype.ts';
import type { Reduction } from '../plan/lowering.ts';
import { formatShape, normalizeDims, type Shape, ShapeError, sizeOf, wrapDim } from '../shape.ts';
import type { Entry, GradientRule, Operation } from '../tape.ts';
import { checkTensors, record, type Tensor } from '../tensor.ts';
import { abs, add, div, exp, log, mul, sqrt, square, sub } from './elementwise.ts';
import { expand, permute, reshape } from './movement.ts';
import { cast, eq, isNan, logicalOr, where } from './selection.ts';
import { pad, slice } from './slicing.ts';

type Dims = number | readonly number[];

function reductionOperation(
  name: string,
  dims: readonly number[],
  fold: Omit<Reduction, 'kind' | 'dims'> & { readonly reference: (a: number, b: number) => number },
  gradient: GradientRule,
): Operation {
  return {
    name,
    key: `${name}(${dims})`,
    gradients: [gradient],
    reference: ([x], entry) => foldElements(x, entry, dims, fold.initial(entry.dtype), fold.reference),
    lowering: { kind: 'reduction', dims, initial: fold.initial, combine: fold.combine, adds: fold.adds },
  };
}

function foldElements(
  x: NumberArray,
  entry: Entry,
  dims: readonly number[],
  initial: number,
  combine: (a: number, b: number) => number,
): NumberArray {
  const [shape] = entry.inputShapes;
  const out = referenceArray(entry.dtype, sizeOf(entry.shape)).fill(initial);
  const steps = shape.map(() => 0);
  let step = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    if (dims.includes(dim)) continue;
    steps[dim] = step;
    step *= shape[dim];
  }
  const coordinates = shape.map(() => 0);
  let to = 0;
  for (let from = 0; from < x.length; from++) {
    out[to] = combine(out[to], x[from]);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      to += steps[dim];
      if (++coordinates[dim] < shape[dim]) break;
      to -= steps[dim] * shape[dim];
      coordinates[dim] = 0;
    }
  }
  return out;
}

/** Sizes after reducing: 1 where reduced. */
function keptShape(shape: Shape, dims: readonly number[]): number[] {
  return shape.map((size, dim) => (dims.includes(dim) ? 1 : size));
}

/** The operation removes the reduced dims; with keepDim they come back with size 1. */
function reduce(x: Tensor, operation: Operation, dims: readonly number[], keepDim: boolean): Tensor {
  const result = record(
    operation,
    [x],
    x.shape.filter((_, dim) => !dims.includes(dim)),
    x.dtype,
  );
  return keepDim ? reshape(result, keptShape(x.shape, dims)) : result;
}

/** The dims to reduce, after checks of all that a reduction is given. */
function dimsOf(
  name: string,
  x: Tensor,
  dims: Dims | undefined,
  keepDim: boolean,
  floatOnly = false,
): number[] {
  checkNumeric(name, x, floatOnly);
  checkFlag(name, 'keepDim', keepDim);
  const list = normalizeDims(name, dims, x.shape);
  return list.length > 0 ? list : normalizeDims(name, undefined, x.shape);
}

function checkNumeric(name: string, x: Tensor, floatOnly = false): void {
  checkTensors(name, { x });
  if (x.dtype === 'bool' || (floatOnly && x.dtype !== 'f32')) {
    throw new TypeError(
      `${name}: expected ${floatOnly ? 'f32' : 'f32, i32 or u32'}, got ${x.dtype}${formatShape(x.shape)}; use cast first.`,
    );
  }
}

function checkNotEmpty(name: string, x: Tensor, dims: readonly number[]): void {
  if (isEmptyAlong(x, dims)) {
    throw new ShapeError(
      `${name}: shape ${formatShape(x.shape)} has no elements to choose from along dims [${dims}].`,
    );
  }
}

function isEmptyAlong(x: Tensor, dims: readonly number[]): boolean {
  return dims.some((dim) => x.shape[dim] === 0);
}

/** Sum over dims; 0 for no elements. */
export function sum(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  const list = dimsOf('sum', x, dims, keepDim);
  const operation = reductionOperation(
    'sum',
    list,
    { initial: () => 0, combine: (a, b) => `${a} + ${b}`, adds: true, reference: (a, b) => a + b },
    (g, [input]) => expand(reshape(g, keptShape(input.shape, list)), input.shape),
  );
  return reduce(x, operation, list, keepDim);
}

/** Arithmetic mean over dims: the sum divided by the count (NaN for no elements). */
export function mean(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  const list = dimsOf('mean', x, dims, keepDim, true);
  return div(sum(x, list, keepDim), countOf(x, list));
}

function countOf(x: Tensor, dims: readonly number[]): number {
  return dims.reduce((count, dim) => count * x.shape[dim], 1);
}

/**
 * Largest element over dims; NaN if any is. Elements that tie share the gradient evenly (PyTorch's `max()` and `amax`).
 * Empty input is an error.
 */
export function max(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  return extreme('max', x, dims, keepDim, {
    initial: (dtype) => (dtype === 'f32' ? -Infinity : dtype === 'i32' ? -(2 ** 31) : 0),
    combine: (a, b, dtype) => (dtype === 'f32' ? `maximum(${a}, ${b})` : `max(${a}, ${b})`),
    reference: Math.max,
  });
}

/** Smallest element over dims; ties and NaN as for `max`. */
export function min(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  return extreme('min', x, dims, keepDim, {
    initial: (dtype) => (dtype === 'f32' ? Infinity : dtype === 'i32' ? 2 ** 31 - 1 : 2 ** 32 - 1),
    combine: (a, b, dtype) => (dtype === 'f32' ? `minimum(${a}, ${b})` : `min(${a}, ${b})`),
    reference: Math.min,
  });
}

function extreme(
  name: string,
  x: Tensor,
  dims: Dims | undefined,
  keepDim: boolean,
  fold: Parameters<typeof reductionOperation>[2],
): Tensor {
  const list = dimsOf(name, x, dims, keepDim);
  checkNotEmpty(name, x, list);
  const operation = reductionOperation(name, list, fold, (g, [input], out) => {
    const kept = keptShape(input.shape, list);
    const hit = isExtreme(input, reshape(out, kept));
    const ties = sum(cast(hit, 'f32'), list, true);
    return where(hit, div(reshape(g, kept), ties), 0);
  });
  return reduce(x, operation, list, keepDim);
}

/** Where x equals the extreme value; a NaN equals a NaN. */
function isExtreme(x: Tensor, value: Tensor): Tensor {
  return x.dtype === 'f32' ? logicalOr(eq(x, value), isNan(x)) : eq(x, value);
}

/**
 * Product over dims; 1 for no elements. A tree of multiplications, so derivatives of any order are right where
 * elements are zero.
 */
export function prod(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  const list = dimsOf('prod', x, dims, keepDim);
  const rest = x.shape.map((_, dim) => dim).filter((dim) => !list.includes(dim));
  const count = countOf(x, list);
  const restShape = rest.map((dim) => x.shape[dim]);
  let factors = reshape(permute(x, [...rest, ...list]), [...restShape, count]);
  const last = rest.length;
  const none: [number, number] = [0, 0];
  if (count === 0) factors = pad(factors, [...restShape.map(() => none), [0, 1]], 1);
  while (factors.shape[last] > 1) {
    const half = Math.ceil(factors.shape[last] / 2);
    const odd = factors.shape[last] % 2;
    const upper = slice(factors, last, half);
    const partner = odd ? pad(upper, [...restShape.map(() => none), [0, 1]], 1) : upper;
    factors = mul(slice(factors, last, 0, half), partner);
  }
  return reshape(factors, keepDim ? keptShape(x.shape, list) : restShape);
}

/** Variance over dims: sum (x - mean)^2 / (count - correction). correction 1 is PyTorch's default, 0 is biased. */
export function variance(
  x: Tensor,
  dims?: Dims,
  options: { readonly correction?: number; readonly keepDim?: boolean } = {},
): Tensor {
  const { correction = 1, keepDim = false } = optionsOf('variance', options, ['correction', 'keepDim']);
  checkNumber('variance', 'correction', correction);
  const list = dimsOf('variance', x, dims, keepDim, true);
  const squares = square(sub(x, mean(x, list, true)));
  return div(sum(squares, list, keepDim), Math.max(0, countOf(x, list) - correction));
}

/** log(sum(exp(x))) over dims, without overflow; -infinity where every element is, and for no elements. */
export function logSumExp(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  const list = dimsOf('logSumExp', x, dims, keepDim, true);
  if (isEmptyAlong(x, list)) return log(sum(exp(x), list, keepDim));
  const highest = max(x, list, true).detach();
  const shift = where(eq(abs(highest), Infinity), 0, highest);
  const total = add(log(sum(exp(sub(x, shift)), list, true)), shift);
  return keepDim
    ? total
    : reshape(
        total,
        x.shape.filter((_, dim) => !list.includes(dim)),
      );
}

/** Euclidean norm sqrt(sum x^2) over dims; its derivative at zero counts as zero (PyTorch's `norm`). */
export function norm(x: Tensor, dims?: Dims, keepDim = false): Tensor {
  const list = dimsOf('norm', x, dims, keepDim, true);
  const squares = sum(square(x), list, keepDim);
  const isZero = eq(squares, 0);
  return where(isZero, 0, sqrt(where(isZero, 1, squares)));
}

/** Position (i32) of the largest element along one dim, or in the flattened tensor; the first at a tie, a NaN wins. */
export function argMax(x: Tensor, dim?: number, keepDim = false): Tensor {
  return argExtreme('argMax', x, dim, keepDim, max);
}

/** Position (i32) of the smallest element; ties and NaN as for `argMax`. */
export function argMin(x: Tensor, dim?: number, keepDim = false): Tensor {
  return argExtreme('argMin', x, dim, keepDim, min);
}

function argExtreme(
  name: string,
  x: Tensor,
  dim: number | undefined,
  keepDim: boolean,
  extremeOf: typeof max,
): Tensor {
  checkNumeric(name, x);
  checkFlag(name, 'keepDim', keepDim);
  const at = dim === undefined ? 0 : wrapDim(name, dim, x.shape);
  if (dim === undefined || x.shape.length === 0) {
    checkNotEmpty(name, x, [...x.shape.keys()]);
    const flat = argExtreme(name, reshape(x, [x.size]), 0, false, extremeOf);
    return keepDim
      ? reshape(
          flat,
          x.shape.map(() => 1),
        )
      : flat;
  }
  checkNotEmpty(name, x, [at]);
  const best = expand(extremeOf(x, at, true), x.shape);
  return min(record(positionOperation(name, at), [x, best], x.shape, 'i32'), at, keepDim);
}

/** The position along `dim` where an element is its line's extreme (or NaN), elsewhere the largest i32. */
function positionOperation(name: string, dim: number): Operation {
  const elsewhere = 2 ** 31 - 1;
  return {
    name,
    key: `${name}(${dim})`,
    gradients: ['none', 'none'],
    reference: ([x, best], { shape }) => {
      const inner = sizeOf(shape.slice(dim + 1));
      return referenceArray('i32', x.length).map((_, i) =>
        x[i] === best[i] || Number.isNaN(x[i]) ? Math.floor(i / inner) % shape[dim] : elsewhere,
      );
    },
    lowering: {
      kind: 'inline',
      cost: 2,
      emit: (emitter, index, { inputDTypes: [dtype] }) => {
        const [x, best] = [emitter.input(0, index), emitter.input(1, index)];
        const hit = dtype === 'f32' ? `${x} == ${best} || isNan(${x})` : `${x} == ${best}`;
        return `select(${elsewhere}i, i32(${index.coordinates[dim]}), ${hit})`;
      },
    },
  };
}
