import { type Conv2dSizes, conv2dClass, conv2dKernel, conv2dParams } from './conv2d.ts';
import { conv2dWeightGradQuads } from './conv2d-weight-grad-quads.ts';
import { conv2dWeightGradTiled, conv2dWeightGradVectors } from './conv2d-weight-grad-tiled.ts';
import { depthwiseParts, depthwiseWeightGrad, isDepthwise } from './depthwise.ts';
import { type Epilogue, storeResults } from './epilogue.ts';
import type { Family } from './family.ts';
import { gemmPlan } from './gemm.ts';
import { grid, workgroupSize } from './kernel.ts';
import { isLong, type JoinedSums, joinedMatrices } from './long-sums.ts';
import { inParts, storeParts } from './parts.ts';
import { quadGrid, quadParts, quadTile, quadTiles } from './quads.ts';

const declarations = (
  epilogue: Epilogue,
  vectors = { g: false, x: false },
) => /* wgsl */ `${conv2dParams(epilogue)}
@group(0) @binding(0) var<storage, read> g: array<${vectors.g ? 'vec4f' : 'f32'}>;
@group(0) @binding(1) var<storage, read> x: array<${vectors.x ? 'vec4f' : 'f32'}>;
${epilogue.declarations(2)}

// Four of the (C / groups)·R·S weights of a channel k (those beyond the last repeat it).
// Left of or above the image, u32 wraps to a huge number, so that h < H tests both edges.
struct Weights {
  h: vec4u, // row of x under p = 0
  w: vec4u,
  x: vec4u, // offset of x[0, c, h, w]
}

fn weights(group: u32, first: u32) -> Weights {
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.Cg * p.R * p.S - 1u));
  let c = group * p.Cg + i / (p.R * p.S);
  let h = i / p.S % p.R * p.dilationH - p.paddingH;
  let w = i % p.S * p.dilationW - p.paddingW;
  return Weights(h, w, (c * p.H + h) * p.W + w);
}

// The output of channel k of the group at the weights crs .. crs + 3.
fn storeRow(group: u32, k: u32, crs: u32, row: vec4f) {
  let count = p.Cg * p.R * p.S;
  if (k >= p.Kg || crs >= count) { return; }
  let start = (group * p.Kg + k) * count + crs;
  put(start, row.x);
  if (crs + 1u < count) { put(start + 1u, row.y); }
  if (crs + 2u < count) { put(start + 2u, row.z); }
  if (crs + 3u < count) { put(start + 3u, row.w); }
}`;

/** Invocations in a workgroup of the direct kernel. There are few in all, to be shared between cores. */
const directSize = 8;

/**
 * dw[k, c, r, s] = Σn,p,q g[n, k, p, q] · x[n, c, h, w], zero outside the image, where
 * h = p·strideH + r·dilationH − paddingH, w = q·strideW + s·dilationW − paddingW
 *
 * An invocation computes 8 channels k × 8 weights (c, r, s) in four 4 × 4 matrices, 4 images n at a time: what
 * the image's edges exclude is the same for all n. One flat loop over (n, p, q), as in `conv2d`.
 * `ragged`: N is no multiple of 4.
 */
const direct = (ragged: boolean, sums: JoinedSums, epilogue: Epilogue) => /* wgsl */ `
${declarations(epilogue)}
${sums.declarations}
const ragged = ${ragged};

// n, or the last one there is, so that every load stays within its bounds.
fn clamped(n: u32) -> u32 {
  if (!ragged) { return n; }
  return min(n, p.N - 1u);
}

// g[n, k, p, q] of four channels k; zero beyond N.
fn loadG(start: vec4u, n: u32) -> vec4f {
  let at = start + clamped(n) * p.K * p.P * p.Q;
  let values = vec4f(g[at.x], g[at.y], g[at.z], g[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, n < p.N);
}

// A column is a channel k, a row an image n.
fn blockG(start: vec4u, n: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadG(start, n),
    loadG(start, n + 1u),
    loadG(start, n + 2u),
    loadG(start, n + 3u),
  ));
}

// x[n, c, h, w] under four weights (c, r, s); zero outside the image and beyond N.
fn loadX(start: vec4u, inside: vec4<bool>, n: u32) -> vec4f {
  let at = start + clamped(n) * p.C * p.H * p.W;
  let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, n < p.N);
}

// A column is an image n, a row a weight.
fn blockX(start: vec4u, inside: vec4<bool>, n: u32) -> mat4x4f {
  return mat4x4f(
    loadX(start, inside, n),
    loadX(start, inside, n + 1u),
    loadX(start, inside, n + 2u),
    loadX(start, inside, n + 3u),
  );
}

fn storeRows(group: u32, k: u32, crs: u32, rows: mat4x4f) {
  storeRow(group, k, crs, rows[0]);
  storeRow(group, k + 1u, crs, rows[1]);
  storeRow(group, k + 2u, crs, rows[2]);
  storeRow(group, k + 3u, crs, rows[3]);
}

@compute @workgroup_size(${directSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${directSize}u;
  let weightBlocks = (p.Cg * p.R * p.S + 7u) / 8u;
  let channelBlocks = (p.Kg + 7u) / 8u;
  if (i >= weightBlocks * channelBlocks * p.groups) { return; }
  let crs = i % weightBlocks * 8u;
  let k = i / weightBlocks % channelBlocks * 8u;
  let group = i / weightBlocks / channelBlocks;

  let weights0 = weights(group, crs);
  let weights1 = weights(group, crs + 4u);
  let PQ = p.P * p.Q;
  let four = vec4u(0u, 1u, 2u, 3u);
  let channels0 = (group * p.Kg + min(k + four, vec4u(p.Kg - 1u))) * PQ;
  let channels1 = (group * p.Kg + min(k + 4u + four, vec4u(p.Kg - 1u))) * PQ;

  // out[channels][weights]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  ${sums.totals}
  var n = 0u;
  var P = 0u;
  var Q = 0u;
  let steps = (p.N + 3u) / 4u * PQ;
  for (var step = 0u; step < steps; step++) {
    let h = P * p.strideH;
    let w = Q * p.strideW;
    let inside0 = (weights0.h + h < vec4u(p.H)) & (weights0.w + w < vec4u(p.W));
    let inside1 = (weights1.h + h < vec4u(p.H)) & (weights1.w + w < vec4u(p.W));
    let x0 = select(vec4u(), weights0.x + h * p.W + w, inside0);
    let x1 = select(vec4u(), weights1.x + h * p.W + w, inside1);
    let g0 = channels0 + P * p.Q + Q;
    let g1 = channels1 + P * p.Q + Q;

    let X0 = blockX(x0, inside0, n);
    let X1 = blockX(x1, inside1, n);
    let G0 = blockG(g0, n);
    let G1 = blockG(g1, n);
    out00 += X0 * G0;
    out01 += X1 * G0;
    out10 += X0 * G1;
    out11 += X1 * G1;

    Q++;
    if (Q == p.Q) {
      Q = 0u;
      P++;
      if (P == p.P) {
        P = 0u;
        n += 4u;
      }
    }
    ${sums.join('step')}
  }
  ${sums.finish}
  storeRows(group, k, crs, out00);
  storeRows(group, k, crs + 4u, out01);
  storeRows(group, k + 4u, crs, out10);
  storeRows(group, k + 4u, crs + 4u, out11);
}`;

/**
 * The kernels of the gradient of `conv2d` with respect to its weight; inputs g[N, K, P, Q], x[N, C, H, W];
 * output dw[K, C / groups, R, S]; all f32; `torch.nn.grad.conv2d_weight`.
 * Padding is a zero like any other: times an infinite g it gives NaN.
 * They throw RangeError when the outputs outnumber 32-bit indices.
 */
export const conv2dWeightGradFamily: Family<Conv2dSizes> = {
  name: 'conv2dWeightGrad',
  variants: {
    direct: {
      kernel: (sizes, epilogue = storeResults) => {
        const { c, k, r, s, groups } = sizes;
        const blocks = Math.ceil(k / groups / 8) * Math.ceil(((c / groups) * r * s) / 8) * groups;
        const workgroups = grid(Math.ceil(blocks / directSize) * workgroupSize);
        return conv2dKernel(
          'conv2dWeightGrad.direct',
          direct(sizes.n % 4 !== 0, joinedMatrices(sizes.n * sizes.p * sizes.q), epilogue),
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
        const [m, weights] = [k / groups, (c / groups) * r * s];
        const tile = quadTile(m, weights, (Math.ceil(n / 4) * p * q) % 2 === 0, n * p * q);
        const tiles = quadTiles(m, weights, groups, tile);
        const parts = quadParts(tiles, Math.ceil(n / 4) * p * q);
        const end = parts > 1 ? storeParts(parts) : epilogue;
        const partTile = { ...tile, long: isLong((n * p * q) / parts) };
        const source = conv2dWeightGradQuads(declarations(end), partTile, n % 4 !== 0, parts);
        const workgroups = quadGrid(tiles * parts);
        return {
          ...conv2dKernel('conv2dWeightGrad.quads', source, workgroups, sizes, end),
          ...inParts(parts),
        };
      },
    },
    tiled: {
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, k, r, s, p, q, groups } = sizes;
        const plan = gemmPlan(k / groups, (c / groups) * r * s, n * p * q, groups);
        const end = plan.parts > 1 ? storeParts(plan.parts) : epilogue;
        const source = conv2dWeightGradTiled(declarations(end, conv2dWeightGradVectors(sizes)), plan, sizes);
        return {
          ...conv2dKernel('conv2dWeightGrad.tiled', source, plan.workgroups, sizes, end),
          ...inParts(plan.parts),
        };
      },
    },
    depthwise: {
      fits: isDepthwise,
      kernel: (sizes, epilogue = storeResults) => {
        const parts = depthwiseParts(sizes);
        const end = parts > 1 ? storeParts(parts) : epilogue;
        const workgroups = grid(sizes.k * sizes.r * parts);
        const source = depthwiseWeightGrad(declarations(end), sizes, parts);
        return {
          ...conv2dKernel('conv2dWeightGrad.depthwise', source, workgroups, sizes, end),
          ...inParts(parts),
        };
      },
    },
  },
  preferred: (sizes, adapter) => {
    if (isDepthwise(sizes)) return 'depthwise';
    return adapter === 'software' ? 'quads' : 'tiled';
  },
  shapeClass: conv2dClass,
};
