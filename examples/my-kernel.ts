/**
 * A kernel of one's own, checked and timed beside regrad's and placed on the roofline:
 *
 *     npm run -s regrad -- bench examples/my-kernel.ts
 *
 * It multiplies matrices, y[m, n] = Σk a[m, k] b[k, n]; each invocation computes four neighbours of a row.
 */
import type { CustomKernel } from '../bench/custom-kernel.ts';

interface Sizes {
  readonly m: number;
  readonly k: number;
  /** A multiple of 4. */
  readonly n: number;
}

const source = /* wgsl */ `
struct Sizes { m: u32, k: u32, n: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let columns = sizes.n / 4;
  if (id.x >= columns || id.y >= sizes.m) { return; }
  var sum = vec4f(0);
  for (var i = 0u; i < sizes.k; i++) {
    sum += a[id.y * sizes.k + i] * b[i * columns + id.x];
  }
  y[id.y * columns + id.x] = sum;
}`;

const kernel: CustomKernel<Sizes> = {
  name: 'four in a row',
  sizes: [
    { m: 128, k: 128, n: 128 },
    { m: 200, k: 300, n: 100 },
  ],
  kernel: ({ m, k, n }) => ({
    name: 'four-in-a-row',
    source,
    uniforms: [m, k, n],
    workgroups: [Math.ceil(n / 32), Math.ceil(m / 8), 1],
    flops: 2 * m * k * n,
  }),
  inputs: ({ m, k, n }) => [wave(m * k, 0.7), wave(k * n, 1.3)],
  reference: ([a, b], { m, k, n }) => {
    const y = new Float64Array(m * n);
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        for (let i = 0; i < k; i++) y[row * n + column] += a[row * k + i] * b[i * n + column];
      }
    }
    return y;
  },
  compareWith: 'matmul',
};
export default kernel;

function wave(length: number, frequency: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => Math.sin(frequency * i));
}
