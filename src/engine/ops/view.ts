/** What operations that only move elements share. */
import { type NumberArray, referenceArray } from '../dtype.ts';
import type { Inline } from '../plan/lowering.ts';
import { sizeOf } from '../shape.ts';
import type { Entry } from '../tape.ts';

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
