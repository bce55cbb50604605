/**
 * Matrix products. Closed: the gradients of A B are products of g with a transpose of the other argument, and
 * transposes are flags of the kernel, never copies.
 */
import { choicesOf } from '../../kernels/family.ts';
import { matmulFamily } from '../../kernels/matmul.ts';
import { type NumberArray, referenceArray } from '../dtype.ts';
import { broadcastShapes, formatShape, type Shape, ShapeError, sizeOf } from '../shape.ts';
import type { Entry, Operation } from '../tape.ts';
import { checkTensors, record, type Tensor } from '../tensor.ts';
import { expand, reshape } from './movement.ts';
import { sum } from './reduction.ts';

interface Sizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Elements between matrices of a batch; 0 where one matrix serves all. */
  readonly strideA: number;
  readonly strideB: number;
}

/**
 * a b over the last two dims: [.., m, k] x [.., k, n] -> [.., m, n]; leading dims broadcast (PyTorch's `matmul` for
 * two dims or more). f32 only.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensors('matmul', { a, b });
  for (const x of [a, b]) {
    if (x.dtype !== 'f32' || x.shape.length < 2) {
      throw new ShapeError(
        `matmul: expected f32 tensors of two dims or more, got ${a.dtype}${formatShape(a.shape)} and ` +
          `${b.dtype}${formatShape(b.shape)}.`,
      );
    }
  }
  const [m, k] = a.shape.slice(-2);
  const [k2, n] = b.shape.slice(-2);
  if (k !== k2) {
    throw new ShapeError(
      `matmul: ${formatShape(a.shape)} x ${formatShape(b.shape)}: the last size of the first, ${k}, ` +
        `must equal the second-to-last of the second, ${k2}.`,
    );
  }
  if (b.shape.length === 2) {
    const rows = a.shape.length === 2 ? a : reshape(a, [sizeOf(a.shape.slice(0, -1)), k]);
    return reshape(product(rows, b, false, false), [...a.shape.slice(0, -1), n]);
  }
  const batch = broadcastShapes(
    `matmul: ${formatShape(a.shape)} x ${formatShape(b.shape)}`,
    a.shape.slice(0, -2),
    b.shape.slice(0, -2),
  );
  return reshape(product(asBatch(a, batch), asBatch(b, batch), false, false), [...batch, m, n]);
}

/** [batch, rows, columns], or [1, rows, columns] where every batch uses the same matrix. */
function asBatch(x: Tensor, batch: readonly number[]): Tensor {
  const matrix = x.shape.slice(-2);
  if (sizeOf(x.shape.slice(0, -2)) === 1) return reshape(x, [1, ...matrix]);
  return reshape(expand(x, [...batch, ...matrix]), [sizeOf(batch), ...matrix]);
}

/** [m, k] x [k, n], or [A, m, k] x [B, k, n] where A and B are the batch or 1; either may be stored transposed. */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const batch = a.shape.length === 2 ? [] : [a.shape[0] === 1 ? b.shape[0] : a.shape[0]];
  const [m, k] = transposeA ? swapped(a.shape.slice(-2)) : a.shape.slice(-2);
  const [n] = transposeB ? b.shape.slice(-2) : b.shape.slice(-1);
  return record(operationFor(transposeA, transposeB, k), [a, b], [...batch, m, n], 'f32');
}

function swapped([rows, columns]: readonly number[]): number[] {
  return [columns, rows];
}

function operationFor(transposeA: boolean, transposeB: boolean, k: number): Operation {
  return {
    name: 'matmul',
    key: `matmul(${Number(transposeA)},${Number(transposeB)},${k})`,
    gradients: [
      (g, [a, b]) =>
        summedToBatch(transposeA ? product(b, g, transposeB, true) : product(g, b, false, !transposeB), a),
      (g, [a, b]) =>
        summedToBatch(transposeB ? product(g, a, true, transposeA) : product(a, g, !transposeA, false), b),
    ],
    reference: ([a, b], entry) => multiply(a, b, sizesOf(entry, transposeA, transposeB, k), entry),
    lowering: {
      kind: 'kernel',
      choices: (entry) => choicesOf(matmulFamily, sizesOf(entry, transposeA, transposeB, k)),
      withTransposed: (input) =>
        input === 0 ? operationFor(!transposeA, transposeB, k) : operationFor(transposeA, !transposeB, k),
    },
  };
}

/** The gradient of a matrix that served a whole batch: the sum over it. */
function summedToBatch(x: Tensor, matrix: Tensor): Tensor {
  return x.shape.length === 2 || x.shape[0] === matrix.shape[0] ? x : sum(x, 0, true);
}

function sizesOf(entry: Entry, transposeA: boolean, transposeB: boolean, k: number): Sizes {
  const [m, n] = entry.shape.slice(-2);
  const batch = sizeOf(entry.shape.slice(0, -2));
  const [a, b] = entry.inputShapes;
  const single = ({ length, 0: first }: Shape) => length === 2 || first === 1;
  return {
    batch,
    m,
    n,
    k,
    transposeA,
    transposeB,
    strideA: single(a) ? 0 : m * k,
    strideB: single(b) ? 0 : k * n,
  };
}

function multiply(a: NumberArray, b: NumberArray, sizes: Sizes, entry: Entry): NumberArray {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  const out = referenceArray('f32', sizeOf(entry.shape));
  for (let z = 0; z < batch; z++) {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let total = 0;
        for (let i = 0; i < k; i++) {
          const left = a[z * strideA + (transposeA ? i * m + row : row * k + i)];
          const right = b[z * strideB + (transposeB ? column * k + i : i * n + column)];
          total += left * right;
        }
        out[(z * m + row) * n + column] = total;
      }
    }
  }
  return out;
}
