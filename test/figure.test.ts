import { Writable } from 'node:stream';
import { DOMParser } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { acrossSeeds, type FigurePanel, lineFigure } from '../src/experiments/figure.ts';
import { createProgress, formatSeconds } from '../src/experiments/progress.ts';
import { formatTable } from '../src/experiments/table.ts';

const rising = Array.from({ length: 20 }, (_, x) => ({ x, y: x + 1, low: x, high: x + 2 }));

function panel(change: Partial<FigurePanel> = {}): FigurePanel {
  return {
    title: 'Accuracy',
    xLabel: 'step',
    yLabel: '%',
    series: [{ name: 'SB', points: rising }],
    ...change,
  };
}

async function draw(panels: FigurePanel[], title = 'A figure') {
  const svg = await lineFigure({ title, panels });
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml');
  const texts = [...root.querySelectorAll('text')].map((text) => text.textContent ?? '');
  /** The path of every drawn line or band of a colour. */
  const paths = (attribute: 'stroke' | 'fill', color: string): string[] =>
    [...root.querySelectorAll('path')]
      .filter((path) => (path.closest(`[${attribute}]`)?.getAttribute(attribute) ?? '') === color)
      .map((path) => path.getAttribute('d') ?? '');
  return { svg, texts, paths };
}

/** Points of a path, without its letters. */
function points(path: string): [number, number][] {
  return [...path.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
}

/** Every tag that is opened is closed, in order. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, close, name, empty] of svg.matchAll(
    /<(\/?)([\w:]+)(?:\s+[\w:-]+=(?:"[^"<]*"|'[^'<]*'))*\s*(\/?)>/g,
  )) {
    if (close) {
      if (open.pop() !== name) {
        return false;
      }
    } else if (!empty) {
      open.push(name);
    }
  }
  const tags = svg.match(/</g)?.length;
  const known = svg.match(/<\/?[\w:]+(\s+[\w:-]+=("[^"<]*"|'[^'<]*'))*\s*\/?>/g)?.length;
  return open.length === 0 && tags === known && !/&(?!amp;|lt;|gt;|quot;|#\d+;)/.test(svg);
}

describe('lineFigure', () => {
  it('draws a line with its band, titles and legend, as XML that stands alone', async () => {
    const { svg, texts, paths } = await draw([panel()], 'Loss < 1 & falling');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="900"/);
    expect(isWellFormed(svg)).toBe(true);
    // Plot's own style sheet would resize a panel inside another SVG.
    expect(svg).not.toContain('<style');
    expect(texts).toEqual(expect.arrayContaining(['Loss < 1 & falling', 'SB', 'Accuracy', '%', 'step']));
    const [line] = paths('stroke', '#0072b2');
    expect(points(line)).toHaveLength(20);
    expect(points(line)[0][1]).toBeGreaterThan(points(line)[19][1]);
    expect(points(paths('fill', '#0072b2')[0])).toHaveLength(40);
  });

  it('keeps the colour of a series across panels, with one legend entry', async () => {
    const other = { name: 'GN', points: rising };
    const { texts, paths } = await draw([
      panel({ series: [{ name: 'SB', points: rising }, other] }),
      panel({ series: [other] }),
    ]);
    expect(texts.filter((text) => text === 'GN')).toHaveLength(1);
    expect(paths('stroke', '#0072b2')).toHaveLength(1);
    expect(paths('stroke', '#d55e00')).toHaveLength(2);
  });

  it('spaces powers of ten evenly on a logarithmic axis and leaves out what has no logarithm', async () => {
    const points_ = [1, 10, 100, 0, -1].map((y, x) => ({ x, y }));
    const { svg, texts, paths } = await draw([
      panel({ logY: true, series: [{ name: 'SB', points: points_ }] }),
    ]);
    expect(texts).toEqual(expect.arrayContaining(['1', '10', '100']));
    const heights = points(paths('stroke', '#0072b2')[0]).map(([, y]) => y);
    expect(heights).toHaveLength(3);
    expect(heights[0] - heights[1]).toBeCloseTo(heights[1] - heights[2], 1);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('breaks a line at what is not finite and says when nothing is', async () => {
    const broken = [1, 2, Number.NaN, 4, Number.POSITIVE_INFINITY, 5, 6].map((y, x) => ({ x, y }));
    const { paths } = await draw([panel({ series: [{ name: 'SB', points: broken }] })]);
    const [line] = paths('stroke', '#0072b2');
    expect(line.match(/M/g)).toHaveLength(3);
    for (const logY of [false, true]) {
      const { svg, texts } = await draw([
        panel({ logY, series: [{ name: 'SB', points: [{ x: 0, y: Number.NaN }] }] }),
      ]);
      expect(texts).toContain('no finite values');
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });

  it.each([
    ['all equal', [3, 3, 3], false],
    ['all zero', [0, 0], false],
    ['tiny', [1e-12, 3e-12], false],
    ['huge', [1e12, 5e15], false],
    ['negative', [-5, -1], false],
    ['equal on a logarithmic axis', [2, 2], true],
    ['many decades', [1e-30, 1e30], true],
    ['a power of ten', [0.1, 0.1], true],
  ])('keeps the line inside its panel when values are %s', async (_, values, logY) => {
    const series = [{ name: 'SB', points: values.map((y, x) => ({ x, y })) }];
    const { svg, texts, paths } = await draw([panel({ series, logY })]);
    expect(svg).not.toMatch(/NaN|Infinity/);
    const drawn = points(paths('stroke', '#0072b2')[0]);
    expect(drawn).toHaveLength(values.length);
    for (const [, y] of drawn) {
      expect(y).toBeGreaterThanOrEqual(50);
      expect(y).toBeLessThanOrEqual(276);
    }
    expect(Math.max(...texts.slice(4).map((text) => text.length))).toBeLessThanOrEqual(8);
  });

  it('draws intervals as bars where asked to, side by side, and levels without dots', async () => {
    const bars = { bars: true, points: rising.slice(0, 2) };
    const series = [
      { name: 'SB', level: true, points: rising.slice(0, 2) },
      { name: 'GN', ...bars },
      { name: 'FT', ...bars },
    ];
    const { svg, paths } = await draw([panel({ series })]);
    expect(paths('fill', '#009e73')).toEqual([]);
    const ruleShift = (color: string) =>
      new RegExp(
        `<g(?=[^>]*aria-label="rule")(?=[^>]*stroke="${color}")[^>]*transform="translate\\(([-\\d.]+)`,
      ).exec(svg)?.[1];
    // 7 pixels apart, about the place; Plot moves strokes by half a pixel.
    expect(Number(ruleShift('#009e73')) - Number(ruleShift('#d55e00'))).toBe(7);
    expect(svg.match(/<marker /g)).toHaveLength(2);
  });

  it('gives the same text for the same data, whatever was drawn before', async () => {
    const sparse = panel({ series: [{ name: 'SB', points: rising.slice(0, 3) }] });
    expect((await draw([sparse])).svg).toBe((await draw([sparse])).svg);
  });

  it('refuses a figure without panels and a panel without series', async () => {
    await expect(draw([])).rejects.toThrow(/"A figure" has no panels/);
    await expect(draw([panel({ series: [] })])).rejects.toThrow(/panel "Accuracy" has no series/);
  });
});

describe('acrossSeeds', () => {
  const runs = [
    [
      { x: 0, y: 1 },
      { x: 1, y: 2 },
      { x: 2, y: 5 },
    ],
    [
      { x: 0, y: 3 },
      { x: 1, y: 2 },
    ],
    [
      { x: 0, y: 8 },
      { x: 1, y: 2 },
    ],
  ];

  it('averages the steps that all runs have, with the sample deviation or the range', () => {
    const std = Math.sqrt((9 + 1 + 16) / 2);
    expect(acrossSeeds(runs, 'std')).toEqual([
      { x: 0, y: 4, low: 4 - std, high: 4 + std },
      { x: 1, y: 2, low: 2, high: 2 },
    ]);
    expect(acrossSeeds(runs, 'range')[0]).toEqual({ x: 0, y: 4, low: 1, high: 8 });
  });

  it('gives one run no band, and no runs no points', () => {
    expect(acrossSeeds([runs[0]], 'std')).toEqual(runs[0]);
    expect(acrossSeeds([], 'range')).toEqual([]);
  });
});

describe('formatTable', () => {
  it('sets numbers right and words left', () => {
    const table = formatTable(
      ['method', 'accuracy', 'seconds'],
      [
        ['SB', '92.6 ± 0.4', 7],
        ['LB + a|b', '9.8 ± 0.1', 12.25],
      ],
    );
    expect(table.split('\n')).toEqual([
      '| method    |   accuracy | seconds |',
      '| :-------- | ---------: | ------: |',
      '| SB        | 92.6 ± 0.4 |       7 |',
      '| LB + a\\|b |  9.8 ± 0.1 |   12.25 |',
    ]);
  });

  it('refuses a row of another length', () => {
    expect(() => formatTable(['a', 'b'], [['1', '2'], ['1']])).toThrow(
      /row 1 has 1 cells, but the header has 2/,
    );
  });
});

describe('createProgress', () => {
  function record(isTTY: boolean) {
    const written: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        written.push(String(chunk));
        done();
      },
    });
    const stream = Object.assign(sink, { isTTY, columns: 200, cursorTo: () => true });
    return { stream, written };
  }

  it('writes a plain line at intervals, with the time left, and the last state at the end', () => {
    const { stream, written } = record(false);
    let seconds = 0;
    const progress = createProgress({
      total: 100,
      label: 'GN',
      start: 20,
      stream,
      interval: 5,
      now: () => 1000 * seconds,
    });
    for (let done = 20; done <= 100; done += 10, seconds += 2) {
      progress.update(done, done === 50 ? 'loss 0.3' : undefined);
    }
    progress.stop();
    progress.update(3);
    expect(written).toEqual(['GN 50/100 · 10 s left · loss 0.3\n', 'GN 80/100 · 4 s left\n', 'GN 100/100\n']);
  });

  it.each([
    ['with colour', {}, true],
    ['without colour if NO_COLOR is set', { NO_COLOR: '1' }, false],
  ])('draws a bar in a terminal %s', (_, environment, coloured) => {
    const { stream, written } = record(true);
    const progress = createProgress({ total: 4, label: 'GN', stream, environment });
    progress.update(2, 'loss 0.3');
    progress.stop();
    const shown = written.join('');
    expect(shown).toMatch(/GN .*█{12}.*░{12}.* 2\/4.* · loss 0.3/);
    expect(shown.includes('\u001b[36m')).toBe(coloured);
  });

  it('writes plain lines in a terminal that cannot move its cursor', () => {
    const { stream, written } = record(true);
    const progress = createProgress({
      total: 4,
      label: 'GN',
      stream,
      environment: { TERM: 'dumb' },
      now: () => 0,
    });
    progress.update(2);
    progress.stop();
    expect(written).toEqual(['GN 2/4 · 0 s left\n']);
  });

  it.each([
    [0.4, '0 s'],
    [59.6, '1 min 0 s'],
    [75, '1 min 15 s'],
    [4000, '1 h 6 min'],
  ])('says %d seconds as %s', (seconds, words) => {
    expect(formatSeconds(seconds)).toBe(words);
  });
});
