import { conv2dQuads } from './conv2d-quads.ts';
import { conv2dTiled, conv2dVectors } from './conv2d-tiled.ts';
import { depthwise, depthwiseRounds, isDepthwise } from './depthwise.ts';
import { type Epilogue, storeResults, withEpilogue } from './epilogue.ts';
import { about, type Family } from './family.ts';
import { gemmPlan } from './gemm.ts';
import { grid, type Kernel, linearMain } from './kernel.ts';
import { type JoinedSums, joinedMatrices } from './long-sums.ts';
import { inParts, storeParts } from './parts.ts';
import { quadGrid, quadTile, quadTiles } from './quads.ts';

/** Sizes of y[N, K, P, Q] = x[N, C, H, W] convolved with w[K, C / groups, R, S]. */
export interface Conv2dSizes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly k: number;
  readonly r: number;
  readonly s: number;
  readonly p: number;
  readonly q: number;
  /** [along H, along W], as all pairs here. */
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** The uniform of a convolution and of its two gradients. Cg and Kg are channels of one group. */
export const conv2dParams = (epilogue: Epilogue) => /* wgsl */ `
struct Params {
  N: u32, C: u32, H: u32, W: u32, K: u32, R: u32, S: u32, P: u32, Q: u32,
  Cg: u32, Kg: u32, groups: u32,
  strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, dilationH: u32, dilationW: u32,
  ${epilogue.members}
}`;

/** The words of `conv2dParams`. */
function conv2dUniforms(sizes: Conv2dSizes): number[] {
  const { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups } = sizes;
  return [n, c, h, w, k, r, s, p, q, c / groups, k / groups, groups, ...stride, ...padding, ...dilation];
}

/** Multiplications and additions of a convolution; its two gradients have as many. */
function conv2dFlops({ n, c, k, r, s, p, q, groups }: Conv2dSizes): number {
  return 2 * n * k * p * q * (c / groups) * r * s;
}

/** Convolutions alike in everything but the exact counts of pixels and of channels in a group. */
export function conv2dClass({ n, c, k, r, s, p, q, stride, dilation, groups }: Conv2dSizes): string {
  const steps = `stride${stride.join('x')} dilation${dilation.join('x')}`;
  const channels = `c${about(c / groups)} k${about(k / groups)} groups${groups}`;
  return `${r}x${s} ${steps} ${channels} pixels${about(n * p * q)}`;
}

/** A kernel of a convolution or of one of its gradients. */
export function conv2dKernel(
  name: string,
  source: string,
  workgroups: Kernel['workgroups'],
  sizes: Conv2dSizes,
  epilogue: Epilogue,
): Kernel {
  const uniforms = withEpilogue(conv2dUniforms(sizes), epilogue);
  return { name, source, uniforms, workgroups, flops: conv2dFlops(sizes) };
}

const declarations = (
  epilogue: Epilogue,
  vectors = { x: false, w: false },
) => /* wgsl */ `${conv2dParams(epilogue)}
@group(0) @binding(0) var<storage, read> x: array<${vectors.x ? 'vec4f' : 'f32'}>;
@group(0) @binding(1) var<storage, read> w: array<${vectors.w ? 'vec4f' : 'f32'}>;
${epilogue.declarations(2)}

// Four of the N·P·Q output pixels (those beyond the last repeat it).
// Left of or above the image, u32 wraps to a huge number, so that h < H tests both edges.
struct Pixels {
  h: vec4u, // row of x under r = 0
  w: vec4u,
  x: vec4u, // offset of x[n, 0, h, w]
  output: vec4u, // offset of output[n, 0, p, q]
}

fn pixels(first: u32) -> Pixels {
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.N * p.P * p.Q - 1u));
  let n = i / (p.P * p.Q);
  let P = i / p.Q % p.P;
  let Q = i % p.Q;
  let h = P * p.strideH - p.paddingH;
  let w = Q * p.strideW - p.paddingW;
  return Pixels(h, w, (n * p.C * p.H + h) * p.W + w, (n * p.K * p.P + P) * p.Q + Q);
}

// The output of channel k of the group at the pixels i .. i + 3; repeated pixels are stored again, equal.
fn storeRow(group: u32, k: u32, i: u32, to: vec4u, row: vec4f) {
  if (k >= p.Kg || i >= p.N * p.P * p.Q) { return; }
  let channel = (group * p.Kg + k) * p.P * p.Q;
  put(to.x + channel, row.x);
  put(to.y + channel, row.y);
  put(to.z + channel, row.z);
  put(to.w + channel, row.w);
}`;

/**
 * y[n, k, p, q] = Σc,r,s x[n, c, h, w] · w[k, c, r, s], zero outside the image, where
 * h = p·strideH + r·dilationH − paddingH, w = q·strideW + s·dilationW − paddingW
 *
 * An invocation computes 8 pixels (n, p, q) × 8 channels k in four 4 × 4 matrices, 4 channels c at a time.
 * One flat loop over (r, s, c): a software adapter copies every sum on entering a loop.
 * `ragged`: C / groups is no multiple of 4.
 */
const direct = (ragged: boolean, sums: JoinedSums, epilogue: Epilogue) => /* wgsl */ `
${declarations(epilogue)}
${sums.declarations}
const ragged = ${ragged};

// c, or the last one there is, so that every load stays within its bounds.
fn clamped(c: u32) -> u32 {
  if (!ragged) { return c; }
  return min(c, p.Cg - 1u);
}

// x[n, c, h, w] at four pixels; zero outside the image and beyond the group's channels.
fn loadX(start: vec4u, inside: vec4<bool>, c: u32) -> vec4f {
  let at = start + clamped(c) * p.H * p.W;
  let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, c < p.Cg);
}

// A column is a channel c, a row a pixel.
fn blockX(start: vec4u, inside: vec4<bool>, c: u32) -> mat4x4f {
  return mat4x4f(
    loadX(start, inside, c),
    loadX(start, inside, c + 1u),
    loadX(start, inside, c + 2u),
    loadX(start, inside, c + 3u),
  );
}

// w[k, c, r, s] of four channels k; zero beyond the group's channels c.
fn loadW(start: vec4u, c: u32) -> vec4f {
  let at = start + clamped(c) * p.R * p.S;
  let values = vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, c < p.Cg);
}

// A column is a channel k, a row a channel c.
fn blockW(start: vec4u, c: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadW(start, c),
    loadW(start, c + 1u),
    loadW(start, c + 2u),
    loadW(start, c + 3u),
  ));
}

fn storeRows(group: u32, k: u32, i: u32, to: vec4u, rows: mat4x4f) {
  storeRow(group, k, i, to, rows[0]);
  storeRow(group, k + 1u, i, to, rows[1]);
  storeRow(group, k + 2u, i, to, rows[2]);
  storeRow(group, k + 3u, i, to, rows[3]);
}
${linearMain}
  let pixelBlocks = (p.N * p.P * p.Q + 7u) / 8u;
  let channelBlocks = (p.Kg + 7u) / 8u;
  if (i >= pixelBlocks * channelBlocks * p.groups) { return; }
  let pixel = i % pixelBlocks * 8u;
  let k = i / pixelBlocks % channelBlocks * 8u;
  let group = i / pixelBlocks / channelBlocks;

  let pixels0 = pixels(pixel);
  let pixels1 = pixels(pixel + 4u);
  let four = vec4u(0u, 1u, 2u, 3u);
  let kernels0 = (group * p.Kg + min(k + four, vec4u(p.Kg - 1u))) * p.Cg * p.R * p.S;
  let kernels1 = (group * p.Kg + min(k + 4u + four, vec4u(p.Kg - 1u))) * p.Cg * p.R * p.S;

  // out[pixels][channels]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  ${sums.totals}
  var r = 0u;
  var s = 0u;
  var c = 0u;
  let steps = p.R * p.S * ((p.Cg + 3u) / 4u);
  for (var step = 0u; step < steps; step++) {
    let h = r * p.dilationH;
    let w = s * p.dilationW;
    let inside0 = (pixels0.h + h < vec4u(p.H)) & (pixels0.w + w < vec4u(p.W));
    let inside1 = (pixels1.h + h < vec4u(p.H)) & (pixels1.w + w < vec4u(p.W));
    let image = group * p.Cg * p.H * p.W;
    let x0 = image + select(vec4u(), pixels0.x + h * p.W + w, inside0);
    let x1 = image + select(vec4u(), pixels1.x + h * p.W + w, inside1);
    let w0 = kernels0 + r * p.S + s;
    let w1 = kernels1 + r * p.S + s;

    let X0 = blockX(x0, inside0, c);
    let X1 = blockX(x1, inside1, c);
    let W0 = blockW(w0, c);
    let W1 = blockW(w1, c);
    out00 += X0 * W0;
    out01 += X0 * W1;
    out10 += X1 * W0;
    out11 += X1 * W1;

    c += 4u;
    if (c >= p.Cg) {
      c = 0u;
      s++;
      if (s == p.S) {
        s = 0u;
        r++;
      }
    }
    ${sums.join('step')}
  }
  ${sums.finish}
  storeRows(group, k, pixel, pixels0.output, out00);
  storeRows(group, k + 4u, pixel, pixels0.output, out01);
  storeRows(group, k, pixel + 4u, pixels1.output, out10);
  storeRows(group, k + 4u, pixel + 4u, pixels1.output, out11);
}`;

/**
 * The kernels of y = x convolved with w (cross-correlation, zero padding); inputs x[N, C, H, W] and
 * w[K, C / groups, R, S]; output y[N, K, P, Q]; all f32; `torch.nn.functional.conv2d` without bias.
 * Padding is a zero like any other: times an infinite weight it gives NaN.
 * They throw RangeError when the outputs outnumber 32-bit indices.
 */
export const conv2dFamily: Family<Conv2dSizes> = {
  name: 'conv2d',
  variants: {
    direct: {
      kernel: (sizes, epilogue = storeResults) => {
        const { n, k, p, q, groups } = sizes;
        const workgroups = grid(Math.ceil((n * p * q) / 8) * Math.ceil(k / groups / 8) * groups);
        return conv2dKernel(
          'conv2d.direct',
          direct(
            (sizes.c / sizes.groups) % 4 !== 0,
            joinedMatrices((sizes.c / sizes.groups) * sizes.r * sizes.s),
            epilogue,
          ),
          workgroups,
          sizes,
          epilogue,
        );
      },
    },
    quads: {
      needs: 'subgroups',
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, k, r, s, p, q, groups } = sizes;
        const tile = quadTile(
          k / groups,
          n * p * q,
          (r * s * Math.ceil(c / groups / 4)) % 2 === 0,
          (c / groups) * r * s,
        );
        const source = conv2dQuads(declarations(epilogue), tile, (c / groups) % 4 !== 0);
        const workgroups = quadGrid(quadTiles(k / groups, n * p * q, groups, tile));
        return conv2dKernel('conv2d.quads', source, workgroups, sizes, epilogue);
      },
    },
    tiled: {
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, k, r, s, p, q, groups } = sizes;
        const plan = gemmPlan(k / groups, n * p * q, (c / groups) * r * s, groups);
        const end = plan.parts > 1 ? storeParts(plan.parts) : epilogue;
        const source = conv2dTiled(declarations(end, conv2dVectors(sizes)), plan, sizes);
        return {
          ...conv2dKernel('conv2d.tiled', source, plan.workgroups, sizes, end),
          ...inParts(plan.parts),
        };
      },
    },
    depthwise: {
      fits: isDepthwise,
      kernel: (sizes, epilogue = storeResults) => {
        const { n, k, p, q } = sizes;
        const workgroups = grid(n * k * p * depthwiseRounds(q));
        const source = depthwise(declarations(epilogue), sizes);
        return conv2dKernel('conv2d.depthwise', source, workgroups, sizes, epilogue);
      },
    },
  },
  preferred: (sizes, adapter) => {
    if (isDepthwise(sizes)) return 'depthwise';
    return adapter === 'software' ? 'quads' : 'tiled';
  },
  shapeClass: conv2dClass,
};
