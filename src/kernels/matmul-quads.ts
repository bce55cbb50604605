import { type QuadTile, quads } from './quads.ts';

/** `matmul` for `quads`. `ragged`: K is no multiple of 4. */
export const matmulQuads = (declarations: string, tile: QuadTile, ragged: boolean, parts: number) =>
  quads(
    tile,
    /* wgsl */ `${declarations}
const ragged = ${ragged};

fn extent() -> vec4u {
  return vec4u(p.M, p.N, p.batches, ${parts > 1 ? 'p.parts' : '1u'});
}

// Positions k .. k + 3 of the sum, and how far they lie from a row's and a column's beginning.
struct Steps {
  k: u32,
  inA: vec4u,
  inB: vec4u,
}

fn stepsAt(k: u32) -> Steps {
  let four = clamped(k);
  return Steps(k, four * p.strideAk, four * p.strideBk);
}

fn count(at: Steps) -> u32 {
  return (p.K + 3u) / 4u / extent().w;
}

fn start(batch: u32, part: u32) -> Steps {
  return stepsAt(part * count(Steps()) * 4u);
}

fn next(at: Steps) -> Steps {
  return stepsAt(at.k + 4u);
}

struct Row {
  offset: u32,
}

fn rowAt(batch: u32, m: u32) -> Row {
  return Row(batch * p.strideA + min(m, p.M - 1u) * p.strideAm);
}

struct Columns {
  offset: vec4u,
}

fn columnsAt(batch: u32, n: u32) -> Columns {
  return Columns(batch * p.strideB + min(n + vec4u(0u, 1u, 2u, 3u), vec4u(p.N - 1u)) * p.strideBn);
}

// k .. k + 3, or the last one there is, so that every load stays within its bounds.
fn clamped(k: u32) -> vec4u {
  let four = k + vec4u(0u, 1u, 2u, 3u);
  if (!ragged) { return four; }
  return min(four, vec4u(p.K - 1u));
}

fn loadA(row: Row, step: Steps) -> vec4f {
  let at = row.offset + step.inA;
  let values = vec4f(A[at.x], A[at.y], A[at.z], A[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, step.k + vec4u(0u, 1u, 2u, 3u) < vec4u(p.K));
}

fn loadColumns(columns: Columns, inB: u32, real: bool) -> vec4f {
  let at = columns.offset + inB;
  let values = vec4f(B[at.x], B[at.y], B[at.z], B[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, real);
}

fn loadB(columns: Columns, step: Steps) -> mat4x4f {
  return mat4x4f(
    loadColumns(columns, step.inB.x, true),
    loadColumns(columns, step.inB.y, step.k + 1u < p.K),
    loadColumns(columns, step.inB.z, step.k + 2u < p.K),
    loadColumns(columns, step.inB.w, step.k + 3u < p.K),
  );
}

fn store(batch: u32, m: u32, n: u32, columns: Columns, row: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let start = (batch * p.M + m) * p.N + n;
  put(start, row.x);
  if (n + 1u < p.N) { put(start + 1u, row.y); }
  if (n + 2u < p.N) { put(start + 2u, row.z); }
  if (n + 3u < p.N) { put(start + 3u, row.w); }
}`,
  );
