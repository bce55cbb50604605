/**
 * Operations that show the same elements in another shape or order. Adjoint pairs: reshape <-> reshape, permute <->
 * inverse permute, flip <-> flip, expand <-> sum.
 */
import { checkList, shown } from '../arguments.ts';
import {
  broadcastShapes,
  checkShape,
  formatShape,
  normalizeDim,
  normalizeDims,
  type Shape,
  ShapeError,
  sameShape,
  sizeOf,
  stridesOf,
  wrapDim,
} from '../shape.ts';
import type { Operation } from '../tape.ts';
import { checkTensors, record, type Tensor } from '../tensor.ts';
import { sum } from './reduction.ts';
import { moves, readStrided, unchanged } from './view.ts';

const reshapeOperation: Operation = {
  name: 'reshape',
  key: 'reshape',
  gradients: [(g, [x]) => reshape(g, x.shape)],
  reference: ([x]) => x,
  lowering: moves((emitter, index, entry) => emitter.input(0, index.reshaped(entry.inputShapes[0])), true),
};

/** The same elements in the same order under another shape; one size may be -1 and is worked out. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensors('reshape', { x });
  checkList('reshape', 'shape', shape, 'sizes');
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const result = shape.map((size) => (size === -1 && known > 0 ? x.size / known : size));
  const fits =
    shape.filter((size) => size === -1).length <= 1 &&
    result.every((size) => Number.isInteger(size) && size >= 0);
  if (!fits || sizeOf(result) !== x.size) {
    throw new ShapeError(
      `reshape: shape ${formatShape(x.shape)} has ${x.size} elements, which do not fit [${shape.map(shown)}].`,
    );
  }
  return sameShape(result, x.shape) ? unchanged(x) : record(reshapeOperation, [x], result, x.dtype);
}

const expandOperation: Operation = {
  name: 'expand',
  key: 'expand',
  gradients: [(g, [x]) => sumTo(g, x.shape)],
  reference: ([x], entry) => {
    const [from] = entry.inputShapes;
    const lead = entry.shape.length - from.length;
    const strides = stridesOf(from);
    return readStrided(
      x,
      entry,
      entry.shape.map((_, dim) => (dim < lead || from[dim - lead] === 1 ? 0 : strides[dim - lead])),
      0,
    );
  },
  lowering: moves((emitter, index, entry) => {
    const [from] = entry.inputShapes;
    if (sizeOf(from) === 1) return emitter.input(0, emitter.linear(from, '0u'));
    const lead = entry.shape.length - from.length;
    const { coordinates } = index;
    return emitter.input(
      0,
      emitter.at(
        from,
        from.map((size, dim) => (size === 1 ? '0u' : coordinates[dim + lead])),
      ),
    );
  }),
};

/** Repeats dims of size 1 (and new leading dims) to `shape`, as broadcasting does. The gradient sums over them. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensors('expand', { x });
  checkShape('expand', shape);
  if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
    throw new ShapeError(`expand: shape ${formatShape(x.shape)} cannot become ${formatShape(shape)}.`);
  }
  return sameShape(x.shape, shape) ? unchanged(x) : record(expandOperation, [x], [...shape], x.dtype);
}

/** Sums the dims that expanding `shape` to x's shape would have repeated. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const dims = x.shape.flatMap((size, dim) =>
    dim < lead || (shape[dim - lead] === 1 && size !== 1) ? [dim] : [],
  );
  return reshape(dims.length === 0 ? x : sum(x, dims), shape);
}

/** Reorders dims: dim d of the result is dim `order[d]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  checkTensors('permute', { x });
  checkList('permute', 'order', order, 'dims');
  const dims = order.map((dim) => normalizeDim('permute', dim, x.shape));
  if (dims.length !== x.shape.length || new Set(dims).size !== dims.length) {
    throw new ShapeError(
      `permute: expected every dim of shape ${formatShape(x.shape)} once, got the order ${formatShape(order)}.`,
    );
  }
  if (dims.every((dim, at) => dim === at)) return unchanged(x);
  const inverse = dims.map((_, dim) => dims.indexOf(dim));
  const operation: Operation = {
    name: 'permute',
    key: `permute(${dims})`,
    gradients: [(g) => permute(g, inverse)],
    reference: ([values], entry) => {
      const strides = stridesOf(entry.inputShapes[0]);
      return readStrided(
        values,
        entry,
        dims.map((dim) => strides[dim]),
        0,
      );
    },
    lowering: {
      ...moves((emitter, index, entry) =>
        emitter.input(
          0,
          emitter.at(
            entry.inputShapes[0],
            inverse.map((dim) => index.coordinates[dim]),
          ),
        ),
      ),
      swapsLastTwo: dims.every((dim, at) => dim === (at < dims.length - 2 ? at : 2 * dims.length - 3 - at)),
    },
  };
  return record(
    operation,
    [x],
    dims.map((dim) => x.shape[dim]),
    x.dtype,
  );
}

/** Swaps two dims (default: the last two). */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  checkTensors('transpose', { x });
  const from = wrapDim('transpose', a, x.shape);
  const to = wrapDim('transpose', b, x.shape);
  const order = x.shape.map((_, dim) => (dim === from ? to : dim === to ? from : dim));
  return permute(x, order);
}

/** Reverses the order of elements along dims. */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  checkTensors('flip', { x });
  if (typeof dims !== 'number') checkList('flip', 'dims', dims, 'dims, or one');
  const list = normalizeDims('flip', dims, x.shape);
  const operation: Operation = {
    name: 'flip',
    key: `flip(${list})`,
    gradients: [(g) => flip(g, list)],
    reference: ([values], entry) => {
      const strides = stridesOf(entry.shape);
      const offset = list.reduce((sum_, dim) => sum_ + strides[dim] * (entry.shape[dim] - 1), 0);
      return readStrided(
        values,
        entry,
        strides.map((stride, dim) => (list.includes(dim) ? -stride : stride)),
        offset,
      );
    },
    lowering: moves((emitter, index, entry) => {
      const coordinates = index.coordinates.map((coordinate, dim) =>
        list.includes(dim)
          ? emitter.define(`${emitter.size(entry.shape[dim] - 1)} - ${coordinate}`)
          : coordinate,
      );
      return emitter.input(0, emitter.at(entry.shape, coordinates));
    }),
  };
  return record(operation, [x], x.shape, x.dtype);
}

/** Drops dims of size 1: all of them, or those named. */
export function squeeze(x: Tensor, dims?: number | readonly number[]): Tensor {
  checkTensors('squeeze', { x });
  const list = dims === undefined ? undefined : normalizeDims('squeeze', dims, x.shape);
  const wide = list?.find((dim) => x.shape[dim] !== 1);
  if (wide !== undefined) {
    throw new ShapeError(
      `squeeze: dim ${wide} of shape ${formatShape(x.shape)} has size ${x.shape[wide]}, expected 1.`,
    );
  }
  return reshape(
    x,
    x.shape.filter((size, dim) => (list ? !list.includes(dim) : size !== 1)),
  );
}

/** Adds a dim of size 1 at position `dim` of the result. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkTensors('unsqueeze', { x });
  const at = normalizeDim('unsqueeze', dim, x.shape, 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Merges dims from `start` on into one (PyTorch's `flatten(x, start)`); a scalar becomes [1]. */
export function flatten(x: Tensor, start = 0): Tensor {
  checkTensors('flatten', { x });
  const at = wrapDim('flatten', start, x.shape);
  return reshape(x, [...x.shape.slice(0, at), sizeOf(x.shape.slice(at))]);
}
