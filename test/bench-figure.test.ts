import { DOMParser } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { placeLabels } from '../bench/labels.ts';
import { kernelRecord } from '../bench/recorder.ts';
import { rooflineFigure } from '../bench/roofline-figure.ts';
import { summarize } from '../bench/samples.ts';

const peaks = { flops: 100e9, bandwidth: 10e9 };

function kernel(name: string, variant: string, gflops: number, bytes = 1000) {
  const wall = summarize([1e-5 / gflops]);
  const rest = { wall, flops: 10, bytes, error: 0, checked: 1, repeats: 1 };
  return kernelRecord('kernel', { name, shape: '' }, variant, rest, peaks);
}

function draw(...kernels: ReturnType<typeof kernel>[]) {
  const svg = rooflineFigure('A <card>', peaks, kernels);
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml');
  const texts = [...root.querySelectorAll('text')].map((text) => text.textContent ?? '');
  return { svg, texts, dots: [...root.querySelectorAll('circle')] };
}

describe('rooflineFigure', () => {
  it('shows the device, its roofs, the variants, and every case once', () => {
    const { svg, texts, dots } = draw(
      kernel('matmul 256', 'matmul.direct', 1),
      kernel('matmul 256', 'matmul.tiled', 2),
      kernel('conv2d 3x3', 'conv2d.direct', 3),
    );
    expect(svg).toMatch(/^<svg xmlns=/);
    for (const text of ['Roofline of A <card>', 'direct', 'tiled', 'matmul 256', 'conv2d 3x3']) {
      expect(texts.filter((shown) => shown === text)).toEqual([text]);
    }
    expect(texts).toContain('multiply-adds in registers: 100 GFLOP/s');
    expect(texts).toContain('copying: 10 GB/s');
    // Two of the legend, three kernels, and the fastest of each case once more.
    expect(dots).toHaveLength(2 + 3 + 2);
  });

  it("labels one's own kernel, though another of its case is faster, and of equally fast ones one", () => {
    const measured = [
      kernel('four in a row', 'matmul.direct', 2),
      kernel('four in a row', 'four-in-a-row', 1),
      kernel('twins', 'matmul.direct', 3),
      kernel('twins', 'matmul.tiled', 3),
    ];
    const svg = rooflineFigure('A card', peaks, measured, new Map([['four in a row', 'four-in-a-row']]));
    const root = new DOMParser().parseFromString(svg, 'image/svg+xml');
    const number = (element: Element | null | undefined, name: string) => Number(element?.getAttribute(name));
    const texts = [...root.querySelectorAll('text')];
    expect(texts.filter(({ textContent }) => textContent === 'twins')).toHaveLength(1);
    const label = texts.find(({ textContent }) => textContent === 'four in a row');
    const own = [...root.querySelectorAll('circle')].find(
      (circle) => circle.getAttribute('r') === '5' && Math.abs(number(circle, 'cy') - number(label, 'y')) < 8,
    );
    const colors = [...root.querySelectorAll('circle')]
      .slice(-3)
      .map((circle) => circle.getAttribute('fill'));
    // The legend, in order of the kernels: direct, four-in-a-row, tiled.
    expect(own?.getAttribute('fill')).toBe(colors[1]);
  });

  it('leaves out what has no place between operations and bytes', () => {
    expect(draw({ ...kernel('copy', 'copy.8', 1), flops: 0 }).dots).toHaveLength(0);
  });

  it('shows kernels above the roof, as caches allow', () => {
    const { texts, svg } = draw(kernel('cached', 'cached.direct', 500));
    expect(texts).toContain('cached');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('placeLabels', () => {
  it('keeps labels off each other, off points, and inside', () => {
    const anchors = Array.from({ length: 12 }, (_, i) => ({ text: `kernel ${i}`, x: 300, y: 100 + i }));
    const labels = placeLabels(anchors, { size: 10, right: 320 });
    const heights = labels.map(({ y }) => y).sort((a, b) => a - b);
    for (let i = 1; i < heights.length; i++) expect(heights[i] - heights[i - 1]).toBeGreaterThanOrEqual(10);
    for (const { x, text } of labels) expect(x + 5.6 * text.length).toBeLessThanOrEqual(295);
    expect(labels.some(({ moved }) => moved)).toBe(true);
  });

  it('puts a lone label beside its point', () => {
    expect(placeLabels([{ text: 'one', x: 10, y: 20 }], { size: 10, right: 100 })).toMatchObject([
      { x: 19, y: 20, moved: false },
    ]);
  });
});
