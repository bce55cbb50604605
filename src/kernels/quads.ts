import { grid, workgroupSize } from './kernel.ts';
import { blockLength, isLong, joinInto, joining } from './long-sums.ts';

/** Outputs of a quad of invocations, and how it goes through their sums. */
export interface QuadTile {
  readonly rows: 4 | 8 | 16 | 32;
  /** Columns in sixteens. */
  readonly sixteens: 1 | 2;
  /** Steps of the sum, of 4 values of k each, in a round of the loop. */
  readonly steps: 1 | 2;
  /** Whether the sums, or parts of them, have many terms: see `long-sums.ts`. */
  readonly long: boolean;
}

/** Invocations in a workgroup. Few, because often there are few in all, to be shared between cores. */
const size = 16;

/**
 * The quads variant of every contraction, as matrix products: output[m, n] = Σk A[m, k] · B[k, n].
 *
 * A load costs a software adapter ten to twenty multiplications, wherever it reads from, and a broadcast within a quad
 * one to three. So the four invocations of a quad share the rows of their tile and what they load of A: each fetches a quarter,
 * 4 steps of k of every fourth row. The columns of B are each invocation's own, in fours.
 *
 * `operation` is WGSL that says what A, B and the output are, in the operation's own letters:
 * - `fn extent() -> vec4u`: M, N, batches, parts of the sum;
 * - `struct Row` and `fn rowAt(batch: u32, m: u32) -> Row`: where row m of A is, the last one beyond M;
 * - `struct Columns` and `fn columnsAt(batch: u32, n: u32) -> Columns`: where columns n .. n + 3 of B are, likewise;
 * - `struct Steps`, a position in the sum over k; `fn start(batch: u32, part: u32) -> Steps`,
 *   `fn next(at: Steps) -> Steps`, the step after it, and `fn count(at: Steps) -> u32`: steps from there to the end;
 * - `fn loadA(row: Row, at: Steps) -> vec4f`: A[m, k .. k + 3], zero beyond K;
 * - `fn loadB(columns: Columns, at: Steps) -> mat4x4f`: its column j is B[k + j, n .. n + 3], likewise;
 * - `fn store(batch: u32, m: u32, n: u32, columns: Columns, row: vec4f)`: output[m, n .. n + 3] of the batch
 *   `part · batches + batch`, guarding M and N.
 */
export function quads({ rows, sixteens, steps, long }: QuadTile, operation: string): string {
  const fours = numbers(rows / 4);
  const columns = numbers(sixteens);
  const positions = numbers(steps);
  const multiply = (four: number, lane: number) => {
    const broadcasts = positions.map((t) => `let row${t} = quadBroadcast(A${t}, ${lane}u);`);
    const additions = columns.map((c) => {
      const products = positions.map((t) => `B${t}${c} * row${t}`).join(' + ');
      return `sums[${(four * 4 + lane) * sixteens + c}] += ${products};`;
    });
    return `{ ${[...broadcasts, ...additions].join(' ')} }`;
  };
  const joinAll = /* wgsl */ `if (round % ${blockLength}u == ${blockLength - 1}u) {
      for (var j = 0u; j < ${rows * sixteens}u; j++) ${joinInto('totals[j]', 'sums[j]')}
    }`;
  const sumAt = (at: string) => (long ? `totals[${at}] + sums[${at}]` : `sums[${at}]`);
  return /* wgsl */ `enable subgroups;
// The four of a quad always go the same way.
diagnostic(off, subgroup_uniformity);
${operation}
${long ? joining('vec4f') : ''}
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${size}u;
  let size = extent();
  let tilesM = (size.x + ${rows - 1}u) / ${rows}u;
  let tilesN = (size.y + ${sixteens * 16 - 1}u) / ${sixteens * 16}u;
  let tile = i / 4u;
  if (tile >= tilesM * tilesN * size.z * size.w) { return; }
  let lane = i % 4u;
  let n = tile % tilesN * ${sixteens * 16}u + lane * 4u;
  let m = tile / tilesN % tilesM * ${rows}u;
  let batchOfPart = tile / tilesN / tilesM;
  let batch = batchOfPart % size.z;

  ${fours.map((four) => `let rows${four} = rowAt(batch, m + ${four * 4}u + lane);`).join('\n  ')}
  ${columns.map((c) => `let columns${c} = columnsAt(batch, n + ${c * 16}u);`).join('\n  ')}
  // An array, because a software adapter copies every other variable on each round of a loop.
  var sums: array<vec4f, ${rows * sixteens}>;
  ${long ? `var totals: array<vec4f, ${rows * sixteens}>;` : ''}
  var at0 = start(batch, batchOfPart / size.z);
  let rounds = count(at0) / ${steps}u;
  for (var round = 0u; round < rounds; round++) {
    ${positions
      .slice(1)
      .map((t) => `let at${t} = next(at${t - 1});`)
      .join('\n    ')}
    ${positions.flatMap((t) => columns.map((c) => `let B${t}${c} = loadB(columns${c}, at${t});`)).join('\n    ')}
    ${fours
      .map(
        (four) => /* wgsl */ `{
      ${positions.map((t) => `let A${t} = loadA(rows${four}, at${t});`).join('\n      ')}
      ${numbers(4)
        .map((lane) => multiply(four, lane))
        .join('\n      ')}
    }`,
      )
      .join('\n    ')}
    at0 = next(at${steps - 1});
    ${long ? joinAll : ''}
  }
  ${columns
    .map(
      (c) => /* wgsl */ `for (var j = 0u; j < ${rows}u; j++) {
    store(batchOfPart, m + j, n + ${c * 16}u, columns${c}, ${sumAt(`j * ${sixteens}u + ${c}u`)});
  }`,
    )
    .join('\n  ')}
}`;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/**
 * The tile for products of m × n outputs: little beyond the edges, and large, for a load serves a whole side of it.
 * Two steps a round save a software adapter half of the additions to memory, but small tiles run out of registers.
 * @param even whether every sum takes an even number of steps.
 * @param terms of every sum.
 */
export function quadTile(m: number, n: number, even: boolean, terms: number): QuadTile {
  // A tile of r rows costs as its rows, and eight more for loading its columns.
  const cost = (size: number) => Math.ceil(m / size) * (size + 8);
  const rows = ([32, 16, 8, 4] as const).reduce((best, next) => (cost(next) < cost(best) ? next : best));
  return {
    rows,
    sixteens: n % 32 === 0 || n > 128 ? 2 : 1,
    steps: even && rows >= 16 ? 2 : 1,
    long: isLong(terms),
  };
}

/** Tiles of `batches` products of m × n outputs. */
export function quadTiles(m: number, n: number, batches: number, { rows, sixteens }: QuadTile): number {
  return Math.ceil(m / rows) * Math.ceil(n / (sixteens * 16)) * batches;
}

/** Workgroups of `quads` for so many tiles. */
export function quadGrid(tiles: number): [number, number, number] {
  return grid(Math.ceil((tiles * 4) / size) * workgroupSize);
}

/** Tiles that keep every core of a processor busy, and the fewest steps that are worth a launch to add parts up. */
const busy = 64;
const fewest = 64;

/** Into how many equal parts to cut sums of so many steps of 4: 1 where there are tiles enough without. */
export function quadParts(tiles: number, steps: number): number {
  const most = Math.min(Math.floor(busy / tiles), Math.floor(steps / fewest));
  for (let parts = most; parts > 1; parts--) {
    if (steps % (parts * 2) === 0) return parts;
  }
  return 1;
}
