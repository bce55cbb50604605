/** What operations that only move elements share. */
import { type NumberArray, referenceArray } from '../dtype.ts';
import type { Inline } from '../plan/lowering.ts';
import { sizeOf } from '../shape.ts';
import { type Entry, isLeaf, type Operation } from '../tape.ts';
import { record, type Tensor } from '../tensor.ts';

/** Reads `input` with one stride per dim of the result: expand, permute, slice and flip are all this. */
export function readStrided(
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

/** The lowering of such an operation; `alias` if it does not even move them. */
export function moves(emit: Inline['emit'], alias = false): Inline {
  return { kind: 'inline', cost: 0, emit, alias, aligned: alias };
}

const unchangedOperation: Operation = {
  name: 'unchanged',
  key: 'unchanged',
  gradients: [(g) => g],
  reference: ([x]) => x,
  lowering: moves((emitter, index) => emitter.input(0, index), true),
};

/** x as the result of an operation that had nothing to do. Not a leaf's own handle: `assign` would move the result on. */
export function unchanged(x: Tensor): Tensor {
  return isLeaf(x.node) ? record(unchangedOperation, [x], x.shape, x.dtype) : x;
}
