import { grid, workgroupSize } from './kernel.ts';

/** Rows, columns: outputs of a workgroup's tile. 16 × 16 invocations compute 4 × 4 outputs each. */
const tile = 64;

/**
 * The tiled variant of every contraction, as matrix products: output[m, n] = Σk A[m, k] · B[k, n].
 * 64 × 64 tiles pass through workgroup memory 16 steps of k at a time: 8.5 KiB, 256 invocations.
 *
 * `operation` is WGSL that says what A, B and the output are, in the operation's own letters:
 * - `fn extent() -> vec4u`: M, N, K, batches;
 * - `fn loadA(batch: u32, m: u32, k: u32) -> vec4f`: A[m .. m + 3, k], zero beyond K, anything beyond M;
 * - `fn loadB(batch: u32, k: u32, n: u32) -> vec4f`: B[k, n .. n + 3], likewise;
 * - `fn store(batch: u32, m: u32, n: u32, row: vec4f)`: output[m, n .. n + 3], guarding M and N;
 * - `fn contiguousInK() -> vec2<bool>`: whether memory runs along k in A and in B. Only for speed.
 */
export function gemm(operation: string): string {
  return /* wgsl */ `${operation}
// [16 k][16 groups of 4 rows or columns], rows padded to 17 against bank conflicts.
var<workgroup> tileA: array<vec4f, 272>;
var<workgroup> tileB: array<vec4f, 272>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let size = extent();
  let tilesM = (size.x + ${tile - 1}u) / ${tile}u;
  let tilesN = (size.y + ${tile - 1}u) / ${tile}u;
  let i = workgroup.x + workgroup.y * workgroups.x;
  if (i >= tilesM * tilesN * size.w) { return; }
  let batch = i / (tilesM * tilesN);
  let m = i / tilesN % tilesM * ${tile}u;
  let n = i % tilesN * ${tile}u;

  // Which 4 values of a tile this invocation fetches: (k, group). Neighbours fetch neighbours in memory.
  let slow = vec2u(t / 16u, t % 16u);
  let contiguous = contiguousInK();
  let a = select(slow, slow.yx, contiguous.x);
  let b = select(slow, slow.yx, contiguous.y);

  var row0 = vec4f();
  var row1 = vec4f();
  var row2 = vec4f();
  var row3 = vec4f();
  for (var k = 0u; k < size.z; k += 16u) {
    tileA[a.x * 17u + a.y] = loadA(batch, m + a.y * 4u, k + a.x);
    tileB[b.x * 17u + b.y] = loadB(batch, k + b.x, n + b.y * 4u);
    workgroupBarrier();
    for (var step = 0u; step < 16u; step++) {
      let A = tileA[step * 17u + local.y];
      let B = tileB[step * 17u + local.x];
      row0 += A.x * B;
      row1 += A.y * B;
      row2 += A.z * B;
      row3 += A.w * B;
    }
    workgroupBarrier();
  }
  let top = m + local.y * 4u;
  let left = n + local.x * 4u;
  store(batch, top, left, row0);
  store(batch, top + 1u, left, row1);
  store(batch, top + 2u, left, row2);
  store(batch, top + 3u, left, row3);
}`;
}

/** Workgroups of `gemm` for `batches` products of m × n outputs. */
export function gemmGrid(m: number, n: number, batches: number): [number, number, number] {
  return grid(Math.ceil(m / tile) * Math.ceil(n / tile) * batches * workgroupSize);
}
