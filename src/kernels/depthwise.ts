/**
 * Depthwise convolutions, where every group has one input channel: C / groups = 1. Their sums are as short as a filter,
 * too short for matrices. An invocation takes neighbours in a row of one channel, and for every row of the filter it
 * loads only once whatever they meet there.
 */
import type { Conv2dSizes } from './conv2d.ts';
import { greatestDivisor, mostTaps } from './conv2d-input-grad-tiled.ts';
import { linearMain } from './kernel.ts';
import { joinedSums } from './long-sums.ts';

/** Whether these kernels serve a convolution: with many outputs for each input channel there are matrices again. */
export const isDepthwise = ({ c, k, r, s, groups }: Conv2dSizes): boolean =>
  c === groups && k <= 4 * groups && Math.max(r, s) <= 16;

/** Neighbours that an invocation takes from a row of so many: as few rounds as may be, little beyond the end. */
function neighbours(row: number): number {
  // A round costs as its neighbours, and six more for finding out where it is.
  const cost = (size: number) => Math.ceil(row / size) * (size + 6);
  return [16, 8, 4].reduce((best, next) => (cost(next) < cost(best) ? next : best));
}

/** Invocations to a row of so many. */
export const depthwiseRounds = (row: number): number => Math.ceil(row / neighbours(row));

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** How a row of the filter lies over a row of an image: neighbour j meets tap t at j · stride + t · dilation. */
interface Overlap {
  readonly neighbours: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
}

const meeting = ({ stride, dilation }: Overlap, j: number, tap: number) => j * stride + tap * dilation;

/** WGSL that loads what is met, as `at0`, `at1` ..., from `column` of the row that begins at `row`. */
function loads(overlap: Overlap): string {
  const met = numbers(overlap.neighbours).flatMap((j) =>
    numbers(overlap.taps).map((tap) => meeting(overlap, j, tap)),
  );
  return [...new Set(met)].map((at) => `let at${at} = load(row, column + ${at}u, inside);`).join('\n    ');
}

/** WGSL that adds to every neighbour's sum what it meets at a tap, times the tap's weight. */
function weigh(overlap: Overlap, tap: number, weight: string): string {
  const sums = numbers(overlap.neighbours).map((j) => `sum${j} += at${meeting(overlap, j, tap)} * weight;`);
  return `{ let weight = ${weight}; ${sums.join(' ')} }`;
}

const zeros = (count: number) =>
  numbers(count)
    .map((j) => `var sum${j} = 0f;`)
    .join(' ');

/** WGSL of `load`: a value of a row, zero beyond its ends and where there is no such row. */
const loading = (from: string, width: string) => /* wgsl */ `
// Left of the row, u32 wraps to a huge number, so that one comparison tests both ends.
fn load(row: u32, column: u32, inside: bool) -> f32 {
  let real = inside & (column < p.${width});
  return select(0f, ${from}[select(0u, row + column, real)], real);
}`;

/** `conv2d`. */
export function depthwise(declarations: string, { q, s, stride, dilation }: Conv2dSizes): string {
  const size = neighbours(q);
  const overlap = { neighbours: size, taps: s, stride: stride[1], dilation: dilation[1] };
  return /* wgsl */ `${declarations}
${loading('x', 'W')}
${linearMain}
  let rounds = (p.Q + ${size - 1}u) / ${size}u;
  if (i >= p.N * p.K * p.P * rounds) { return; }
  let Q = i % rounds * ${size}u;
  let P = i / rounds % p.P;
  let image = i / rounds / p.P; // n · K + k
  let k = image % p.K;
  let channel = image / p.K * p.C + k / p.Kg;
  let column = Q * p.strideW - p.paddingW;
  var h = P * p.strideH - p.paddingH;
  ${zeros(size)}
  for (var r = 0u; r < p.R; r++) {
    let inside = h < p.H;
    let row = (channel * p.H + h) * p.W;
    let weights = (k * p.R + r) * p.S;
    ${loads(overlap)}
    ${numbers(s)
      .map((tap) => weigh(overlap, tap, `w[weights + ${tap}u]`))
      .join('\n    ')}
    h += p.dilationH;
  }
  let to = (image * p.P + P) * p.Q + Q;
  ${numbers(size)
    .map((j) => `if (Q + ${j}u < p.Q) { put(to + ${j}u, sum${j}); }`)
    .join('\n  ')}
}`;
}

/** `conv2dInputGrad`, whose neighbours are of one phase. `declarations`: with those of the phases. */
export function depthwiseInputGrad(declarations: string, sizes: Conv2dSizes): string {
  const { w, stride, dilation } = sizes;
  const size = neighbours(Math.ceil(w / stride[1]));
  const [, taps] = mostTaps(sizes);
  // The next tap of a phase is as far on in g: `nextLeft`.
  const overlap = {
    neighbours: size,
    taps,
    stride: 1,
    dilation: dilation[1] / greatestDivisor(stride[1], dilation[1]),
  };
  // A phase's taps go through g from right to left; other phases may have fewer.
  const add = (tap: number) => {
    const sums = weigh(overlap, taps - 1 - tap, `w[weights + ${tap}u * taps.s.y]`);
    return stride[1] === 1 ? sums : `if (${tap}u < taps.s.z) ${sums}`;
  };
  return /* wgsl */ `${declarations}
${loading('g', 'Q')}
${linearMain}
  let size = phaseSize();
  let rounds = (size.y + ${size - 1}u) / ${size}u;
  let phases = p.strideH * p.strideW;
  if (i >= p.N * p.C * phases * size.x * rounds) { return; }
  let first = i % rounds * ${size}u;
  let line = i / rounds % size.x;
  let phaseIndex = i / rounds / size.x % phases;
  let phase = vec2u(phaseIndex / p.strideW, phaseIndex % p.strideW);
  let h = line * p.strideH + phase.x;
  if (h >= p.H) { return; }
  let image = i / rounds / size.x / phases; // n · C + c
  let n = image / p.C;
  let c = image % p.C;
  let taps = tapsOf(phase);
  let column = first + taps.left - ${taps - 1}u * taps.nextLeft;
  ${zeros(size)}
  for (var k = c * p.Kg; k < (c + 1u) * p.Kg; k++) {
    var up = line + taps.up;
    for (var r = taps.r.x; r < p.R; r += taps.r.y) {
      let inside = up < p.P;
      let row = ((n * p.K + k) * p.P + up) * p.Q;
      let weights = (k * p.R + r) * p.S + taps.s.x;
      ${loads(overlap)}
      ${numbers(taps).map(add).join('\n      ')}
      up -= taps.nextUp;
    }
  }
  let w = first * p.strideW + phase.y;
  let to = (image * p.H + h) * p.W + w;
  ${numbers(size)
    .map((j) => `if (w + ${j}u * p.strideW < p.W) { put(to + ${j}u * p.strideW, sum${j}); }`)
    .join('\n  ')}
}`;
}

/** Invocations to aim at, for a GPU's sake, and the fewest rounds that are worth one. */
const busy = 2 ** 16;
const fewest = 16;

/** Into how many parts to cut the sums of `depthwiseWeightGrad`. */
export function depthwiseParts({ n, k, r, p, q }: Conv2dSizes): number {
  return Math.max(1, Math.floor(Math.min(busy / (k * r), (n * p * depthwiseRounds(q)) / fewest)));
}

/**
 * `conv2dWeightGrad`. An invocation computes a row of a filter, from one in `parts` of all rounds: so neighbours in
 * memory belong to neighbouring invocations.
 */
export function depthwiseWeightGrad(declarations: string, sizes: Conv2dSizes, parts: number): string {
  const { n, p, q, s, stride, dilation } = sizes;
  const size = neighbours(q);
  const overlap = { neighbours: size, taps: s, stride: stride[1], dilation: dilation[1] };
  const joined = joinedSums(
    'f32',
    numbers(s).map((tap) => `sum${tap}`),
    { all: n * p * q, round: size },
  );
  const products = (j: number) => {
    const sums = numbers(s).map((tap) => `sum${tap} += value * at${meeting(overlap, j, tap)};`);
    const guard = j === 0 || q % size === 0 ? '' : `if (Q + ${j}u < p.Q) `;
    return `${guard}{ let value = g[start + ${j}u]; ${sums.join(' ')} }`;
  };
  return /* wgsl */ `${declarations}
${joined.declarations}
${loading('x', 'W')}
${linearMain}
  let parts = ${parts > 1 ? 'p.parts' : '1u'};
  if (i >= p.K * p.R * parts) { return; }
  let part = i % parts;
  let filterRow = i / parts; // k · R + r
  let k = filterRow / p.R;
  let r = filterRow % p.R;
  let rounds = (p.Q + ${size - 1}u) / ${size}u;
  // From one round, at (n, P, Q), to the next.
  let nextN = parts / rounds / p.P;
  let nextP = parts / rounds % p.P;
  let nextQ = parts % rounds * ${size}u;
  var n = part / rounds / p.P;
  var P = part / rounds % p.P;
  var Q = part % rounds * ${size}u;
  ${zeros(s)}
  ${joined.totals}
  for (var round = part; round < p.N * p.P * rounds; round += parts) {
    let h = P * p.strideH + r * p.dilationH - p.paddingH;
    let inside = h < p.H;
    let row = ((n * p.C + k / p.Kg) * p.H + h) * p.W;
    let column = Q * p.strideW - p.paddingW;
    let start = ((n * p.K + k) * p.P + P) * p.Q + Q;
    ${loads(overlap)}
    ${numbers(size).map(products).join('\n    ')}
    n += nextN;
    P += nextP;
    Q += nextQ;
    if (Q >= p.Q) {
      Q -= rounds * ${size}u;
      P++;
    }
    if (P >= p.P) {
      P -= p.P;
      n++;
    }
    ${joined.join('round / parts')}
  }
  ${joined.finish}
  let to = (part * p.K * p.R + filterRow) * p.S;
  ${numbers(s)
    .map((tap) => `put(to + ${tap}u, sum${tap});`)
    .join('\n  ')}
}`;
}
