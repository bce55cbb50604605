/**
 * The roofline as SVG: operations in a second over operations for each byte, the two limits of the device as lines, and
 * every kernel as a dot. A kernel on the slope waits for memory, one under the flat part for arithmetic.
 */
import * as Plot from '@observablehq/plot';
import { DOMParser } from 'linkedom';
import { placeLabels } from './labels.ts';
import { type Peaks, roof } from './peaks.ts';
import type { Measured } from './records.ts';

interface Dot {
  /** FLOP/byte. */
  readonly x: number;
  /** GFLOP/s. */
  readonly y: number;
  readonly case: string;
  /** The variant without its family: direct, tiled. */
  readonly variant: string;
  /** Whether the case is named for it. */
  readonly own: boolean;
}

/** Okabe and Ito's colours, told apart with any colour vision; the roof takes black. */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#882255', '#999933'];
const width = 1000;
const height = 620;
const margins = { marginTop: 84, marginRight: 24, marginBottom: 50, marginLeft: 64 };
const labelSize = 11;

/**
 * Of each case the kernel that it is named for, else the fastest, is labelled; the others are fainter. Kernels without
 * operations or bytes are left out.
 * @param device its name, for the title.
 * @param namedFor the variant that a case is named for, by case.
 */
export function rooflineFigure(
  device: string,
  peaks: Peaks,
  kernels: readonly Measured[],
  namedFor: ReadonlyMap<string, string> = new Map(),
): string {
  const dots = kernels.flatMap((kernel) => dotOf(kernel, namedFor.get(kernel.case) === kernel.variant));
  const rank = (dot: Dot | undefined) => (dot?.own ? Infinity : (dot?.y ?? -Infinity));
  const byCase = new Map<string, Dot>();
  for (const dot of dots) if (rank(dot) > rank(byCase.get(dot.case))) byCase.set(dot.case, dot);
  const labelled = [...byCase.values()];
  const variants = [...new Set(dots.map(({ variant }) => variant))];
  const colorOf = ({ variant }: Dot) => palette[variants.indexOf(variant) % palette.length];
  const peak = peaks.flops / 1e9;
  const ridge = peaks.flops / peaks.bandwidth;
  const at = (x: number) => ({ x, y: roof(peaks, x, 1) / 1e9 });
  const [low, high] = decades([...dots.map(({ x }) => x), ridge]);
  const least = decades([...dots.map(({ y }) => y), peak])[0];
  const most = 2 * Math.max(peak, ...dots.map(({ y }) => y));
  const roofs = [at(Math.max(low, (least * 1e9) / peaks.bandwidth)), at(ridge), at(high)];

  const document = new DOMParser().parseFromString('<svg/>', 'image/svg+xml') as unknown as Document;
  const plot = Plot.plot({
    ...{ document, width, height, ...margins },
    style: { fontSize: '13px' },
    x: { type: 'log', domain: [low, high] },
    y: { type: 'log', domain: [least, most] },
    marks: [
      Plot.gridX(ticks(low, high)),
      Plot.gridY(ticks(least, most)),
      Plot.axisX(ticks(low, high), { ...axis, label: 'FLOP for each byte that must be moved' }),
      Plot.axisY(ticks(least, most), { ...axis, label: 'GFLOP/s' }),
      Plot.areaY(roofs, { x: 'x', y1: least, y2: 'y', fill: '#000', fillOpacity: 0.04 }),
      Plot.line(roofs, { x: 'x', y: 'y', stroke: '#222', strokeWidth: 2 }),
      Plot.text([at(high)], {
        ...{ x: 'x', y: 'y', text: () => `multiply-adds in registers: ${digits(peak)} GFLOP/s` },
        ...{ dy: -10, dx: -6, textAnchor: 'end', fontWeight: 600 },
      }),
      Plot.text([at(Math.sqrt(roofs[0].x * ridge))], {
        ...{ x: 'x', y: 'y', text: () => `copying: ${digits(peaks.bandwidth / 1e9)} GB/s` },
        ...{ dy: -10, textAnchor: 'middle', fontWeight: 600, rotate: -slope(low, high, least, most) },
      }),
      Plot.dot(dots, { x: 'x', y: 'y', r: 3, fill: colorOf, fillOpacity: 0.45 }),
      Plot.dot(labelled, { x: 'x', y: 'y', r: 5, fill: colorOf, stroke: 'white' }),
    ],
  });
  plot.querySelector('style')?.remove();
  const [x, y] = [plot.scale('x'), plot.scale('y')];
  const anchors = labelled.map((dot) => ({ text: dot.case, x: x?.apply(dot.x), y: y?.apply(dot.y) }));
  const labels = placeLabels(anchors, { size: labelSize, right: width - margins.marginRight });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family='system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif' fill="#222">`,
    `<title>${escapeXml(`Roofline of ${device}`)}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    plot.outerHTML,
    `<text x="16" y="28" font-size="18" font-weight="600">${escapeXml(`Roofline of ${device}`)}</text>`,
    ...legend(variants),
    ...labels.map(
      ({ text, x, y, nearX, anchorX, anchorY, moved }) =>
        (moved ? `<path d="M${anchorX} ${anchorY}L${nearX} ${y}" stroke="#aaa" stroke-width="0.7"/>` : '') +
        `<text x="${x}" y="${y + labelSize / 3}" font-size="${labelSize}" stroke="white" stroke-width="2.5" ` +
        `stroke-linejoin="round" paint-order="stroke">${escapeXml(text)}</text>`,
    ),
    '</svg>\n',
  ].join('\n');
}

const axis = { labelAnchor: 'center', labelArrow: 'none', tickFormat: digits } as const;

/** Degrees at which a line of slope 1 rises between logarithmic axes. */
function slope(low: number, high: number, least: number, most: number): number {
  const perDecadeX = (width - margins.marginLeft - margins.marginRight) / Math.log10(high / low);
  const perDecadeY = (height - margins.marginTop - margins.marginBottom) / Math.log10(most / least);
  return (180 / Math.PI) * Math.atan2(perDecadeY, perDecadeX);
}

/** Powers of ten, with their double and fivefold where there are few. */
function ticks(low: number, high: number): number[] {
  const inside = steps.filter((step) => step >= low && step <= high);
  return inside.length <= 9 ? inside : inside.filter((step) => Number.isInteger(Math.log10(step)));
}

function dotOf({ case: name, variant, flops, bytes, gflops }: Measured, own: boolean): Dot[] {
  if (!(flops > 0) || !bytes) return [];
  return [{ x: flops / bytes, y: gflops, case: name, variant: variant.slice(variant.indexOf('.') + 1), own }];
}

const steps = Array.from({ length: 60 }, (_, i) => Number(`${[1, 2, 5][i % 3]}e${Math.floor(i / 3) - 8}`));

/** From at most half the least value to at least twice the greatest: 1, 2 or 5 times a power of ten. */
function decades(values: readonly number[]): [number, number] {
  const [least, greatest] = [Math.min(...values) / 2, Math.max(...values) * 2];
  return [
    steps.findLast((step) => step <= least) ?? steps[0],
    steps.find((step) => step >= greatest) ?? steps[steps.length - 1],
  ];
}

function legend(variants: readonly string[]): string[] {
  let x = 22;
  return variants.map((variant, i) => {
    const entry =
      `<circle cx="${x}" cy="52" r="5" fill="${palette[i % palette.length]}"/>` +
      `<text x="${x + 10}" y="56.5" font-size="13">${escapeXml(variant)}</text>`;
    x += 34 + 7.5 * variant.length;
    return entry;
  });
}

/** Three digits, without an exponent. */
function digits(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
