/**
 * Reading and adding at positions that are data. gather and scatterAdd are each other's adjoint; the positions are
 * integers (i32) and have no gradient.
 *
 * A position out of range throws on the reference executor. A GPU cannot throw: there gather gives NaN (0 for
 * integers), and scatterAdd leaves the value out.
 */
import { onlyChoice } from '../../kernels/family.ts';
import { scatterAdd as scatterAddKernel } from '../../kernels/scatter-add.ts';
import { type NumberArray, referenceArray } from '../dtype.ts';
import { checkShape, formatShape, normalizeDim, type Shape, ShapeError, sizeOf } from '../shape.ts';
import type { Operation } from '../tape.ts';
import { arange, checkTensors, record, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { expand, reshape } from './movement.ts';
import { cast, eq } from './selection.ts';

/**
 * out[.., j, ..] = x[.., index[.., j, ..], ..] along `dim` (PyTorch's `gather`). index is i32 with x's rank and, but for
 * `dim`, x's sizes.
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensors('gather', { x, index });
  const at = normalizeDim('gather', dim, x.shape);
  checkIndex('gather', x.shape, index, at);
  const size = x.shape[at];
  const operation: Operation = {
    name: 'gather',
    key: `gather(${at})`,
    gradients: [(g, [, positions]) => scatterInto(g, at, positions, size), 'zero'],
    reference: ([values, positions], entry) => {
      const out = referenceArray(entry.dtype, positions.length);
      forEachPlace(entry.shape, at, size, positions, 'gather', (i, place) => {
        out[i] = values[place];
      });
      return out;
    },
    lowering: {
      kind: 'inline',
      cost: 1,
      emit: (emitter, place, entry) => {
        const position = emitter.define(`u32(${emitter.input(1, place)})`);
        const inside = emitter.define(`${position} < ${emitter.size(size)}`);
        const coordinates = [...place.coordinates];
        coordinates[at] = emitter.define(`select(0u, ${position}, ${inside})`);
        const element = emitter.input(0, emitter.at(entry.inputShapes[0], coordinates));
        const otherwise = entry.dtype === 'f32' ? 'nanValue()' : emitter.constant(0, entry.dtype);
        return `select(${otherwise}, ${element}, ${inside})`;
      },
    },
  };
  return record(operation, [x, index], index.shape, x.dtype);
}

/**
 * x with source[.., j, ..] added at position index[.., j, ..] of `dim` (PyTorch's `scatter_add`). Positions may repeat;
 * they are added in order. f32. index has source's shape and, but for `dim`, x's sizes.
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  checkTensors('scatterAdd', { x, index, source });
  const at = normalizeDim('scatterAdd', dim, x.shape);
  checkIndex('scatterAdd', x.shape, index, at);
  if (source.shape.join() !== index.shape.join() || source.dtype !== 'f32' || x.dtype !== 'f32') {
    throw new ShapeError(
      `scatterAdd: source is ${source.dtype}${formatShape(source.shape)}, expected f32${formatShape(index.shape)} ` +
        `like the index; x is ${x.dtype}${formatShape(x.shape)}.`,
    );
  }
  return add(x, scatterInto(source, at, index, x.shape[at]));
}

/** Zeros with `source` added at the positions. */
function scatterInto(source: Tensor, dim: number, index: Tensor, size: number): Tensor {
  const shape = source.shape.map((length, d) => (d === dim ? size : length));
  const sizes = {
    outer: sizeOf(shape.slice(0, dim)),
    size,
    count: source.shape[dim],
    inner: sizeOf(shape.slice(dim + 1)),
  };
  const operation: Operation = {
    name: 'scatterAdd',
    key: `scatterAdd(${dim},${size})`,
    gradients: [(g, [, positions]) => gather(g, dim, positions), 'zero'],
    reference: ([values, positions], entry) => {
      const out = referenceArray('f32', sizeOf(entry.shape));
      forEachPlace(entry.inputShapes[1], dim, size, positions, 'scatterAdd', (i, place) => {
        out[place] += values[i];
      });
      return out;
    },
    lowering: { kind: 'kernel', choices: () => onlyChoice(scatterAddKernel(sizes)) },
  };
  return record(operation, [source, index], shape, 'f32');
}

/** Rows of x along `dim`, in the order of the one-dimensional i32 `index` (PyTorch's `index_select`). */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensors('indexSelect', { x, index });
  const at = normalizeDim('indexSelect', dim, x.shape);
  if (index.shape.length !== 1 || index.dtype !== 'i32') {
    throw new ShapeError(
      `indexSelect: expected an i32 index of one dim, got ${index.dtype}${formatShape(index.shape)}.`,
    );
  }
  const shape = x.shape.map((size, d) => (d === at ? index.shape[0] : size));
  const line = shape.map((size, d) => (d === at ? size : 1));
  return gather(x, at, expand(reshape(index, line), shape));
}

/** f32 [.., classes]: 1 at the position that an integer label names, else 0. A label out of range gives a row of 0. */
export function oneHot(labels: Tensor, classes: number): Tensor {
  checkTensors('oneHot', { labels });
  if (labels.dtype !== 'i32' && labels.dtype !== 'u32') {
    throw new TypeError(
      `oneHot: labels are ${labels.dtype}${formatShape(labels.shape)}, expected i32 or u32.`,
    );
  }
  checkShape('oneHot', [classes]);
  const positions = reshape(arange(classes, labels.dtype), [...labels.shape.map(() => 1), classes]);
  return cast(eq(reshape(labels, [...labels.shape, 1]), positions), 'f32');
}

function checkIndex(name: string, shape: Shape, index: Tensor, dim: number): void {
  const fits =
    index.shape.length === shape.length && index.shape.every((size, d) => d === dim || size === shape[d]);
  if (!fits || index.dtype !== 'i32') {
    throw new ShapeError(
      `${name}: the index is ${index.dtype}${formatShape(index.shape)}; expected i32 and the sizes of ` +
        `${formatShape(shape)} but for dim ${dim}.`,
    );
  }
}

/** For every element i of the index: the place in the other tensor that it names. */
function forEachPlace(
  shape: Shape,
  dim: number,
  size: number,
  positions: NumberArray,
  name: string,
  visit: (i: number, place: number) => void,
): void {
  const inner = sizeOf(shape.slice(dim + 1));
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i];
    if (position < 0 || position >= size) {
      throw new RangeError(`${name}: position ${position} is out of range for dim ${dim} of size ${size}.`);
    }
    const outer = Math.floor(i / (inner * shape[dim]));
    visit(i, (outer * size + position) * inner + (i % inner));
  }
}
