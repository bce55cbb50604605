import { type GemmPlan, gemm, readAlongK } from './gemm.ts';
import type { MatmulSizes } from './matmul.ts';

/** Which operands can be read four numbers at once: their rows in memory begin at multiples of four. */
export function matmulVectors(sizes: MatmulSizes): { readonly a: boolean; readonly b: boolean } {
  const { m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  return {
    a: (transposeA ? m : k) % 4 === 0 && strideA % 4 === 0,
    b: (transposeB ? k : n) % 4 === 0 && strideB % 4 === 0,
  };
}

/** `matmul` for `gemm`. `declarations`: with A and B as arrays of vec4f where `matmulVectors` says so. */
export function matmulTiled(declarations: string, plan: GemmPlan, sizes: MatmulSizes): string {
  const vectors = matmulVectors(sizes);
  const layout = { aAlongK: !sizes.transposeA, bAlongK: sizes.transposeB };
  return gemm(
    plan,
    layout,
    /* wgsl */ `${declarations}
const four = vec4u(0u, 1u, 2u, 3u);

fn extent() -> vec4u {
  return vec4u(p.M, p.N, p.K, p.batches);
}
${operand('A', 'Rows', 'rowsAt', 'p.M', layout.aAlongK, vectors.a)}
${operand('B', 'Columns', 'columnsAt', 'p.N', layout.bAlongK, vectors.b)}

fn store(batch: u32, part: u32, m: u32, n: u32, row: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let start = ((part * p.batches + batch) * p.M + m) * p.N + n;
  put(start, row.x);
  if (n + 1u < p.N) { put(start + 1u, row.y); }
  if (n + 2u < p.N) { put(start + 2u, row.z); }
  if (n + 3u < p.N) { put(start + 3u, row.w); }
}`,
  );
}

/** WGSL that reads A[m, k] or B[k, n]; `size` is M or N. */
function operand(
  name: 'A' | 'B',
  struct: string,
  place: string,
  size: string,
  alongK: boolean,
  vectors: boolean,
): string {
  if (alongK) {
    return /* wgsl */ `
struct ${struct} {
  offset: u32,
}

fn ${place}(batch: u32, i: u32) -> ${struct} {
  return ${struct}(batch * p.stride${name} + min(i, ${size} - 1u) * p.K);
}
${readAlongK(name, 'p.K', vectors)}

fn load${name}(at: ${struct}, k: u32) -> vec4f {
  return readAlongK_${name}(at.offset, k);
}`;
  }
  return /* wgsl */ `
struct ${struct} {
  offset: ${vectors ? 'u32' : 'vec4u'},
}

fn ${place}(batch: u32, i: u32) -> ${struct} {
  return ${struct}(batch * p.stride${name} + min(i${vectors ? `, ${size} - 4u` : ` + four, vec4u(${size} - 1u)`}));
}

fn load${name}(at: ${struct}, k: u32) -> vec4f {
  if (k >= p.K) { return vec4f(); }
  let i = at.offset + k * ${size};
  return ${vectors ? `${name}[i / 4u]` : `vec4f(${name}[i.x], ${name}[i.y], ${name}[i.z], ${name}[i.w])`};
}`;
}
