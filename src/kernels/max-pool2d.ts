/**
 * Max pooling in three kernels over [N C] planes: which element wins each window, its value, and the adjoint of
 * fetching it. Letters: H W input, P Q output, R S window. Positions are h * W + w within a plane.
 */
import { grid, type Kernel, linearMain } from './kernel.ts';

export interface MaxPool2dSizes {
  /** N * C. */
  readonly planes: number;
  readonly h: number;
  readonly w: number;
  readonly p: number;
  readonly q: number;
  readonly window: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

const params = /* wgsl */ `
struct Params {
  planes: u32, H: u32, W: u32, P: u32, Q: u32, R: u32, S: u32,
  strideH: u32, strideW: u32, paddingH: u32, paddingW: u32,
}`;

function uniforms({ planes, h, w, p, q, window, stride, padding }: MaxPool2dSizes): number[] {
  return [planes, h, w, p, q, ...window, ...stride, ...padding];
}

/** index[n,c,p,q] = the first position of the largest element in the window; a NaN wins, the last one if several. */
export function maxPool2dIndex(sizes: MaxPool2dSizes): Kernel {
  const { planes, p, q, window } = sizes;
  return {
    name: 'maxPool2dIndex',
    source: /* wgsl */ `${params}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<i32>;
@group(0) @binding(2) var<uniform> size: Params;
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
${linearMain}
  let perPlane = size.P * size.Q;
  if (i >= size.planes * perPlane) { return; }
  let plane = i / perPlane;
  let p = (i % perPlane) / size.Q;
  let q = i % size.Q;
  var best = 0f;
  var at = -1;
  for (var r = 0u; r < size.R; r++) {
    let h = p * size.strideH + r - size.paddingH;      // wraps to a huge number above the image
    for (var s = 0u; s < size.S; s++) {
      let w = q * size.strideW + s - size.paddingW;
      if (h >= size.H || w >= size.W) { continue; }
      let v = x[(plane * size.H + h) * size.W + w];
      if (at < 0 || v > best || isNan(v)) { best = v; at = i32(h * size.W + w); }
    }
  }
  output[i] = at;
}`,
    uniforms: uniforms(sizes),
    workgroups: grid(planes * p * q),
    flops: planes * p * q * window[0] * window[1],
  };
}

/** y[n,c,p,q] = x[n,c] at index[n,c,p,q]. */
export function maxPool2dFetch(sizes: MaxPool2dSizes): Kernel {
  const { planes, p, q } = sizes;
  return {
    name: 'maxPool2dFetch',
    source: /* wgsl */ `${params}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> size: Params;
${linearMain}
  let perPlane = size.P * size.Q;
  if (i >= size.planes * perPlane) { return; }
  output[i] = x[(i / perPlane) * size.H * size.W + u32(index[i])];
}`,
    uniforms: uniforms(sizes),
    workgroups: grid(planes * p * q),
    flops: 0,
  };
}

/**
 * dx[n,c,h,w] = sum of g[n,c,p,q] over the windows that (h, w) won. Each input element looks at the windows that
 * cover it, in order, so no atomics are needed and the same bits come out every time.
 */
export function maxPool2dScatter(sizes: MaxPool2dSizes): Kernel {
  const { planes, h, w, window, stride } = sizes;
  const windows = Math.ceil(window[0] / stride[0]) * Math.ceil(window[1] / stride[1]);
  return {
    name: 'maxPool2dScatter',
    source: /* wgsl */ `${params}
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> size: Params;
// The first window along one dim that covers a padded position.
fn firstWindow(position: u32, window: u32, stride: u32) -> u32 {
  return select((position - window) / stride + 1u, 0u, position < window);
}
${linearMain}
  let perPlane = size.H * size.W;
  if (i >= size.planes * perPlane) { return; }
  let plane = i / perPlane;
  let position = i % perPlane;
  let h = position / size.W + size.paddingH;
  let w = position % size.W + size.paddingW;
  var total = 0f;
  for (var p = firstWindow(h, size.R, size.strideH); p < size.P && p * size.strideH <= h; p++) {
    for (var q = firstWindow(w, size.S, size.strideW); q < size.Q && q * size.strideW <= w; q++) {
      let at = (plane * size.P + p) * size.Q + q;
      if (u32(index[at]) == position) { total += g[at]; }
    }
  }
  output[i] = total;
}`,
    uniforms: uniforms(sizes),
    workgroups: grid(planes * h * w),
    flops: planes * h * w * windows,
  };
}
