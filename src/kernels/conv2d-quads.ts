import { type QuadTile, quads } from './quads.ts';

/** WGSL for taking channels of a group, p.Cg or p.Kg, in fours; `ragged`: they are no multiple of 4. */
export const channelSteps = (count: 'Cg' | 'Kg', ragged: boolean) => /* wgsl */ `
const ragged = ${ragged};

// c .. c + 3, or the last one there is, so that every load stays within its bounds.
fn channels(c: u32) -> vec4u {
  let four = c + vec4u(0u, 1u, 2u, 3u);
  if (!ragged) { return four; }
  return min(four, vec4u(p.${count} - 1u));
}

// What was loaded of those, zero beyond the last.
fn whole(values: vec4f, c: u32) -> vec4f {
  if (!ragged) { return values; }
  return select(vec4f(), values, c + vec4u(0u, 1u, 2u, 3u) < vec4u(p.${count}));
}

fn wholeRows(rows: mat4x4f, c: u32) -> mat4x4f {
  if (!ragged) { return rows; }
  return mat4x4f(
    rows[0],
    select(vec4f(), rows[1], c + 1u < p.${count}),
    select(vec4f(), rows[2], c + 2u < p.${count}),
    select(vec4f(), rows[3], c + 3u < p.${count}),
  );
}`;

/**
 * `conv2d` for `quads`: M = channels k of a group, N = pixels (n, p, q), K = (r, s, c), c innermost.
 * `ragged`: C / groups is no multiple of 4.
 */
export const conv2dQuads = (declarations: string, tile: QuadTile, ragged: boolean) =>
  quads(
    tile,
    /* wgsl */ `${declarations}
${channelSteps('Cg', ragged)}

fn extent() -> vec4u {
  return vec4u(p.Kg, p.N * p.P * p.Q, p.groups, 1u);
}

struct Steps {
  r: u32,
  s: u32,
  c: u32,
  image: u32, // offset of x[0, first channel of the group, 0, 0]
}

fn count(at: Steps) -> u32 {
  return p.R * p.S * ((p.Cg + 3u) / 4u);
}

fn start(group: u32, part: u32) -> Steps {
  return Steps(0u, 0u, 0u, group * p.Cg * p.H * p.W);
}

fn next(at: Steps) -> Steps {
  var to = at;
  to.c += 4u;
  if (to.c >= p.Cg) {
    to.c = 0u;
    to.s++;
    if (to.s == p.S) {
      to.s = 0u;
      to.r++;
    }
  }
  return to;
}

struct Row {
  offset: u32, // of w[k, 0, 0, 0]
}

fn rowAt(group: u32, k: u32) -> Row {
  return Row((group * p.Kg + min(k, p.Kg - 1u)) * p.Cg * p.R * p.S);
}

fn loadA(row: Row, step: Steps) -> vec4f {
  let at = row.offset + (channels(step.c) * p.R + step.r) * p.S + step.s;
  return whole(vec4f(w[at.x], w[at.y], w[at.z], w[at.w]), step.c);
}

struct Columns {
  pixels: Pixels,
}

fn columnsAt(group: u32, pixel: u32) -> Columns {
  return Columns(pixels(pixel));
}

fn loadX(start: vec4u, inside: vec4<bool>, c: u32) -> vec4f {
  let at = start + c * p.H * p.W;
  return select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
}

fn loadB(columns: Columns, step: Steps) -> mat4x4f {
  let start = columns.pixels;
  let h = step.r * p.dilationH;
  let w = step.s * p.dilationW;
  let inside = (start.h + h < vec4u(p.H)) & (start.w + w < vec4u(p.W));
  let at = step.image + select(vec4u(), start.x + h * p.W + w, inside);
  let c = channels(step.c);
  return wholeRows(mat4x4f(
    loadX(at, inside, c.x),
    loadX(at, inside, c.y),
    loadX(at, inside, c.z),
    loadX(at, inside, c.w),
  ), step.c);
}

fn store(group: u32, k: u32, pixel: u32, columns: Columns, row: vec4f) {
  storeRow(group, k, pixel, columns.pixels.output, row);
}`,
  );
