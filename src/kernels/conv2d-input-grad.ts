import { type Conv2dSizes, conv2dClass, conv2dKernel, conv2dParams } from './conv2d.ts';
import { conv2dInputGradQuads } from './conv2d-input-grad-quads.ts';
import { conv2dInputGradTiled, conv2dInputGradVectors, mostTaps } from './conv2d-input-grad-tiled.ts';
import { depthwiseInputGrad, depthwiseRounds, isDepthwise } from './depthwise.ts';
import { type Epilogue, storeResults } from './epilogue.ts';
import type { Family } from './family.ts';
import { gemmPlan } from './gemm.ts';
import { grid, linearMain } from './kernel.ts';
import { type JoinedSums, joinedMatrices } from './long-sums.ts';
import { inParts, storeParts } from './parts.ts';
import { quadGrid, quadTile, quadTiles } from './quads.ts';

const declarations = (
  epilogue: Epilogue,
  vectors = { g: false, w: false },
) => /* wgsl */ `${conv2dParams(epilogue)}
@group(0) @binding(0) var<storage, read> g: array<${vectors.g ? 'vec4f' : 'f32'}>;
@group(0) @binding(1) var<storage, read> w: array<${vectors.w ? 'vec4f' : 'f32'}>;
${epilogue.declarations(2)}
`;

/** WGSL: the pixels of a phase, where h mod strideH and w mod strideW are given, and the taps that reach them. */
const phases = /* wgsl */ `// Pixels per image and phase, along each axis: the last of them may lie beyond the edge.
fn phaseSize() -> vec2u {
  return (vec2u(p.H, p.W) + vec2u(p.strideH, p.strideW) - 1u) / vec2u(p.strideH, p.strideW);
}

// Four pixels h = row · strideH + phase.x, w = column · strideW + phase.y (those beyond the last repeat it).
struct Pixels {
  row: vec4u,
  column: vec4u,
  g: vec4u, // offset of g[n, 0, row, column]
  output: vec4u, // offset of output[n, 0, h, w]
  real: vec4<bool>, // not beyond the edge
}

fn pixels(first: u32, phase: vec2u) -> Pixels {
  let size = phaseSize();
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.N * size.x * size.y - 1u));
  let n = i / (size.x * size.y);
  let row = i / size.y % size.x;
  let column = i % size.y;
  let h = row * p.strideH + phase.x;
  let w = column * p.strideW + phase.y;
  return Pixels(
    row,
    column,
    (n * p.K * p.P + row) * p.Q + column,
    (n * p.C * p.H + h) * p.W + w,
    (h < vec4u(p.H)) & (w < vec4u(p.W)),
  );
}

// The r with r · dilation ≡ offset (mod stride): the first, the distance to the next, and how many.
fn taps(offset: u32, stride: u32, dilation: u32, size: u32) -> vec3u {
  var first = 0u;
  while (first < size && first * dilation % stride != offset % stride) { first++; }
  var distance = 1u;
  while (distance * dilation % stride != 0u) { distance++; }
  return vec3u(first, distance, (size - first + distance - 1u) / distance);
}

// Under tap r, row i of the phase reads row i + up of g; the next tap reads nextUp rows above that.
struct Taps {
  r: vec3u,
  s: vec3u,
  up: u32,
  left: u32,
  nextUp: u32,
  nextLeft: u32,
}

fn tapsOf(phase: vec2u) -> Taps {
  if (p.strideH == 1u && p.strideW == 1u) {
    return Taps(vec3u(0u, 1u, p.R), vec3u(0u, 1u, p.S), p.paddingH, p.paddingW, p.dilationH, p.dilationW);
  }
  let r = taps(phase.x + p.paddingH, p.strideH, p.dilationH, p.R);
  let s = taps(phase.y + p.paddingW, p.strideW, p.dilationW, p.S);
  let up = (i32(phase.x + p.paddingH) - i32(r.x * p.dilationH)) / i32(p.strideH);
  let left = (i32(phase.y + p.paddingW) - i32(s.x * p.dilationW)) / i32(p.strideW);
  return Taps(r, s, u32(up), u32(left), r.y * p.dilationH / p.strideH, s.y * p.dilationW / p.strideW);
}

fn storeRow(group: u32, c: u32, to: Pixels, row: vec4f) {
  if (c >= p.Cg) { return; }
  let channel = (group * p.Cg + c) * p.H * p.W;
  if (to.real.x) { put(to.output.x + channel, row.x); }
  if (to.real.y) { put(to.output.y + channel, row.y); }
  if (to.real.z) { put(to.output.z + channel, row.z); }
  if (to.real.w) { put(to.output.w + channel, row.w); }
}`;

/**
 * dx[n, c, h, w] = Σk,r,s g[n, k, p, q] · w[k, c, r, s] over the r, s for which these are whole and inside g:
 * p = (h + paddingH − r·dilationH) / strideH, q = (w + paddingW − s·dilationW) / strideW
 *
 * Which r, s give whole numbers depends on h mod strideH and w mod strideW, the phase. An invocation computes
 * 8 pixels of one phase × 8 channels c in four 4 × 4 matrices, 4 channels k at a time, over its phase's r, s.
 * `ragged`: K / groups is no multiple of 4.
 */
const direct = (ragged: boolean, sums: JoinedSums, epilogue: Epilogue) => /* wgsl */ `
${declarations(epilogue)}
${sums.declarations}
const ragged = ${ragged};

${phases}

// k, or the last one there is, so that every load stays within its bounds.
fn clamped(k: u32) -> u32 {
  if (!ragged) { return k; }
  return min(k, p.Kg - 1u);
}

// g[n, k, row, column] at four pixels; zero outside g and beyond the group's channels.
fn loadG(start: vec4u, inside: vec4<bool>, k: u32) -> vec4f {
  let at = start + clamped(k) * p.P * p.Q;
  let values = select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.Kg);
}

// A column is a channel k, a row a pixel.
fn blockG(start: vec4u, inside: vec4<bool>, k: u32) -> mat4x4f {
  return mat4x4f(
    loadG(start, inside, k),
    loadG(start, inside, k + 1u),
    loadG(start, inside, k + 2u),
    loadG(start, inside, k + 3u),
  );
}

// w[k, c, r, s] of four channels c; zero beyond the group's channels k.
fn loadW(start: vec4u, k: u32) -> vec4f {
  let at = start + clamped(k) * p.Cg * p.R * p.S;
  let values = vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.Kg);
}

// A column is a channel c, a row a channel k.
fn blockW(start: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadW(start, k),
    loadW(start, k + 1u),
    loadW(start, k + 2u),
    loadW(start, k + 3u),
  ));
}

fn storeRows(group: u32, c: u32, to: Pixels, rows: mat4x4f) {
  storeRow(group, c, to, rows[0]);
  storeRow(group, c + 1u, to, rows[1]);
  storeRow(group, c + 2u, to, rows[2]);
  storeRow(group, c + 3u, to, rows[3]);
}
${linearMain}
  let size = phaseSize();
  let pixelBlocks = (p.N * size.x * size.y + 7u) / 8u;
  let phases = p.strideH * p.strideW;
  let channelBlocks = (p.Cg + 7u) / 8u;
  if (i >= pixelBlocks * phases * channelBlocks * p.groups) { return; }
  let pixel = i % pixelBlocks * 8u;
  let phase = vec2u(i / pixelBlocks % phases / p.strideW, i / pixelBlocks % p.strideW);
  let c = i / pixelBlocks / phases % channelBlocks * 8u;
  let group = i / pixelBlocks / phases / channelBlocks;

  let pixels0 = pixels(pixel, phase);
  let pixels1 = pixels(pixel + 4u, phase);
  let four = vec4u(0u, 1u, 2u, 3u);
  let kernels0 = (group * p.Kg * p.Cg + min(c + four, vec4u(p.Cg - 1u))) * p.R * p.S;
  let kernels1 = (group * p.Kg * p.Cg + min(c + 4u + four, vec4u(p.Cg - 1u))) * p.R * p.S;

  let taps = tapsOf(phase);

  // out[pixels][channels]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  ${sums.totals}
  var r = taps.r.x;
  var s = taps.s.x;
  var up = taps.up;
  var left = taps.left;
  var k = 0u;
  let steps = taps.r.z * taps.s.z * ((p.Kg + 3u) / 4u);
  for (var step = 0u; step < steps; step++) {
    // Above or left of g, u32 wraps to a huge number, so that one comparison tests both edges.
    let inside0 = (pixels0.row + up < vec4u(p.P)) & (pixels0.column + left < vec4u(p.Q));
    let inside1 = (pixels1.row + up < vec4u(p.P)) & (pixels1.column + left < vec4u(p.Q));
    let image = group * p.Kg * p.P * p.Q;
    let g0 = image + select(vec4u(), pixels0.g + up * p.Q + left, inside0);
    let g1 = image + select(vec4u(), pixels1.g + up * p.Q + left, inside1);
    let w0 = kernels0 + r * p.S + s;
    let w1 = kernels1 + r * p.S + s;

    let G0 = blockG(g0, inside0, k);
    let G1 = blockG(g1, inside1, k);
    let W0 = blockW(w0, k);
    let W1 = blockW(w1, k);
    out00 += G0 * W0;
    out01 += G0 * W1;
    out10 += G1 * W0;
    out11 += G1 * W1;

    k += 4u;
    if (k >= p.Kg) {
      k = 0u;
      s += taps.s.y;
      left -= taps.nextLeft;
      if (s >= p.S) {
        s = taps.s.x;
        left = taps.left;
        r += taps.r.y;
        up -= taps.nextUp;
      }
    }
    ${sums.join('step')}
  }
  ${sums.finish}
  storeRows(group, c, pixels0, out00);
  storeRows(group, c + 4u, pixels0, out01);
  storeRows(group, c, pixels1, out10);
  storeRows(group, c + 4u, pixels1, out11);
}`;

/**
 * The kernels of the gradient of `conv2d` with respect to its input; inputs g[N, K, P, Q] and
 * w[K, C / groups, R, S]; output dx[N, C, H, W]; all f32; `torch.nn.grad.conv2d_input`.
 * An infinite weight may give NaN where g's edge falls short of it.
 * They throw RangeError when the outputs outnumber 32-bit indices.
 */
export const conv2dInputGradFamily: Family<Conv2dSizes> = {
  name: 'conv2dInputGrad',
  variants: {
    direct: {
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, h, w, stride, groups } = sizes;
        const phasePixels = n * Math.ceil(h / stride[0]) * Math.ceil(w / stride[1]);
        const pixelBlocks = Math.ceil(phasePixels / 8) * stride[0] * stride[1];
        const workgroups = grid(pixelBlocks * Math.ceil(c / groups / 8) * groups);
        return conv2dKernel(
          'conv2dInputGrad.direct',
          direct(
            (sizes.k / sizes.groups) % 4 !== 0,
            joinedMatrices((sizes.k / sizes.groups) * sizes.r * sizes.s),
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
        const { n, c, h, w, k, r, s, stride, groups } = sizes;
        const pixels = n * Math.ceil(h / stride[0]) * Math.ceil(w / stride[1]);
        const even = Math.ceil(k / groups / 4) % 2 === 0;
        const tile = quadTile(c / groups, pixels, even, (k / groups) * r * s);
        const source = conv2dInputGradQuads(declarations(epilogue) + phases, tile, (k / groups) % 4 !== 0);
        const workgroups = quadGrid(quadTiles(c / groups, pixels, groups * stride[0] * stride[1], tile));
        return conv2dKernel('conv2dInputGrad.quads', source, workgroups, sizes, epilogue);
      },
    },
    tiled: {
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, h, w, k, stride, groups } = sizes;
        const pixels = n * Math.ceil(h / stride[0]) * Math.ceil(w / stride[1]);
        const [tapsR, tapsS] = mostTaps(sizes);
        const phaseCount = stride[0] * stride[1];
        const plan = gemmPlan(c / groups, pixels, (k / groups) * tapsR * tapsS, groups * phaseCount);
        const end = plan.parts > 1 ? storeParts(plan.parts) : epilogue;
        const common = declarations(end, conv2dInputGradVectors(sizes)) + phases;
        const source = conv2dInputGradTiled(common, plan, sizes);
        return {
          ...conv2dKernel('conv2dInputGrad.tiled', source, plan.workgroups, sizes, end),
          ...inParts(plan.parts),
        };
      },
    },
    depthwise: {
      fits: isDepthwise,
      kernel: (sizes, epilogue = storeResults) => {
        const { n, c, h, w, stride } = sizes;
        const [rows, columns] = [Math.ceil(h / stride[0]), Math.ceil(w / stride[1])];
        const workgroups = grid(n * c * stride[0] * stride[1] * rows * depthwiseRounds(columns));
        const source = depthwiseInputGrad(declarations(epilogue) + phases, sizes);
        return conv2dKernel('conv2dInputGrad.depthwise', source, workgroups, sizes, epilogue);
      },
    },
  },
  preferred: (sizes, adapter) => {
    if (isDepthwise(sizes)) return 'depthwise';
    return adapter === 'software' ? 'quads' : 'tiled';
  },
  shapeClass: conv2dClass,
};
