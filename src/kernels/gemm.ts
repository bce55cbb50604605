import { grid, workgroupSize } from './kernel.ts';
import { joinedSums } from './long-sums.ts';

/** Outputs of a workgroup, which 16 × 16 invocations share, and how many steps of k it holds at a time. */
export interface GemmTile {
  readonly rows: 64 | 128;
  readonly columns: 64 | 128;
  readonly depth: 8 | 16;
}

/** How a contraction is spread over a GPU. */
export interface GemmPlan {
  readonly tile: GemmTile;
  /** Into how many parts its sums are cut: `Kernel.parts`. */
  readonly parts: number;
  /** Terms of a sum. */
  readonly terms: number;
  readonly workgroups: [number, number, number];
}

/** How the operands lie in memory; `gemm` fetches four neighbours at a time. */
export interface GemmLayout {
  /** Whether memory runs along k, rather than along m, in A. */
  readonly aAlongK: boolean;
  /** Whether memory runs along k, rather than along n, in B. */
  readonly bAlongK: boolean;
}

const invocations = 256;

/**
 * The tiled variant of every contraction, as matrix products: output[m, n] = Σk A[m, k] · B[k, n].
 *
 * Tiles of A and B pass through workgroup memory, twice there: while one is multiplied, the next is on its way from
 * memory to registers, and then goes where the last one was. So a round takes one barrier. An invocation adds up 4 × 4
 * outputs for every 64 × 64 of the tile; with 8 × 8, four reads of four numbers serve 64 products.
 *
 * `operation` is WGSL that says what A, B and the output are, in the operation's own letters:
 * - `fn extent() -> vec4u`: M, N, K, batches;
 * - `struct Rows` and `fn rowsAt(batch: u32, m: u32) -> Rows`: where the row m of A is if memory runs along k, else
 *   where the rows m .. m + 3 are; the last ones beyond M;
 * - `struct Columns` and `fn columnsAt(batch: u32, n: u32) -> Columns`: the same for columns of B;
 * - `fn loadA(rows: Rows, k: u32) -> vec4f`: A[m, k .. k + 3] if memory runs along k, else A[m .. m + 3, k]; zero
 *   beyond K, anything beyond M;
 * - `fn loadB(columns: Columns, k: u32) -> vec4f`: likewise;
 * - `fn store(batch: u32, part: u32, m: u32, n: u32, row: vec4f)`: output[m, n .. n + 3], guarding M and N.
 */
export function gemm({ tile, parts, terms }: GemmPlan, layout: GemmLayout, operation: string): string {
  const { rows, columns, depth } = tile;
  const a = operand('A', rows, depth, layout.aAlongK);
  const b = operand('B', columns, depth, layout.bAlongK);
  const sums = numbers(rows / 16).flatMap((row) => numbers(columns / 64).map((four) => `sum${row}_${four}`));
  const products = numbers(rows / 16).flatMap((row) =>
    numbers(columns / 64).map((four) => {
      const sum = `sum${row}_${four}`;
      return `${sum} = fma(vec4f(A${row >> 2}[${row % 4}]), B${four}, ${sum});`;
    }),
  );
  const joined = joinedSums('vec4f', sums, { all: terms, round: depth });
  return /* wgsl */ `${operation}
${joined.declarations}
// [2 tiles × k][groups of four rows or columns]
var<workgroup> tileA: array<array<vec4f, ${rows / 4}>, ${depth * 2}>;
var<workgroup> tileB: array<array<vec4f, ${columns / 4}>, ${depth * 2}>;

@compute @workgroup_size(${invocations})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let size = extent();
  let tilesM = (size.x + ${rows - 1}u) / ${rows}u;
  let tilesN = (size.y + ${columns - 1}u) / ${columns}u;
  let tile = workgroup.x + workgroup.y * workgroups.x;
  let parts = ${parts > 1 ? 'p.parts' : '1u'};
  if (tile >= tilesM * tilesN * size.w * parts) { return; }
  let firstN = tile % tilesN * ${columns}u;
  let firstM = tile / tilesN % tilesM * ${rows}u;
  let batch = tile / tilesN / tilesM % size.w;
  let part = tile / tilesN / tilesM / size.w;
  let allRounds = (size.z + ${depth - 1}u) / ${depth}u;
  let perPart = (allRounds + parts - 1u) / parts;
  let firstK = part * perPart * ${depth}u;
  let rounds = min(perPart, allRounds - min(allRounds, part * perPart));

  // Eight neighbours in a row, four in a column: a subgroup reads little, and that side by side.
  let x = t % 8u + t / 32u % 2u * 8u;
  let y = t / 8u % 4u + t / 64u * 4u;
  ${a.places('rowsAt(batch, firstM')}
  ${b.places('columnsAt(batch, firstN')}
  ${sums.map((sum) => `var ${sum} = vec4f();`).join('\n  ')}
  ${joined.totals}
  for (var round = 0u; round <= rounds; round++) {
    if (round < rounds) {
      let k = firstK + round * ${depth}u;
      ${a.fetch('k')}
      ${b.fetch('k')}
    }
    if (round > 0u) {
    for (var four = 0u; four < ${depth / 4}u; four++) {
      // In the other tile, of the round before.
      let first = (round + 1u) % 2u * ${depth}u + four * 4u;
      let groupA = ${a.group('y')};
      let groupB = ${b.group('x')};
      ${numbers(4)
        .map(
          (step) => /* wgsl */ `{
        ${a.read(step)}
        ${b.read(step)}
        ${products.join('\n        ')}
      }`,
        )
        .join('\n      ')}
    }
    ${joined.join('round')}
    }
    if (round < rounds) {
      ${a.keep('round % 2u')}
      ${b.keep('round % 2u')}
    }
    workgroupBarrier();
  }

  ${joined.finish}

  // In a loop, so that what the epilogue does is compiled once.
  var results = array(${sums.join(', ')});
  for (var i = 0u; i < ${sums.length}u; i++) {
    let row = i / ${columns / 64}u;
    let m = firstM + row / 4u * 64u + y * 4u + row % 4u;
    store(batch, part, m, firstN + i % ${columns / 64}u * 64u + x * 4u, results[i]);
  }
}`;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** WGSL for the tile of one operand, of so many rows or columns, `size`, along m or n. */
function operand(name: 'A' | 'B', size: number, depth: number, alongK: boolean) {
  const groups = size / 4;
  const fetches = numbers(Math.max(1, (groups * depth) / invocations));
  /** Some tiles are fetched by half of the invocations. */
  const guard = groups * depth < invocations ? `if (t < ${groups * depth}u) ` : '';
  /** Invocations that write the same row of workgroup memory at different k must not meet in its banks. */
  const swap = (group: string, four: string) =>
    alongK ? `(${group} ^ (${four} * ${32 / depth}u)) % 16u` : group;
  const index = (fetch: number) => `(t + ${fetch * invocations}u)`;
  /** Where in the tile a fetch goes: the number of its k, or four of them, and of its row, or group of four. */
  const k = (fetch: number) => (alongK ? `${index(fetch)} % ${depth / 4}u` : `${index(fetch)} / ${groups}u`);
  const row = (fetch: number) =>
    alongK ? `${index(fetch)} / ${depth / 4}u` : `${index(fetch)} % ${groups}u`;
  const each = (text: (fetch: number) => string) => fetches.map(text).join('\n  ');
  return {
    places: (at: string) =>
      each((fetch) => {
        const place = `let place${name}${fetch} = ${at} + ${row(fetch)}${alongK ? '' : ' * 4u'});`;
        return `${place} var next${name}${fetch} = vec4f();`;
      }),
    fetch: (from: string) =>
      each((fetch) => {
        const at = `${from} + ${k(fetch)}${alongK ? ' * 4u' : ''}`;
        return `${guard}{ next${name}${fetch} = load${name}(place${name}${fetch}, ${at}); }`;
      }),
    keep: (buffer: string) =>
      each((fetch) => {
        const next = `next${name}${fetch}`;
        if (!alongK) {
          return `${guard}{ tile${name}[${buffer} * ${depth}u + ${k(fetch)}][${row(fetch)}] = ${next}; }`;
        }
        const group = `${row(fetch)} / 64u * 16u + ${swap(`(${row(fetch)} / 4u)`, `(${k(fetch)})`)}`;
        const stores = numbers(4).map(
          (step) =>
            `tile${name}[${buffer} * ${depth}u + ${k(fetch)} * 4u + ${step}u][group][${row(fetch)} % 4u] = ${next}[${step}];`,
        );
        return `${guard}{ let group = ${group}; ${stores.join(' ')} }`;
      }),
    group: (own: string) => swap(own, 'four'),
    read: (step: number) =>
      numbers(size / 64)
        .map((group) => `let ${name}${group} = tile${name}[first + ${step}u][group${name} + ${group * 16}u];`)
        .join(' '),
  };
}

/**
 * WGSL of a function `readAlongK_${binding}(offset: u32, k: u32) -> vec4f`: the elements offset + k .. k + 3 of a binding,
 * zero from k = `end` on. `vectors`: it is an array of vec4f, and offset and end are multiples of 4.
 */
export const readAlongK = (binding: string, end: string, vectors: boolean) => /* wgsl */ `
fn readAlongK_${binding}(offset: u32, k: u32) -> vec4f {
  ${
    vectors
      ? `if (k >= ${end}) { return vec4f(); }
  return ${binding}[(offset + k) / 4u];`
      : `let four = k + vec4u(0u, 1u, 2u, 3u);
  let i = offset + min(four, vec4u(${end} - 1u));
  let values = vec4f(${binding}[i.x], ${binding}[i.y], ${binding}[i.z], ${binding}[i.w]);
  return select(vec4f(), values, four < vec4u(${end}));`
  }
}`;

/** Workgroups that keep a large GPU busy, and the fewest steps of k that are worth a launch to add parts up. */
const busy = 512;
const fewest = 256;

/** A plan for `batches` products of m × n outputs, sums of k. */
export function gemmPlan(m: number, n: number, k: number, batches: number): GemmPlan {
  const plan = (rows: 64 | 128, columns: 64 | 128): GemmPlan & { readonly count: number } => {
    const tiles = Math.ceil(m / rows) * Math.ceil(n / columns) * batches;
    const parts = Math.max(1, Math.floor(Math.min(busy / tiles, k / fewest)));
    const count = tiles * parts;
    const depth = rows + columns === 128 ? 16 : 8;
    return {
      tile: { rows, columns, depth },
      parts,
      terms: k,
      workgroups: grid(count * workgroupSize),
      count,
    };
  };
  const large = plan(side(m), side(n));
  return large.count >= busy / 2 ? large : plan(64, 64);
}

/** 128, unless that computes more than a quarter beyond the end. */
const side = (size: number): 64 | 128 =>
  Math.ceil(size / 128) * 128 <= Math.ceil(size / 64) * 64 * 1.25 ? 128 : 64;
