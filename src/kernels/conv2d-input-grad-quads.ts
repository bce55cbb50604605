import { channelSteps } from './conv2d-quads.ts';
import { type QuadTile, quads } from './quads.ts';

/**
 * `conv2dInputGrad` for `quads`: M = channels c of a group, N = pixels of a phase, K = (r, s, k), k innermost, over
 * the phase's r, s. Batches are groups × phases. `ragged`: K / groups is no multiple of 4.
 */
export const conv2dInputGradQuads = (declarations: string, tile: QuadTile, ragged: boolean) =>
  quads(
    tile,
    /* wgsl */ `${declarations}
${channelSteps('Kg', ragged)}

fn extent() -> vec4u {
  let size = phaseSize();
  return vec4u(p.Cg, p.N * size.x * size.y, p.groups * p.strideH * p.strideW, 1u);
}

fn groupOf(batch: u32) -> u32 {
  return batch / (p.strideH * p.strideW);
}

fn phaseOf(batch: u32) -> vec2u {
  return vec2u(batch / p.strideW % p.strideH, batch % p.strideW);
}

struct Steps {
  r: u32,
  s: u32,
  k: u32,
  // Row i of the phase reads row i + up of g.
  up: u32,
  left: u32,
  image: u32, // offset of g[0, first channel of the group, 0, 0]
  tapsR: vec3u,
  tapsS: vec3u,
  firstLeft: u32,
}

fn start(batch: u32, part: u32) -> Steps {
  let phase = phaseOf(batch);
  let tapsR = taps(phase.x + p.paddingH, p.strideH, p.dilationH, p.R);
  let tapsS = taps(phase.y + p.paddingW, p.strideW, p.dilationW, p.S);
  let up = u32((i32(phase.x + p.paddingH) - i32(tapsR.x * p.dilationH)) / i32(p.strideH));
  let left = u32((i32(phase.y + p.paddingW) - i32(tapsS.x * p.dilationW)) / i32(p.strideW));
  let image = groupOf(batch) * p.Kg * p.P * p.Q;
  return Steps(tapsR.x, tapsS.x, 0u, up, left, image, tapsR, tapsS, left);
}

fn count(at: Steps) -> u32 {
  return at.tapsR.z * at.tapsS.z * ((p.Kg + 3u) / 4u);
}

fn next(at: Steps) -> Steps {
  var to = at;
  to.k += 4u;
  if (to.k >= p.Kg) {
    to.k = 0u;
    to.s += at.tapsS.y;
    to.left -= at.tapsS.y * p.dilationW / p.strideW;
    if (to.s >= p.S) {
      to.s = at.tapsS.x;
      to.left = at.firstLeft;
      to.r += at.tapsR.y;
      to.up -= at.tapsR.y * p.dilationH / p.strideH;
    }
  }
  return to;
}

struct Row {
  offset: u32, // of w[first channel of the group, c, 0, 0]
}

fn rowAt(batch: u32, c: u32) -> Row {
  return Row((groupOf(batch) * p.Kg * p.Cg + min(c, p.Cg - 1u)) * p.R * p.S);
}

fn loadA(row: Row, step: Steps) -> vec4f {
  let at = row.offset + (channels(step.k) * p.Cg * p.R + step.r) * p.S + step.s;
  return whole(vec4f(w[at.x], w[at.y], w[at.z], w[at.w]), step.k);
}

struct Columns {
  pixels: Pixels,
}

fn columnsAt(batch: u32, pixel: u32) -> Columns {
  return Columns(pixels(pixel, phaseOf(batch)));
}

fn loadG(start: vec4u, inside: vec4<bool>, k: u32) -> vec4f {
  let at = start + k * p.P * p.Q;
  return select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), inside);
}

fn loadB(columns: Columns, step: Steps) -> mat4x4f {
  let start = columns.pixels;
  // Above or left of g, u32 wraps to a huge number, so that one comparison tests both edges.
  let inside = (start.row + step.up < vec4u(p.P)) & (start.column + step.left < vec4u(p.Q));
  let at = step.image + select(vec4u(), start.g + step.up * p.Q + step.left, inside);
  let k = channels(step.k);
  return wholeRows(mat4x4f(
    loadG(at, inside, k.x),
    loadG(at, inside, k.y),
    loadG(at, inside, k.z),
    loadG(at, inside, k.w),
  ), step.k);
}

fn store(batch: u32, c: u32, pixel: u32, columns: Columns, row: vec4f) {
  if (pixel < extent().y) { storeRow(groupOf(batch), c, columns.pixels, row); }
}`,
  );
