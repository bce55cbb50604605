/** Adding values at positions given by an index, without float atomics: the same bits come out every time. */
import { grid, type Kernel, linearMain } from './kernel.ts';
import { blockLength, joinInto, joining } from './long-sums.ts';

export interface ScatterAddSizes {
  readonly outer: number;
  /** Positions along the dim in the output. */
  readonly size: number;
  /** Positions along the dim in the source and the index. */
  readonly count: number;
  readonly inner: number;
}

/**
 * out[o, j, i] = sum over k of source[o, k, i] where index[o, k, i] = j. Each output element reads the whole index
 * along its dim: size * count comparisons a line, in order.
 */
export function scatterAdd({ outer, size, count, inner }: ScatterAddSizes): Kernel {
  return {
    name: 'scatterAdd',
    source: /* wgsl */ `
struct Params { outer: u32, size: u32, count: u32, inner: u32 }
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
${joining('f32')}
${linearMain}
  if (i >= p.outer * p.size * p.inner) { return; }
  let j = i32((i / p.inner) % p.size);
  let first = (i / (p.inner * p.size)) * p.count * p.inner + i % p.inner;
  var total = 0f;
  var sum = 0f;
  for (var block = 0u; block < p.count; block += ${blockLength}u) {
    for (var k = block; k < min(block + ${blockLength}u, p.count); k++) {
      let at = first + k * p.inner;
      if (index[at] == j) { sum += source[at]; }
    }
    ${joinInto('total', 'sum')}
  }
  output[i] = total + sum;
}`,
    uniforms: [outer, size, count, inner],
    workgroups: grid(outer * size * inner),
    flops: outer * size * inner * count,
  };
}
