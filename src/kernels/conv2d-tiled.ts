import type { Conv2dSizes } from './conv2d.ts';
import { type GemmPlan, gemm, readAlongK } from './gemm.ts';

/** Whether a convolution multiplies the channels of each pixel by a matrix, and no more. */
export const isPointwise = ({ r, s, stride, padding }: Conv2dSizes): boolean =>
  Math.max(r, s, ...stride) === 1 && Math.max(...padding) === 0;

/** Which operands of `conv2dTiled` can be read four numbers at once. */
export const conv2dVectors = (sizes: Conv2dSizes) => ({
  x: isPointwise(sizes) && (sizes.h * sizes.w) % 4 === 0,
  w: ((sizes.c / sizes.groups) * sizes.r * sizes.s) % 4 === 0,
});

/**
 * `conv2d` for `gemm`: M = channels k of a group, N = pixels (n, p, q), K = (c, r, s).
 * `declarations`: with x and w as arrays of vec4f where `conv2dVectors` says so.
 */
export function conv2dTiled(declarations: string, plan: GemmPlan, sizes: Conv2dSizes): string {
  const vectors = conv2dVectors(sizes);
  return gemm(
    plan,
    { aAlongK: true, bAlongK: false },
    /* wgsl */ `${declarations}
// Constants, because every step of k divides by them.
const R = ${sizes.r}u;
const S = ${sizes.s}u;

fn extent() -> vec4u {
  return vec4u(p.Kg, p.N * p.P * p.Q, p.Cg * R * S, p.groups);
}

struct Rows {
  offset: u32, // of w[k, 0, 0, 0]
}

fn rowsAt(group: u32, k: u32) -> Rows {
  return Rows((group * p.Kg + min(k, p.Kg - 1u)) * p.Cg * R * S);
}
${readAlongK('w', 'p.Cg * R * S', vectors.w)}

fn loadA(rows: Rows, crs: u32) -> vec4f {
  return readAlongK_w(rows.offset, crs);
}

struct Columns {
  pixels: Pixels,
  image: u32, // offset of x[0, first channel of the group, 0, 0]
}

fn columnsAt(group: u32, pixel: u32) -> Columns {
  return Columns(pixels(pixel), group * p.Cg * p.H * p.W);
}

fn loadB(columns: Columns, crs: u32) -> vec4f {
  if (crs >= p.Cg * R * S) { return vec4f(); }
  let start = columns.pixels;
  ${
    vectors.x
      ? 'return x[(columns.image + start.x.x + crs * p.H * p.W) / 4u];'
      : /* wgsl */ `let h = crs / S % R * p.dilationH;
  let w = crs % S * p.dilationW;
  let inside = (start.h + h < vec4u(p.H)) & (start.w + w < vec4u(p.W));
  let step = columns.image + (crs / (R * S) * p.H + h) * p.W + w;
  let at = select(vec4u(), start.x + step, inside);
  return select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);`
  }
}

fn store(group: u32, part: u32, k: u32, pixel: u32, row: vec4f) {
  let to = pixels(pixel).output + part * p.N * p.K * p.P * p.Q;
  storeRow(group, k, pixel, to, row);
}`,
  );
}
