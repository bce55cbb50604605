/** Line figures as standalone SVG: panels side by side under one legend, one colour a series throughout. */

export interface FigurePoint {
  x: number;
  y: number;
  /** Lower and upper edge of the band at x, where there is one. */
  low?: number;
  high?: number;
}

export interface FigureSeries {
  /** Series of the same name share a colour and a legend entry across panels. */
  name: string;
  points: readonly FigurePoint[];
  /** Intervals as bars in place of a band: for a few points that stand for themselves. */
  bars?: boolean;
  /** A level to compare with: a thin broken line without dots. */
  level?: boolean;
}

export interface FigurePanel {
  title: string;
  xLabel: string;
  yLabel: string;
  /** Logarithmic y axis; values that are not positive are left out. */
  logY?: boolean;
  series: readonly FigureSeries[];
}

export interface FigureOptions {
  title: string;
  /** A line under the title: data, seeds, what the band is. */
  subtitle?: string;
  panels: readonly FigurePanel[];
  /** Panels in a row, two unless told. */
  columns?: number;
  /** Width in pixels, 900 unless told. */
  width?: number;
  /** Height of one panel in pixels, 320 unless told. */
  panelHeight?: number;
}

/** Okabe and Ito's colours, told apart with any colour vision, without the yellow that is lost on white. */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

/** Once the colours are used up they come again, broken: by then both line and colour tell. */
const dashes = ['none', '7 4', '2 3'];

/** Series of at most so many points show each of them. */
const sparse = 12;

const font = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';
const margin = 16;
const gap = 24;
const legendSize = 14;
const legendLine = 24;

/**
 * Draws series of points as lines, with a shaded band wherever points have `low` and `high`.
 *
 * Returns the text of an SVG file on a white background that needs nothing else. Points that are not finite break
 * the line. Throws if there is no panel, or a panel without series.
 */
export async function lineFigure(options: FigureOptions): Promise<string> {
  const { title, subtitle, panels, columns = 2, width = 900, panelHeight = 320 } = options;
  if (panels.length === 0) {
    throw new Error(`lineFigure: the figure "${title}" has no panels; give at least one.`);
  }
  const empty = panels.find((panel) => panel.series.length === 0);
  if (empty) {
    throw new Error(`lineFigure: the panel "${empty.title}" has no series; give at least one.`);
  }
  const names = [...new Set(panels.flatMap((panel) => panel.series.map((series) => series.name)))];
  const tools = await drawingTools();
  const inRow = Math.min(columns, panels.length);
  const panelWidth = (width - 2 * margin - (inRow - 1) * gap) / inRow;

  let y = margin + 18;
  const parts = [text(title, margin, y, 'font-size="18" font-weight="600"')];
  if (subtitle !== undefined) {
    y += 22;
    parts.push(text(subtitle, margin, y, 'font-size="13" fill="#555"'));
  }
  y += 14;
  const legend = drawLegend(names, y, width);
  parts.push(legend.svg);
  y += legend.height + 10;
  panels.forEach((panel, index) => {
    const x = margin + (index % inRow) * (panelWidth + gap);
    const top = y + Math.floor(index / inRow) * (panelHeight + gap);
    parts.push(
      `<g transform="translate(${x},${top})">${drawPanel(tools, panel, names, panelWidth, panelHeight)}</g>`,
    );
  });
  const rows = Math.ceil(panels.length / inRow);
  const height = y + rows * panelHeight + (rows - 1) * gap + margin;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family='${font}' fill="#222">`,
    `<title>${escapeXml(title)}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...parts,
    '</svg>\n',
  ];
  return renumbered(lines.join('\n'));
}

/**
 * One line out of several runs of the same experiment, one list of points a seed: the mean of y at every x that all runs
 * have, with a band of ± one standard deviation (n - 1 in the denominator) or from the least to the greatest. A single
 * run gets no band.
 */
export function acrossSeeds(
  runs: readonly (readonly { x: number; y: number }[])[],
  band: 'std' | 'range',
): FigurePoint[] {
  const [first = [], ...others] = runs.map((run) => new Map(run.map(({ x, y }) => [x, y])));
  return [...first]
    .filter(([x]) => others.every((run) => run.has(x)))
    .map(([x, firstY]) => {
      const values = [firstY, ...others.map((run) => run.get(x) ?? Number.NaN)];
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      if (values.length === 1) {
        return { x, y: mean };
      }
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      const std = Math.sqrt(squares / (values.length - 1));
      return band === 'std'
        ? { x, y: mean, low: mean - std, high: mean + std }
        : { x, y: mean, low: Math.min(...values), high: Math.max(...values) };
    });
}

/** Plot numbers its markers on and on over figures; here each figure begins anew, so that the same data give the same text. */
function renumbered(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replaceAll(/plot-marker-(\d+)/g, (_, id: string) => {
    numbers.set(id, numbers.get(id) ?? numbers.size + 1);
    return `plot-marker-${numbers.get(id)}`;
  });
}

/** What draws a panel. Loaded when needed: it takes longer to load than all the rest of the command line. */
async function drawingTools() {
  const [Plot, { DOMParser }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  return { Plot, DOMParser };
}

function drawPanel(
  { Plot, DOMParser }: Awaited<ReturnType<typeof drawingTools>>,
  panel: FigurePanel,
  names: readonly string[],
  width: number,
  height: number,
): string {
  const { title, xLabel, yLabel, logY = false, series } = panel;
  const isShown = (value?: number): value is number =>
    value !== undefined && Number.isFinite(value) && (!logY || value > 0);
  const barred = series.filter(({ bars }) => bars);
  const lines = series.map(({ name, points, bars = false, level = false }) => ({
    name,
    level,
    bars,
    // Bars at one place side by side, some pixels apart.
    dx: bars ? 7 * (barred.findIndex((each) => each.name === name) - (barred.length - 1) / 2) : 0,
    points: points.map((point) => ({ ...point, y: isShown(point.y) ? point.y : Number.NaN })),
  }));
  const shown = lines
    .flatMap(({ points }) => points.flatMap(({ y, low, high }) => [y, low, high]))
    .filter(isShown);
  const ticks = logY ? logTicks(shown) : linearTicks(shown);
  const document = new DOMParser().parseFromString('<svg/>', 'image/svg+xml') as unknown as Document;
  const plot = Plot.plot({
    document,
    width,
    height,
    marginLeft: 56,
    marginRight: 20,
    marginTop: 50,
    marginBottom: 44,
    style: { fontSize: '13px' },
    x: { label: null, nice: barred.length === 0, inset: barred.length > 0 ? 24 : 0 },
    y: { label: null, domain: [ticks[0], ticks[ticks.length - 1]], type: logY ? 'log' : 'linear' },
    marks: [
      Plot.gridY(ticks),
      Plot.axisY(ticks, { text: ticks.map(formatTick) }),
      Plot.axisX({
        label: xLabel,
        labelAnchor: 'center',
        labelArrow: 'none',
        ticks: Math.round(width / 90),
        tickFormat: formatTick,
      }),
      ...lines.flatMap(({ name, points, bars, level, dx }) => {
        const { color, dash } = styleOf(names.indexOf(name));
        // A band that reaches zero has no lower edge on a logarithmic axis: it goes down to the lowest value shown.
        const band = points
          .filter(({ high }) => isShown(high))
          .map((point) => ({ ...point, low: isShown(point.low) ? point.low : ticks[0] }));
        const marker = points.length <= sparse && !level ? 'dot' : 'none';
        const [strokeWidth, strokeDasharray] = level ? [1.5, '6 4'] : [2, dash];
        return [
          bars
            ? Plot.ruleX(band, { x: 'x', y1: 'low', y2: 'high', stroke: color, strokeWidth: 1.5, dx })
            : Plot.areaY(band, { x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.15 }),
          Plot.line(points, { x: 'x', y: 'y', stroke: color, strokeWidth, strokeDasharray, marker, dx }),
        ];
      }),
      Plot.text(shown.length === 0 ? ['no finite values'] : [], { frameAnchor: 'middle', fill: '#555' }),
    ],
  });
  // Its rules are for a figure in a page; inside another SVG they would override the panel's size.
  plot.querySelector('style')?.remove();
  return [
    text(title, 0, 16, 'font-size="15" font-weight="600"'),
    text(yLabel, 0, 36, 'font-size="13" fill="#555"'),
    plot.outerHTML,
  ].join('\n');
}

/** Round numbers, about five of them, from at most the least value to at least the greatest. */
function linearTicks(values: readonly number[]): number[] {
  const [least, greatest] = extent(values);
  const rough = (greatest - least || Math.abs(least) || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const count = Math.max(1, Math.ceil(greatest / step) - first);
  return Array.from({ length: count + 1 }, (_, k) => (first + k) * step);
}

/** The same by powers of ten; where there are few of them, their double and fivefold too. */
function logTicks(values: readonly number[]): number[] {
  const [least, greatest] = extent(values);
  const first = Math.floor(Math.log10(least));
  const decades = Math.max(1, Math.ceil(Math.log10(greatest)) - first);
  const step = Math.ceil(decades / 6);
  const factors = decades <= 3 ? [1, 2, 5] : [1];
  const exponents = Array.from({ length: Math.ceil(decades / step) + 1 }, (_, k) => first + k * step);
  const ticks = exponents.flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`)));
  const from = ticks.findLastIndex((tick) => tick <= least);
  const to = ticks.findIndex((tick) => tick >= greatest && tick > ticks[from]);
  return ticks.slice(from, to + 1);
}

/** Least and greatest; 1 and 10 where there is nothing. */
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) {
    return [1, 10];
  }
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/** Short enough for the margin: 0.25, 1,500, 2M, 1e-6. */
function formatTick(value: number): string {
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(6));
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) {
    return rounded.toExponential();
  }
  return rounded.toLocaleString('en', {
    notation: size >= 1e5 ? 'compact' : 'standard',
    maximumSignificantDigits: 6,
  });
}

/** Line samples and names in rows; a name takes about 0.6 of its size a letter. */
function drawLegend(names: readonly string[], top: number, width: number): { svg: string; height: number } {
  let x = margin;
  let y = top + legendLine / 2;
  const parts = names.map((name, index) => {
    const entryWidth = 34 + name.length * legendSize * 0.6 + 22;
    if (x > margin && x + entryWidth > width - margin) {
      x = margin;
      y += legendLine;
    }
    const { color, dash } = styleOf(index);
    const sample = `<line x1="${x}" x2="${x + 26}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="3" stroke-dasharray="${dash}"/>`;
    const label = text(name, x + 34, y + 5, `font-size="${legendSize}"`);
    x += entryWidth;
    return sample + label;
  });
  return { svg: parts.join('\n'), height: y + legendLine / 2 - top };
}

function styleOf(index: number): { color: string; dash: string } {
  return {
    color: palette[index % palette.length],
    dash: dashes[Math.floor(index / palette.length) % dashes.length],
  };
}

function text(content: string, x: number, y: number, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
