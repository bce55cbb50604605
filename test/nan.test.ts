/** NaN, infinities, signed zeros and subnormal numbers go through every operation as in PyTorch. */
import { describe, expect, it } from 'vitest';
import { tensor } from '../src/engine/index.ts';
import { devices, valuesOn } from './devices.ts';
import { type PyTorchCase, pyTorchCases, type Values } from './operations/pytorch.ts';

const cases = pyTorchCases('special');

/** Per element, relative to its own size: between infinities and NaN, a large number must not excuse its neighbours. */
function agrees(actual: number, expected: number, tolerance: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  return actual === expected || Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
}

describe.each(devices)('on $name', ({ device }) => {
  const onGpu = device.kind === 'gpu';
  const accepted = ({ f64, f32, flushed }: PyTorchCase): Values[] =>
    onGpu ? [f32.output, flushed] : [f64.output];

  it('special numbers give what they give in PyTorch', async () => {
    const results = await valuesOn(device, () =>
      cases.map(({ build, inputs }) => build(...inputs.map(({ shape, data }) => tensor(data, { shape })))),
    );
    const wrong = cases.flatMap((use, n) => {
      const truths = accepted(use);
      return [...results[n]].flatMap((actual, i) => {
        if (truths.some(({ data }) => agrees(actual, data[i], onGpu ? 1e-5 : 1e-12))) return [];
        const from = use.inputs.map(({ data, shape }) =>
          shape.join() === truths[0].shape.join() ? data[i] : '...',
        );
        return [
          `${use.name} element ${i} (${from.join(', ')}): got ${actual}, PyTorch ${truths.map((t) => t.data[i])}`,
        ];
      });
    });
    expect(wrong).toEqual([]);
  });
});
