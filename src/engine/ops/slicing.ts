/** Cutting tensors and putting them together. slice <-> embed are each other's adjoint; concat's are slices. */
import { checkList, shown } from '../arguments.ts';
import { checkHolds, type NumberArray, referenceArray } from '../dtype.ts';
import { formatShape, normalizeDim, ShapeError, sameShape, sizeOf, stridesOf } from '../shape.ts';
import type { Entry, Operation } from '../tape.ts';
import { checkTensorList, checkTensors, full, record, type Tensor } from '../tensor.ts';
import { unsqueeze } from './movement.ts';
import { moves, readStrided, unchanged } from './view.ts';

/** Elements start, start + step, ... below `end` along one dim; negative positions count from the back. */
export function slice(x: Tensor, dim: number, start: number, end?: number, step = 1): Tensor {
  checkTensors('slice', { x });
  const at = normalizeDim('slice', dim, x.shape);
  const size = x.shape[at];
  const position = (value: number) => Math.min(size, Math.max(0, value < 0 ? value + size : value));
  if (![start, end === undefined ? 0 : end, step].every(Number.isInteger) || step < 1) {
    throw new ShapeError(
      `slice: expected whole numbers and a step >= 1, got ${shown(start)}:${end === undefined ? '' : shown(end)}:${shown(step)}; use flip to reverse.`,
    );
  }
  const first = position(start);
  const length = Math.max(0, Math.ceil((position(end ?? size) - first) / step));
  if (length === size) return unchanged(x);
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
  checkTensors('pad', { x });
  checkHolds('pad', value, x.dtype);
  checkList('pad', 'amounts', amounts, 'pairs');
  const arePairs = amounts.every((pair) => Array.isArray(pair) && pair.length === 2);
  const fits = arePairs && amounts.length === x.shape.length;
  if (!fits || amounts.flat().some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      `pad: expected ${x.shape.length} pairs of whole numbers >= 0 for shape ${formatShape(x.shape)}, ` +
        `got ${JSON.stringify(amounts)}.`,
    );
  }
  const result = amounts.reduce(
    (padded, [before, after], dim) =>
      before + after === 0 ? padded : embed(padded, dim, before, 1, before + x.shape[dim] + after, value),
    x,
  );
  return unchanged(result);
}

/** Joins tensors along an existing dim; all other sizes must agree. */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  checkTensorList('concat', 'tensors', tensors);
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
  const filled = tensors.filter(({ shape }) => shape[at] > 0);
  return unchanged(filled.length === 0 ? first : joinAll(filled, at));
}

/** In pairs, then pairs of pairs: n tensors pass through log2(n) joins, and each join knows two inputs. */
function joinAll(tensors: readonly Tensor[], dim: number): Tensor {
  if (tensors.length === 1) return tensors[0];
  const middle = tensors.length >> 1;
  return join(joinAll(tensors.slice(0, middle), dim), joinAll(tensors.slice(middle), dim), dim);
}

/** a, then b: every element is selected, not added to a zero, so that -0 stays -0. */
function join(a: Tensor, b: Tensor, dim: number): Tensor {
  const first = a.shape[dim];
  const total = first + b.shape[dim];
  const operation: Operation = {
    name: 'concat',
    key: `concat(${dim},${first})`,
    gradients: [(g) => slice(g, dim, 0, first), (g) => slice(g, dim, first, total)],
    reference: ([front, back], entry) => {
      const out = referenceArray(entry.dtype, sizeOf(entry.shape));
      const inner = sizeOf(entry.shape.slice(dim + 1));
      const [head, tail] = [first * inner, (total - first) * inner];
      for (let o = 0; o * (head + tail) < out.length; o++) {
        out.set(front.subarray(o * head, (o + 1) * head), o * (head + tail));
        out.set(back.subarray(o * tail, (o + 1) * tail), o * (head + tail) + head);
      }
      return out;
    },
    lowering: moves((emitter, index, entry) => {
      const place = index.coordinates[dim];
      const inFront = emitter.define(`${place} < ${emitter.size(first)}`);
      // The side that is not taken is read at 0, so that no index ever leaves a buffer.
      const read = (input: number, expression: string, taken: string) => {
        const coordinates = [...index.coordinates];
        coordinates[dim] = emitter.define(`select(0u, ${expression}, ${taken})`);
        return emitter.input(input, emitter.at(entry.inputShapes[input], coordinates));
      };
      const front = read(0, place, inFront);
      const back = read(1, `${place} - ${emitter.size(first)}`, `!${inFront}`);
      return `select(${back}, ${front}, ${inFront})`;
    }),
  };
  const shape = a.shape.map((length, d) => (d === dim ? total : length));
  return record(operation, [a, b], shape, a.dtype);
}

/** Joins tensors of one shape along a new dim. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  checkTensorList('stack', 'tensors', tensors);
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

/**
 * Cuts a dim into parts: of one size (the last may be smaller; an empty dim is one empty part), or of given sizes that
 * add up to it.
 */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  checkTensors('split', { x });
  const at = normalizeDim('split', dim, x.shape);
  const total = x.shape[at];
  if (typeof sizes === 'number' && !(Number.isInteger(sizes) && sizes >= (total === 0 ? 0 : 1))) {
    throw new ShapeError(`split: expected a size >= 1, got ${sizes}.`);
  }
  if (typeof sizes !== 'number') checkList('split', 'sizes', sizes, 'sizes, or one');
  const parts =
    typeof sizes === 'number'
      ? Array.from({ length: total === 0 ? 1 : Math.ceil(total / sizes) }, (_, i) =>
          Math.min(sizes, total - i * sizes),
        )
      : sizes;
  if (
    parts.reduce((a, b) => a + b, 0) !== total ||
    parts.some((length) => !Number.isInteger(length) || length < 0)
  ) {
    throw new ShapeError(
      `split: expected sizes >= 0 that add up to dim ${at} of ${formatShape(x.shape)}, got [${parts.map(shown)}].`,
    );
  }
  let start = 0;
  return parts.map((length) => {
    start += length;
    return slice(x, at, start - length, start);
  });
}
