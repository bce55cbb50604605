import type { Conv2dSizes } from './conv2d.ts';
import { isPointwise } from './conv2d-tiled.ts';
import { type GemmPlan, gemm } from './gemm.ts';

/** Which operands of `conv2dWeightGradTiled` can be read four numbers at once. */
export const conv2dWeightGradVectors = (sizes: Conv2dSizes) => ({
  g: (sizes.p * sizes.q) % 4 === 0,
  x: isPointwise(sizes) && (sizes.p * sizes.q) % 4 === 0,
});

/**
 * `conv2dWeightGrad` for `gemm`: M = channels k of a group, N = weights (c, r, s), K = pixels (n, p, q).
 * `declarations`: with g and x as arrays of vec4f where `conv2dWeightGradVectors` says so.
 */
export function conv2dWeightGradTiled(declarations: string, plan: GemmPlan, sizes: Conv2dSizes): string {
  const vectors = conv2dWeightGradVectors(sizes);
  return gemm(
    plan,
    { aAlongK: true, bAlongK: true },
    /* wgsl */ `${declarations}
// Constants, because every step of k divides by them.
const P = ${sizes.p}u;
const Q = ${sizes.q}u;
const four = vec4u(0u, 1u, 2u, 3u);

fn extent() -> vec4u {
  return vec4u(p.Kg, p.Cg * p.R * p.S, p.N * P * Q, p.groups);
}

struct Rows {
  offset: u32, // of g[0, k, 0, 0]
}

fn rowsAt(group: u32, k: u32) -> Rows {
  return Rows((group * p.Kg + min(k, p.Kg - 1u)) * P * Q);
}

fn loadA(rows: Rows, pixel: u32) -> vec4f {
  ${
    vectors.g
      ? /* wgsl */ `if (pixel >= p.N * P * Q) { return vec4f(); }
  return g[(rows.offset + pixel / (P * Q) * p.K * P * Q + pixel % (P * Q)) / 4u];`
      : /* wgsl */ `let i = min(pixel + four, vec4u(p.N * P * Q - 1u));
  let at = rows.offset + i / (P * Q) * p.K * P * Q + i % (P * Q);
  return select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), pixel + four < vec4u(p.N * P * Q));`
  }
}

struct Columns {
  // Of one weight, as in Weights.
  h: u32,
  w: u32,
  x: u32,
}

fn columnsAt(group: u32, crs: u32) -> Columns {
  let start = weights(group, crs);
  return Columns(start.h.x, start.w.x, start.x.x);
}

fn loadB(columns: Columns, pixel: u32) -> vec4f {
  ${
    vectors.x
      ? /* wgsl */ `if (pixel >= p.N * P * Q) { return vec4f(); }
  return x[(columns.x + pixel / (P * Q) * p.C * P * Q + pixel % (P * Q)) / 4u];`
      : /* wgsl */ `let i = pixel + four;
  let h = i / Q % P * p.strideH;
  let w = i % Q * p.strideW;
  let real = i < vec4u(p.N * P * Q);
  let inside = (columns.h + h < vec4u(p.H)) & (columns.w + w < vec4u(p.W)) & real;
  let at = select(vec4u(), columns.x + (i / (P * Q) * p.C * p.H + h) * p.W + w, inside);
  return select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);`
  }
}

fn store(group: u32, part: u32, k: u32, crs: u32, row: vec4f) {
  storeRow(part * p.groups + group, k, crs, row);
}`,
  );
}
