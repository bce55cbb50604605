import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { compareRuns, formatComparisons, middleRuns, runsIn } from '../bench/compare.ts';
import { roof } from '../bench/peaks.ts';
import { kernelRecord, Recorder } from '../bench/recorder.ts';
import { type Environment, type Measured, readRecords } from '../bench/records.ts';
import { formatKernels, formatPeaks } from '../bench/report.ts';
import { summarize } from '../bench/samples.ts';

const environment: Environment = {
  ...{ date: '2026-01-01T00:00:00.000Z', device: 'card', driver: 'driver 1', adapter: 'hardware' },
  ...{ regrad: '1.2.3', commit: 'abc', node: 'v20', webgpu: '0.6', platform: 'linux x64' },
};

/** 1 GFLOP/s and 0.5 GB/s at the peaks. */
const peaks = { flops: 1e9, bandwidth: 0.5e9 };

/** A kernel of 1000 operations on 4000 bytes, that took so many milliseconds each time. */
function record(name: string, variant: string, milliseconds: number[], kind: 'kernel' | 'peak' = 'kernel') {
  const gpu = summarize(milliseconds);
  const wall = summarize(milliseconds.map((time) => 2 * time));
  const rest = { flops: 1000, bytes: 4000, error: 1e-7, checked: 10, repeats: 3 };
  return kernelRecord(kind, { name, shape: '[10]' }, variant, { gpu, wall, ...rest }, peaks);
}

async function file(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'bench-')), 'results.jsonl');
  await writeFile(path, text);
  return path;
}

describe('the roofline', () => {
  it('is memory below the ridge, and arithmetic above it', () => {
    expect(roof(peaks, 100, 100)).toBe(0.5e9);
    expect(roof(peaks, 200, 100)).toBe(1e9);
    expect(roof(peaks, 10_000, 100)).toBe(1e9);
  });

  it('gives shares of the peaks, by the device clock', () => {
    // 1000 operations and 4000 bytes in 0.02 ms: 0.05 GFLOP/s, 0.2 GB/s; memory would allow 0.125 GFLOP/s.
    const { gflops, gigabytes, ofFma, ofCopy, ofRoof } = record('add', 'add.direct', [0.02]);
    expect([gflops, gigabytes, ofFma, ofCopy, ofRoof].map((value) => value?.toFixed(6))).toEqual(
      [0.05, 0.2, 0.05, 0.4, 0.4].map((value) => value.toFixed(6)),
    );
  });

  it('holds no peak against itself', () => {
    expect(record('fma', 'fma.2', [1], 'peak')).toMatchObject({ ofFma: null, ofCopy: null, ofRoof: null });
  });

  it('falls back on the wall clock', () => {
    const wall = summarize([0.02]);
    const rest = { wall, flops: 1000, bytes: 4000, error: 0, checked: 1, repeats: 1 };
    expect(kernelRecord('kernel', { name: 'a', shape: '' }, 'a', rest, peaks)).toMatchObject({
      gpu: null,
      gflops: 0.05,
    });
  });

  it('is told in tables', () => {
    const copy = { ...record('copy', 'copy.8', [1], 'peak'), flops: 0, gflops: 0, gigabytes: 12.3 };
    const text = formatPeaks([record('fma', 'fma.2', [0.001], 'peak'), copy]);
    expect(text).toMatch(/^Multiply-add peak: 1\.00 GFLOP\/s \(fma\.2; /);
    expect(text).toContain('Copy peak: 12.3 GB/s (copy.8; ');
    expect(formatKernels([record('add', 'add.direct', [0.02, 0.02])])).toMatch(
      /\| add +\| add\.direct +\| \[10\] +\| 0\.0200 .* 2x3 .* 5\.0 % +\| +40 % +\| +40 % +\| +1e-7 \|/,
    );
  });
});

describe('records', () => {
  it('are read as they were written, without the failures', async () => {
    const path = await file('to be replaced');
    const recorder = new Recorder(environment, path, false);
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await recorder.open();
    await recorder.add(record('add', 'add.direct', [1, 2]));
    await recorder.fail('add', 'add.tiled', new Error('It is wrong.'));
    quiet.mockRestore();
    expect(await readRecords(path)).toEqual([{ ...environment, ...record('add', 'add.direct', [1, 2]) }]);
    const [, failure] = (await readFile(path, 'utf8')).trim().split('\n');
    expect(JSON.parse(failure)).toMatchObject({ kind: 'failure', device: 'card', reason: 'It is wrong.' });
  });

  it('say which line is none', async () => {
    const good = JSON.stringify({ ...environment, ...record('add', 'add.direct', [1]) });
    for (const bad of ['{', '[]', '7', 'null', '{"case":"add"}', good.replace('"median"', '"middle"')]) {
      const path = await file(`${good}\n\n${bad}\n`);
      await expect(readRecords(path), bad).rejects.toThrow(`Line 3 of ${path} is no result of this bench`);
    }
  });

  it('say what is wrong with the file', async () => {
    await expect(readRecords('no/such/file')).rejects.toThrow(
      'Could not read the earlier results no/such/file: there is no such file; check the path.',
    );
    const recorder = new Recorder(environment, 'no/such/file', false);
    await expect(recorder.open()).rejects.toThrow(
      'Could not write the results to no/such/file: there is no folder no/such; create it first.',
    );
  });
});

describe('compareRuns', () => {
  const before: Measured[] = [
    record('add', 'add.direct', [10, 10, 11]),
    record('add', 'add.tiled', [4, 5, 6]),
    record('gone', 'gone.direct', [1]),
  ];

  const runs = (...medians: number[]) => medians.map((median) => record('add', 'add.direct', [median]));
  const changeOf = (old: Measured[], now: Measured[]) => compareRuns(old, now).both[0].change;

  it('names a change only where several runs of each side leave no doubt', () => {
    // ln(now / before) = ln 0.5 ± 2.776 sqrt(2) s / sqrt(5), s that of ln 0.99, ln 1, ln 1, ln 1, ln 1.01.
    const [found] = compareRuns(runs(10, 9.9, 10.1, 10, 10), runs(5, 5, 4.95, 5.05, 5)).both;
    expect(found).toMatchObject({ change: 'faster' });
    expect([found.before, found.now, found.ratio].map((value) => value.toFixed(3))).toEqual([
      ...['10.000', '5.000', '0.500'],
    ]);
    expect([found.low, found.high].map((value) => value.toFixed(4))).toEqual(['0.4938', '0.5062']);
    expect(changeOf(runs(10, 10, 10), runs(20, 20, 20.1))).toBe('slower');
    expect(changeOf(runs(10, 10, 10), runs(10.4, 10.4, 10.4))).toBe('no difference');
    expect(changeOf(runs(10, 12, 9), runs(12, 13, 14))).toBe('no difference');
    const alone = compareRuns(runs(10), runs(20, 20, 20));
    expect(alone.both[0].change).toBe('');
    expect(formatComparisons(alone, 'old.jsonl')).toContain('give --runs 5 to both commands');
  });

  it('finds nearly no change between runs of the same code', () => {
    const random = (seed: number) => {
      const x = Math.sin(seed * 12.9898) * 43758.5453;
      return x - Math.floor(x);
    };
    // Medians that differ from run to run by 15 %, as on a busy machine.
    const noisy = (seed: number) =>
      runs(...Array.from({ length: 5 }, (_, i) => 10 * Math.exp(0.3 * (random(seed * 5 + i) - 0.5))));
    const changes = Array.from({ length: 1000 }, (_, i) => changeOf(noisy(2 * i), noisy(2 * i + 1)));
    expect(changes.filter((change) => change !== 'no difference').length).toBeLessThan(15);
  });

  it('shows of several runs the middle one', () => {
    const [middle, other] = middleRuns([...runs(30, 10, 20), record('mul', 'mul.direct', [7])]);
    expect([middle.gpu?.median, other.gpu?.median]).toEqual([20, 7]);
    expect(runsIn([...runs(1, 2, 3), record('mul', 'mul.direct', [7])])).toBe(3);
  });

  it('compares wall time with wall time where one run has no other', () => {
    const { both } = compareRuns(before, [{ ...record('add', 'add.direct', [5]), gpu: null }]);
    expect(both.map((found) => [found.before.toFixed(3), found.now.toFixed(3)])).toEqual([
      ['20.000', '10.000'],
    ]);
  });

  it('lists what only one run has, another shape being another thing', () => {
    const other = { ...record('add', 'add.direct', [1]), shape: '[20]' };
    const found = compareRuns(before, [other]);
    expect(found.both).toEqual([]);
    expect(found.onlyBefore).toEqual(['add add.direct', 'add add.tiled', 'gone gone.direct']);
    expect(found.onlyNow).toEqual(['add add.direct']);
    const text = formatComparisons(found, 'old.jsonl');
    expect(text).toMatch(/^Against old\.jsonl; /);
    expect(text).toContain('\nOnly there: add add.direct; add add.tiled; gone gone.direct.\n');
    expect(text).toMatch(/\nOnly now: add add\.direct\.$/);
  });
});
