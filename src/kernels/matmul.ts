import { type Epilogue, storeResults, withEpilogue } from './epilogue.ts';
import { about, type Family } from './family.ts';
import { gemmPlan } from './gemm.ts';
import { grid, type Kernel, linearMain } from './kernel.ts';
import { isLong, type JoinedSums, joinedMatrices } from './long-sums.ts';
import { matmulQuads } from './matmul-quads.ts';
import { matmulTiled, matmulVectors } from './matmul-tiled.ts';
import { inParts, storeParts } from './parts.ts';
import { quadGrid, quadParts, quadTile, quadTiles } from './quads.ts';

/** Sizes of output[batch, m, n] = A[m, k] · B[k, n], in elements. */
export interface MatmulSizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is stored as [k, m]. */
  readonly transposeA: boolean;
  /** B is stored as [n, k]. */
  readonly transposeB: boolean;
  /** Elements between consecutive batches of A; 0 when all batches share one A. */
  readonly strideA: number;
  readonly strideB: number;
}

// A transposed operand differs only in its strides, so one kernel serves all four cases.
const declarations = (epilogue: Epilogue, vectors = { a: false, b: false }) => /* wgsl */ `
struct Params {
  batches: u32, M: u32, N: u32, K: u32,
  strideA: u32, strideAm: u32, strideAk: u32,
  strideB: u32, strideBk: u32, strideBn: u32,
  ${epilogue.members}
}
@group(0) @binding(0) var<storage, read> A: array<${vectors.a ? 'vec4f' : 'f32'}>;
@group(0) @binding(1) var<storage, read> B: array<${vectors.b ? 'vec4f' : 'f32'}>;
${epilogue.declarations(2)}
`;

/**
 * output[m, n] = Σk A[m, k] · B[k, n]
 *
 * An invocation computes 8 × 8 outputs in four 4 × 4 matrices, 4 steps of k at a time. A load costs a software
 * adapter some ten multiplications: 64 loads serve 256 products here.
 * `ragged`: K is no multiple of 4. A constant, because the check costs a third of the speed.
 */
const direct = (ragged: boolean, sums: JoinedSums, epilogue: Epilogue) => /* wgsl */ `
${declarations(epilogue)}
${sums.declarations}
const ragged = ${ragged};

// k, or the last one there is, so that every load stays within its bounds.
fn clamped(k: u32) -> u32 {
  if (!ragged) { return k; }
  return min(k, p.K - 1u);
}

// A[m, k] of four rows m; zero beyond K.
fn loadA(rows: vec4u, k: u32) -> vec4f {
  let at = rows + clamped(k) * p.strideAk;
  let values = vec4f(A[at.x], A[at.y], A[at.z], A[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.K);
}

// A[m, k .. k + 3]: a column is a row m.
fn blockA(rows: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadA(rows, k),
    loadA(rows, k + 1u),
    loadA(rows, k + 2u),
    loadA(rows, k + 3u),
  ));
}

fn loadB(columns: vec4u, k: u32) -> vec4f {
  let at = columns + clamped(k) * p.strideBk;
  let values = vec4f(B[at.x], B[at.y], B[at.z], B[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.K);
}

// B[k .. k + 3, n]: a column is a step k.
fn blockB(columns: vec4u, k: u32) -> mat4x4f {
  return mat4x4f(
    loadB(columns, k),
    loadB(columns, k + 1u),
    loadB(columns, k + 2u),
    loadB(columns, k + 3u),
  );
}

fn storeRow(batch: u32, m: u32, n: u32, row: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let start = (batch * p.M + m) * p.N + n;
  put(start, row.x);
  if (n + 1u < p.N) { put(start + 1u, row.y); }
  if (n + 2u < p.N) { put(start + 2u, row.z); }
  if (n + 3u < p.N) { put(start + 3u, row.w); }
}

fn storeRows(batch: u32, m: u32, n: u32, rows: mat4x4f) {
  storeRow(batch, m, n, rows[0]);
  storeRow(batch, m + 1u, n, rows[1]);
  storeRow(batch, m + 2u, n, rows[2]);
  storeRow(batch, m + 3u, n, rows[3]);
}
${linearMain}
  let blocksM = (p.M + 7u) / 8u;
  let blocksN = (p.N + 7u) / 8u;
  if (i >= p.batches * blocksM * blocksN) { return; }
  let batch = i / (blocksM * blocksN);
  let m = i / blocksN % blocksM * 8u;
  let n = i % blocksN * 8u;

  // Rows and columns beyond the edge repeat the last one, and are not stored.
  let four = vec4u(0u, 1u, 2u, 3u);
  let rows0 = batch * p.strideA + min(m + four, vec4u(p.M - 1u)) * p.strideAm;
  let rows1 = batch * p.strideA + min(m + 4u + four, vec4u(p.M - 1u)) * p.strideAm;
  let columns0 = batch * p.strideB + min(n + four, vec4u(p.N - 1u)) * p.strideBn;
  let columns1 = batch * p.strideB + min(n + 4u + four, vec4u(p.N - 1u)) * p.strideBn;

  // out[rows][columns]: a column of the matrix is a row of the output.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  ${sums.totals}
  for (var k = 0u; k < p.K; k += 4u) {
    let A0 = blockA(rows0, k);
    let A1 = blockA(rows1, k);
    let B0 = blockB(columns0, k);
    let B1 = blockB(columns1, k);
    out00 += B0 * A0;
    out01 += B1 * A0;
    out10 += B0 * A1;
    out11 += B1 * A1;
    ${sums.join('k / 4u')}
  }
  ${sums.finish}
  storeRows(batch, m, n, out00);
  storeRows(batch, m, n + 4u, out01);
  storeRows(batch, m + 4u, n, out10);
  storeRows(batch, m + 4u, n + 4u, out11);
}`;

function kernel(
  variant: string,
  source: string,
  workgroups: Kernel['workgroups'],
  sizes: MatmulSizes,
  epilogue: Epilogue,
): Kernel {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  const aStrides = transposeA ? [1, m] : [k, 1];
  const bStrides = transposeB ? [1, k] : [n, 1];
  const words = [batch, m, n, k, strideA, ...aStrides, strideB, ...bStrides];
  return {
    name: `matmul.${variant}`,
    source,
    uniforms: withEpilogue(words, epilogue),
    workgroups,
    flops: 2 * batch * m * n * k,
  };
}

/**
 * The kernels of output[b, m, n] = Σk A[b, m, k] · B[b, k, n]; inputs A, B; all f32; `torch.matmul`.
 * They throw RangeError when the outputs outnumber 32-bit indices.
 */
export const matmulFamily: Family<MatmulSizes> = {
  name: 'matmul',
  variants: {
    direct: {
      kernel: (sizes, epilogue = storeResults) => {
        const { batch, m, n, k } = sizes;
        const workgroups = grid(batch * Math.ceil(m / 8) * Math.ceil(n / 8));
        return kernel(
          'direct',
          direct(k % 4 !== 0, joinedMatrices(k), epilogue),
          workgroups,
          sizes,
          epilogue,
        );
      },
    },
    quads: {
      needs: 'subgroups',
      kernel: (sizes, epilogue = storeResults) => {
        const { batch, m, n, k } = sizes;
        const tile = quadTile(m, n, Math.ceil(k / 4) % 2 === 0, k);
        const tiles = quadTiles(m, n, batch, tile);
        const parts = quadParts(tiles, Math.ceil(k / 4));
        const end = parts > 1 ? storeParts(parts) : epilogue;
        const partTile = { ...tile, long: isLong(k / parts) };
        const source = matmulQuads(declarations(end), partTile, k % 4 !== 0, parts);
        return { ...kernel('quads', source, quadGrid(tiles * parts), sizes, end), ...inParts(parts) };
      },
    },
    tiled: {
      kernel: (sizes, epilogue = storeResults) => {
        const plan = gemmPlan(sizes.m, sizes.n, sizes.k, sizes.batch);
        const end = plan.parts > 1 ? storeParts(plan.parts) : epilogue;
        const source = matmulTiled(declarations(end, matmulVectors(sizes)), plan, sizes);
        return { ...kernel('tiled', source, plan.workgroups, sizes, end), ...inParts(plan.parts) };
      },
    },
  },
  preferred: (_, adapter) => (adapter === 'software' ? 'quads' : 'tiled'),
  shapeClass: ({ batch, m, n, k, transposeA, transposeB }) => {
    const [a, b] = [transposeA ? 'Aᵀ' : 'A', transposeB ? 'Bᵀ' : 'B'];
    return `${a}·${b} batch${about(batch)} m${about(m)} n${about(n)} k${about(k)}`;
  },
};
