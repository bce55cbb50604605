/**
 * Operations that move elements without changing them. Adjoint pairs, so every gradient stays in this file or is a sum:
 * reshape <-> reshape, permute <-> inverse permute, flip <-> flip, slice <-> embed, expand <-> sum.
 */
import { type NumberArray, referenceArray } from '../dtype.ts';
import type { Inline } from '../plan/lowering.ts';
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
} from '../shape.ts';
import type { Entry, Operation } from '../tape.ts';
import { full, record, type Tensor } from '../tensor.ts';
import { add, logicalOr } from './elementwise.ts';
import { sum } from './reduction.ts';

/** Reads `input` with one stride per dim of the result: expand, permute, slice and flip are all this. */
function readStrided(
  input: NumberArray,
  entry: Entry,
  strides: readonly number[],
  offset: number,
): NumberArray {
  const { shape, dtype } = entry;
  const out = referenceArray(dtype, sizeOf(shape));
  const coordinates = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < out.length; to++) {
    out[to] = input[from];
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      from += strides[dim];
      if (++coordinates[dim] < shape[dim]) break;
      from -= strides[dim] * shape[dim];
      coordinates[dim] = 0;
    }
  }
  return out;
}

function moves(emit: Inline['emit'], alias = false): Inline {
  return { kind: 'inline', cost: 0, emit, alias, aligned: alias };
}

const reshapeOperation: Operation = {
  name: 'reshape',
  key: 'reshape',
  gradients: [(g, [x]) => reshape(g, x.shape)],
  reference: ([x]) => x,
  lowering: moves((emitter, index, entry) => emitter.input(0, index.reshaped(entry.inputShapes[0])), true),
};

/** The same elements in the same order under another shape; one size may be -1 and is worked out. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const result = shape.map((size) => (size === -1 && known > 0 ? x.size / known : size));
  const fits =
    shape.filter((size) => size === -1).length <= 1 &&
    result.every((size) => Number.isInteger(size) && size >= 0);
  if (!fits || sizeOf(result) !== x.size) {
    throw new ShapeError(
      `reshape: shape ${formatShape(x.shape)} has ${x.size} elements, which do not fit ${formatShape(shape)}.`,
    );
  }
  return sameShape(result, x.shape) ? x : record(reshapeOperation, [x], result, x.dtype);
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
  checkShape('expand', shape);
  if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
    throw new ShapeError(`expand: shape ${formatShape(x.shape)} cannot become ${formatShape(shape)}.`);
  }
  return sameShape(x.shape, shape) ? x : record(expandOperation, [x], [...shape], x.dtype);
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
  const dims = order.map((dim) => normalizeDim('permute', dim, x.shape));
  if (dims.length !== x.shape.length || new Set(dims).size !== dims.length) {
    throw new ShapeError(
      `permute: expected every dim of shape ${formatShape(x.shape)} once, got the order ${formatShape(order)}.`,
    );
  }
  if (dims.every((dim, at) => dim === at)) return x;
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
  const from = normalizeDim('transpose', a, x.shape);
  const to = normalizeDim('transpose', b, x.shape);
  const order = x.shape.map((_, dim) => (dim === from ? to : dim === to ? from : dim));
  return permute(x, order);
}

/** Elements start, start + step, ... below `end` along one dim; negative positions count from the back. */
export function slice(x: Tensor, dim: number, start: number, end?: number, step = 1): Tensor {
  const at = normalizeDim('slice', dim, x.shape);
  const size = x.shape[at];
  const position = (value: number) => Math.min(size, Math.max(0, value < 0 ? value + size : value));
  if (![start, end ?? 0, step].every(Number.isInteger) || step < 1) {
    throw new ShapeError(
      `slice: expected whole numbers and a step >= 1, got ${start}:${end ?? ''}:${step}; use flip to reverse.`,
    );
  }
  const first = position(start);
  const length = Math.max(0, Math.ceil((position(end ?? size) - first) / step));
  if (length === size) return x;
  const operation: Operation = {
    name: 'slice',
    key: `slice(${at},${first},${step})`,
    gradients: [(g) => embed(g, at, first, step, size)],
    reference: ([values], entry) => {
      const strides = stridesOf(entry.inputShapes[0]);
      const offset = first * strides[at];
      return readStrided(
        values,
        entry,
        strides.map((stride, d) => (d === at ? stride * step : stride)),
        offset,
      );
    },
    lowering: moves((emitter, index, entry) => {
      const coordinates = [...index.coordinates];
      const scaled = step === 1 ? coordinates[at] : `${coordinates[at]} * ${emitter.size(step)}`;
      coordinates[at] = emitter.define(first === 0 ? scaled : `${scaled} + ${emitter.size(first)}`);
      return emitter.input(0, emitter.at(entry.inputShapes[0], coordinates));
    }),
  };
  return record(
    operation,
    [x],
    x.shape.map((length_, d) => (d === at ? length : length_)),
    x.dtype,
  );
}

/** The adjoint of slice: x at start, start + step, ... of a dim of `size`, and `fill` elsewhere. */
function embed(x: Tensor, dim: number, start: number, step: number, size: number, fill = 0): Tensor {
  const shape = x.shape.map((length, d) => (d === dim ? size : length));
  if (x.shape[dim] === 0) return full(shape, fill, x.dtype);
  const operation: Operation = {
    name: 'embed',
    key: `embed(${dim},${start},${step},${fill})`,
    gradients: [(g, [input]) => slice(g, dim, start, start + (input.shape[dim] - 1) * step + 1, step)],
    reference: ([values], entry) => embedElements(values, entry, dim, start, step, fill),
    lowering: moves((emitter, index, entry) => {
      const coordinates = [...index.coordinates];
      // Unsigned: positions before `start` wrap around to huge ones, which the bound below refuses.
      const offset =
        start === 0 ? coordinates[dim] : emitter.define(`${coordinates[dim]} - ${emitter.size(start)}`);
      const place = step === 1 ? offset : emitter.define(`${offset} / ${emitter.size(step)}`);
      const bound = `${place} < ${emitter.size(entry.inputShapes[0][dim])}`;
      const inside = emitter.define(
        step === 1 ? bound : `${bound} && ${place} * ${emitter.size(step)} == ${offset}`,
      );
      // A place outside is read at 0 and then refused, so that no index ever leaves the buffer.
      coordinates[dim] = emitter.define(`select(0u, ${place}, ${inside})`);
      const element = emitter.input(0, emitter.at(entry.inputShapes[0], coordinates));
      return `select(${emitter.constant(fill, entry.dtype)}, ${element}, ${inside})`;
    }),
  };
  return record(operation, [x], shape, x.dtype);
}

function embedElements(
  values: NumberArray,
  entry: Entry,
  dim: number,
  start: number,
  step: number,
  fill: number,
): NumberArray {
  const [from] = entry.inputShapes;
  const out = referenceArray(entry.dtype, sizeOf(entry.shape)).fill(fill);
  const inner = sizeOf(from.slice(dim + 1));
  const outer = sizeOf(from.slice(0, dim));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < from[dim]; i++) {
      const source = (o * from[dim] + i) * inner;
      out.set(values.subarray(source, source + inner), (o * entry.shape[dim] + start + i * step) * inner);
    }
  }
  return out;
}

/** Adds `before` and `after` elements of `value` to each dim: one pair per dim, first dim first. */
export function pad(x: Tensor, amounts: readonly (readonly [number, number])[], value = 0): Tensor {
  if (amounts.length !== x.shape.length || amounts.flat().some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      `pad: expected ${x.shape.length} pairs of whole numbers >= 0 for shape ${formatShape(x.shape)}, ` +
        `got ${JSON.stringify(amounts)}.`,
    );
  }
  return amounts.reduce(
    (padded, [before, after], dim) =>
      before + after === 0 ? padded : embed(padded, dim, before, 1, before + x.shape[dim] + after, value),
    x,
  );
}

/** Joins tensors along an existing dim; all other sizes must agree. */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('concat: expected at least one tensor, got none.');
  const [first] = tensors;
  const at = normalizeDim('concat', dim, first.shape);
  for (const { shape, dtype } of tensors) {
    const agrees =
      shape.length === first.shape.length && shape.every((n, d) => d === at || n === first.shape[d]);
    if (!agrees || dtype !== first.dtype) {
      throw new ShapeError(
        `concat: ${dtype}${formatShape(shape)} does not join ${first.dtype}${formatShape(first.shape)} along dim ${at}: ` +
          'expected one dtype and equal sizes in every other dim.',
      );
    }
  }
  const total = tensors.reduce((length, { shape }) => length + shape[at], 0);
  const combine = first.dtype === 'bool' ? logicalOr : add;
  let offset = 0;
  let joined: Tensor | undefined;
  for (const tensor of tensors) {
    const length = tensor.shape[at];
    if (length === 0 && total > 0) continue;
    const placed = length === total ? tensor : embed(tensor, at, offset, 1, total);
    joined = joined === undefined ? placed : combine(joined, placed);
    offset += length;
  }
  return joined ?? first;
}

/** Joins tensors of one shape along a new dim. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('stack: expected at least one tensor, got none.');
  const [first] = tensors;
  const other = tensors.find(({ shape, dtype }) => !sameShape(shape, first.shape) || dtype !== first.dtype);
  if (other) {
    throw new ShapeError(
      `stack: expected one shape and dtype, got ${first.dtype}${formatShape(first.shape)} and ` +
        `${other.dtype}${formatShape(other.shape)}.`,
    );
  }
  const at = normalizeDim('stack', dim, first.shape, 1);
  return concat(
    tensors.map((tensor) => unsqueeze(tensor, at)),
    at,
  );
}

/** Cuts a dim into parts: of one size (the last may be smaller), or of given sizes that add up to it. */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const at = normalizeDim('split', dim, x.shape);
  const total = x.shape[at];
  if (typeof sizes === 'number' && !(Number.isInteger(sizes) && sizes > 0)) {
    throw new ShapeError(`split: expected a size >= 1, got ${sizes}.`);
  }
  const parts =
    typeof sizes === 'number'
      ? Array.from({ length: Math.ceil(total / sizes) }, (_, i) => Math.min(sizes, total - i * sizes))
      : sizes;
  if (
    parts.reduce((a, b) => a + b, 0) !== total ||
    parts.some((length) => !Number.isInteger(length) || length < 0)
  ) {
    throw new ShapeError(
      `split: expected sizes >= 0 that add up to dim ${at} of ${formatShape(x.shape)}, got ${formatShape(parts)}.`,
    );
  }
  let start = 0;
  return parts.map((length) => {
    start += length;
    return slice(x, at, start - length, start);
  });
}

/** Reverses the order of elements along dims. */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
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
  const at = normalizeDim('unsqueeze', dim, x.shape, 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Merges dims from `start` on into one (PyTorch's `flatten(x, start)`). */
export function flatten(x: Tensor, start = 0): Tensor {
  const at = normalizeDim('flatten', start, x.shape);
  return reshape(x, [...x.shape.slice(0, at), sizeOf(x.shape.slice(at))]);
}
