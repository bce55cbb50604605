import { type QuadTile, quads } from './quads.ts';

/**
 * `conv2dWeightGrad` for `quads`: M = channels k of a group, N = weights (c, r, s), K = (p, q, n), n innermost.
 * `ragged`: N is no multiple of 4.
 */
export const conv2dWeightGradQuads = (declarations: string, tile: QuadTile, ragged: boolean, parts: number) =>
  quads(
    tile,
    /* wgsl */ `${declarations}
const ragged = ${ragged};

fn extent() -> vec4u {
  return vec4u(p.Kg, p.Cg * p.R * p.S, p.groups, ${parts > 1 ? 'p.parts' : '1u'});
}

struct Steps {
  n: u32,
  row: u32, // p
  column: u32, // q
}

fn count(at: Steps) -> u32 {
  return (p.N + 3u) / 4u * p.P * p.Q / extent().w;
}

fn start(group: u32, part: u32) -> Steps {
  let step = part * count(Steps());
  let perPixel = (p.N + 3u) / 4u;
  let pixel = step / perPixel;
  return Steps(step % perPixel * 4u, pixel / p.Q, pixel % p.Q);
}

fn next(at: Steps) -> Steps {
  var to = at;
  to.n += 4u;
  if (to.n >= p.N) {
    to.n = 0u;
    to.column++;
    if (to.column == p.Q) {
      to.column = 0u;
      to.row++;
    }
  }
  return to;
}

// n .. n + 3, or the last one there is, so that every load stays within its bounds.
fn images(n: u32) -> vec4u {
  let four = n + vec4u(0u, 1u, 2u, 3u);
  if (!ragged) { return four; }
  return min(four, vec4u(p.N - 1u));
}

struct Row {
  offset: u32, // of g[0, k, 0, 0]
}

fn rowAt(group: u32, k: u32) -> Row {
  return Row((group * p.Kg + min(k, p.Kg - 1u)) * p.P * p.Q);
}

fn loadA(row: Row, step: Steps) -> vec4f {
  let at = row.offset + (images(step.n) * p.K * p.P + step.row) * p.Q + step.column;
  let values = vec4f(g[at.x], g[at.y], g[at.z], g[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, step.n + vec4u(0u, 1u, 2u, 3u) < vec4u(p.N));
}

struct Columns {
  weights: Weights,
}

fn columnsAt(group: u32, crs: u32) -> Columns {
  return Columns(weights(group, crs));
}

fn loadX(start: vec4u, inside: vec4<bool>, n: u32) -> vec4f {
  let at = start + min(n, p.N - 1u) * p.C * p.H * p.W;
  let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, n < p.N);
}

fn loadB(columns: Columns, step: Steps) -> mat4x4f {
  let start = columns.weights;
  let h = step.row * p.strideH;
  let w = step.column * p.strideW;
  let inside = (start.h + h < vec4u(p.H)) & (start.w + w < vec4u(p.W));
  let at = select(vec4u(), start.x + h * p.W + w, inside);
  return mat4x4f(
    loadX(at, inside, step.n),
    loadX(at, inside, step.n + 1u),
    loadX(at, inside, step.n + 2u),
    loadX(at, inside, step.n + 3u),
  );
}

fn store(group: u32, k: u32, crs: u32, columns: Columns, row: vec4f) {
  storeRow(group, k, crs, row);
}`,
  );
