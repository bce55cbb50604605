import type { Conv2dSizes } from './conv2d.ts';
import { isPointwise } from './conv2d-tiled.ts';
import { type GemmPlan, gemm } from './gemm.ts';

/** Which operands of `conv2dInputGradTiled` can be read four numbers at once. */
export const conv2dInputGradVectors = (sizes: Conv2dSizes) => ({
  g: isPointwise(sizes) && (sizes.p * sizes.q) % 4 === 0,
  w: sizes.r * sizes.s === 1 && (sizes.c / sizes.groups) % 4 === 0,
});

/** [along R, along S]: the most taps that a phase has. */
export const mostTaps = ({ r, s, stride, dilation }: Conv2dSizes): [number, number] => [
  Math.ceil((r * greatestDivisor(stride[0], dilation[0])) / stride[0]),
  Math.ceil((s * greatestDivisor(stride[1], dilation[1])) / stride[1]),
];

export function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/**
 * `conv2dInputGrad` for `gemm`: M = channels c of a group, N = pixels of a phase, K = (k, taps along r, taps along s).
 * Batches are groups × phases. `declarations`: with the phases, and with g and w as arrays of vec4f where
 * `conv2dInputGradVectors` says so.
 */
export function conv2dInputGradTiled(declarations: string, plan: GemmPlan, sizes: Conv2dSizes): string {
  const vectors = conv2dInputGradVectors(sizes);
  const [tapsR, tapsS] = mostTaps(sizes);
  // Under one tap memory runs along c; under several, along them.
  const aAlongK = sizes.r * sizes.s > 1;
  return gemm(
    plan,
    { aAlongK, bAlongK: false },
    /* wgsl */ `${declarations}
// Constants, because every step of k divides by them.
const tapsR = ${tapsR}u;
const tapsS = ${tapsS}u;
const four = vec4u(0u, 1u, 2u, 3u);

fn extent() -> vec4u {
  let size = phaseSize();
  return vec4u(p.Cg, p.N * size.x * size.y, p.Kg * tapsR * tapsS, p.groups * p.strideH * p.strideW);
}

fn groupOf(batch: u32) -> u32 {
  return batch / (p.strideH * p.strideW);
}

fn phaseOf(batch: u32) -> vec2u {
  return vec2u(batch / p.strideW % p.strideH, batch % p.strideW);
}

struct Rows {
  taps: Taps,
  offset: u32, // of w[first channel of the group, c, 0, 0]
}

fn rowsAt(batch: u32, c: u32) -> Rows {
  let last = p.Cg - ${vectors.w ? 4 : 1}u;
  return Rows(tapsOf(phaseOf(batch)), (groupOf(batch) * p.Kg * p.Cg + min(c, last)) * p.R * p.S);
}

fn loadA(rows: Rows, k: u32) -> vec4f {
  ${aAlongK ? alongTaps : alongChannels(vectors.w)}
}

struct Columns {
  pixels: Pixels,
  taps: Taps,
  image: u32, // offset of g[0, first channel of the group, 0, 0]
}

fn columnsAt(batch: u32, pixel: u32) -> Columns {
  let phase = phaseOf(batch);
  return Columns(pixels(pixel, phase), tapsOf(phase), groupOf(batch) * p.Kg * p.P * p.Q);
}

fn loadB(columns: Columns, step: u32) -> vec4f {
  if (step >= extent().z) { return vec4f(); }
  let start = columns.pixels;
  let image = columns.image + step / (tapsR * tapsS) * p.P * p.Q;
  ${
    vectors.g
      ? 'return g[(image + start.g.x) / 4u];'
      : /* wgsl */ `let taps = columns.taps;
  let r = step / tapsS % tapsR;
  let s = step % tapsS;
  // Above or left of g, u32 wraps to a huge number, so that one comparison tests both edges.
  let up = taps.up - r * taps.nextUp;
  let left = taps.left - s * taps.nextLeft;
  let real = vec4<bool>((r < taps.r.z) & (s < taps.s.z));
  let inside = (start.row + up < vec4u(p.P)) & (start.column + left < vec4u(p.Q)) & real;
  let at = select(vec4u(), image + start.g + up * p.Q + left, inside);
  return select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), inside);`
  }
}

fn store(batch: u32, part: u32, c: u32, pixel: u32, row: vec4f) {
  if (pixel >= extent().y) { return; }
  var to = pixels(pixel, phaseOf(batch));
  to.output += part * p.N * p.C * p.H * p.W;
  storeRow(groupOf(batch), c, to, row);
}`,
  );
}

/** WGSL of `loadA`: four steps (k, r, s) of a row. */
const alongTaps = /* wgsl */ `let taps = rows.taps;
  let step = min(k + four, vec4u(extent().z - 1u));
  let r = step / tapsS % tapsR;
  let s = step % tapsS;
  let real = (r < vec4u(taps.r.z)) & (s < vec4u(taps.s.z)) & (k + four < vec4u(extent().z));
  let tap = (taps.r.x + r * taps.r.y) * p.S + taps.s.x + s * taps.s.y;
  let at = rows.offset + step / (tapsR * tapsS) * p.Cg * p.R * p.S + select(vec4u(), tap, real);
  return select(vec4f(), vec4f(w[at.x], w[at.y], w[at.z], w[at.w]), real);`;

/** WGSL of `loadA`: four rows at a step k, where there is one tap. */
const alongChannels = (vectors: boolean) => /* wgsl */ `// The phase may have none.
  if (k >= p.Kg || rows.taps.r.z == 0u || rows.taps.s.z == 0u) { return vec4f(); }
  let start = rows.offset + k * p.Cg;
  ${
    vectors
      ? 'return w[start / 4u];'
      : `let at = min(start + four, vec4u(p.K * p.Cg - 1u));
  return vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);`
  }`;
