/** What a person sees of work that takes its time. */
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { add, exp, GpuDevice, mul, ones, read, setDevice, sum, tanh } from '../src/engine/index.ts';
import { showCompiling } from '../src/experiments/progress.ts';
import { gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** Feeds `onCompile` with a clock that moves by so many milliseconds for each of `total` kernels. */
function shown(total: number, each: number): string {
  const stream = new PassThrough();
  let time = 0;
  const onCompile = showCompiling({ stream, now: () => time });
  for (let done = 0; done <= total; done++) {
    onCompile(done, total);
    time += each;
  }
  return String(stream.read() ?? '');
}

describe('compiling kernels', () => {
  it('is not spoken of where it is soon over', () => {
    expect(shown(9, 100)).toBe('');
  });

  it('shows a line every few seconds, with the time left, and the end', () => {
    expect(shown(100, 100)).toBe('compiling kernels 61/100 · 4 s left\ncompiling kernels 100/100\n');
  });

  it.skipIf(!gpu)('is told by the device from 0 to all, once for each new kernel', async () => {
    const { gpu: raw, adapterClass } = gpu as GpuDevice;
    const told: (readonly [number, number])[] = [];
    const onCompile = (done: number, total: number) => told.push([done, total]);
    setDevice(new GpuDevice(raw, { name: 'watched', adapterClass, onCompile }));
    // Two sums that share no kernel with each other.
    const two = () => [sum(exp(ones([3, 4])), 0), sum(tanh(mul(add(ones([5, 2]), 3), 0.3)), 1)];
    await read(...two());
    const total = told[0][1];
    expect(total).toBeGreaterThan(1);
    expect(told.map(([done]) => done).filter((done, i, all) => done !== all[i - 1])).toEqual(
      Array.from({ length: total + 1 }, (_, done) => done),
    );
    told.length = 0;
    await read(...two());
    expect(told).toEqual([]);
  });
});
