/** Shapes: lists of sizes, outermost first, contiguous in memory with the last dim fastest. */
import { checkList, shown } from './arguments.ts';

export type Shape = readonly number[];

/** Number of elements: the product of the sizes (1 for a scalar). */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Elements between neighbours along each dim of a contiguous tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, dim) => size === b[dim]);
}

/** A shape as people write it: `[2,3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}

/** An error whose sentence begins with the operation's name. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

/** NumPy's broadcasting: sizes are compared from the right; they must be equal or one of them 1. */
export function broadcastShapes(operation: string, ...shapes: Shape[]): Shape {
  const [first, ...others] = shapes;
  if (others.every((shape) => sameShape(shape, first))) return first;
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, dim) => {
    let result = 1;
    for (const shape of shapes) {
      const size = shape[dim - rank + shape.length] ?? 1;
      if (size === 1 || size === result) continue;
      if (result !== 1) {
        throw new ShapeError(
          `${operation}: shapes ${shapes.map(formatShape).join(' and ')} cannot be broadcast together: ` +
            `dim ${dim - rank} has sizes ${result} and ${size}, expected equal sizes or a 1.`,
        );
      }
      result = size;
    }
    return result;
  });
}

/** A dim counted from the front, given one that may be negative (counted from the back). */
export function normalizeDim(operation: string, dim: number, shape: Shape, extra = 0): number {
  const rank = shape.length + extra;
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    const expected = rank === 0 ? 'a tensor of one dim or more' : `${-rank} to ${rank - 1}`;
    throw new ShapeError(
      `${operation}: dim ${shown(dim)} does not exist in shape ${formatShape(shape)}; expected ${expected}.`,
    );
  }
  return dim < 0 ? dim + rank : dim;
}

/** As `normalizeDim`, but a scalar has dim 0 too, as in PyTorch: for what can as well be done along no dim. */
export function wrapDim(operation: string, dim: number, shape: Shape): number {
  return normalizeDim(operation, dim, shape, shape.length === 0 ? 1 : 0);
}

/** Dims as a sorted list without repeats, none for a scalar; undefined means all of them. */
export function normalizeDims(operation: string, dims: number | Shape | undefined, shape: Shape): number[] {
  if (dims === undefined) return shape.map((_, dim) => dim);
  if (typeof dims !== 'number') checkList(operation, 'dims', dims, 'dims, or one');
  const list = (typeof dims === 'number' ? [dims] : dims).map((dim) => wrapDim(operation, dim, shape));
  if (new Set(list).size !== list.length) {
    throw new ShapeError(`${operation}: dims [${dims}] name a dim of shape ${formatShape(shape)} twice.`);
  }
  return shape.length === 0 ? [] : list.sort((a, b) => a - b);
}

/** Throws unless `shape` is a list of sizes that a tensor can have. */
export function checkShape(operation: string, shape: Shape): void {
  checkList(operation, 'shape', shape, 'sizes');
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(
      `${operation}: shape [${shape.map(shown)}] has a size that is not a whole number >= 0.`,
    );
  }
}

/** Kernels count elements in 32 bits, even those of tensors that are never stored. */
const maxElements = 2 ** 32 - 1;

/** Throws if a tensor of `shape` would have more elements than a kernel can count. */
export function checkSize(operation: string, shape: Shape): void {
  const size = sizeOf(shape);
  if (size > maxElements) {
    throw new ShapeError(
      `${operation}: shape ${formatShape(shape)} has ${size} elements, expected at most ${maxElements}; work on it in parts.`,
    );
  }
}
