import { describe, expect, it } from 'vitest';
import { collect, summarize } from '../bench/samples.ts';

/** A sampler that takes no time and returns these milliseconds in turn, the last for ever; and how often it ran. */
function sampler(...walls: number[]) {
  let runs = 0;
  const sample = async () => ({ wall: walls[Math.min(runs++, walls.length - 1)], run: runs });
  return { sample, runs: () => runs };
}

describe('summarize', () => {
  it('gives median and quartiles, between neighbours by proportion', () => {
    expect(summarize([4, 1, 3, 2])).toEqual({
      ...{ n: 4, median: 2.5, lower: 1.75, upper: 3.25, fastest: 1, slowest: 4 },
    });
  });

  it('leaves the samples as they are', () => {
    const samples = [2, 1];
    summarize(samples);
    expect(samples).toEqual([2, 1]);
  });

  it('is all the same for one sample', () => {
    expect(summarize([7])).toEqual({ n: 1, median: 7, lower: 7, upper: 7, fastest: 7, slowest: 7 });
  });

  it('refuses no samples', () => {
    expect(() => summarize([])).toThrow('there are no samples');
  });
});

describe('collect', () => {
  it('warms up until two runs in a row take about as long, and does not count them', async () => {
    const { sample } = sampler(9, 5, 2, 2.1, 1);
    const samples = await collect(sample, { seconds: 0.05, least: 3 });
    expect(samples[0]).toEqual({ wall: 1, run: 5 });
  });

  it('counts every run of what is warm', async () => {
    const { sample } = sampler(9, 5, 1);
    const samples = await collect(sample, { seconds: 0.01, least: 3, warm: true });
    expect(samples.slice(0, 3).map(({ wall }) => wall)).toEqual([9, 5, 1]);
  });

  it('stops at the most samples that are worth keeping', async () => {
    const samples = await collect(sampler(1).sample, { seconds: 60, least: 3 });
    expect(samples).toHaveLength(1000);
  });

  it('leaves what is much slower than its time at one sample', async () => {
    const { sample, runs } = sampler(5001);
    expect(await collect(sample, { seconds: 1, least: 5 })).toEqual([{ wall: 5001, run: 1 }]);
    expect(runs()).toBe(1);
  });
});
