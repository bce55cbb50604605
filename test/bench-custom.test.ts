/** Kernels of one's own: loading a module, and what it is told when it exports something else. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { customCases, isModulePath, loadCustomCases } from '../bench/custom-kernel.ts';
import { toldWhileWaiting } from '../bench/launch.ts';

const kernel = { source: 'fn main() {}', workgroups: [1, 1, 1], flops: 8 };

/** A module's default export that is right but for `changes`. */
function exported(changes: Record<string, unknown> = {}) {
  return {
    ...{ name: 'mine', sizes: [{ m: 2, k: 3, n: 4 }], kernel: () => kernel },
    ...{
      inputs: () => [new Float32Array(6), new Float32Array(12)],
      reference: () => [1, 2, 3, 4, 5, 6, 7, 8],
    },
    ...changes,
  };
}

describe('customCases', () => {
  it('makes a case of each of the sizes', () => {
    const cases = customCases(exported({ sizes: [{ m: 2 }, { m: 3, pad: [1, 2] }] }), 'mine.ts');
    expect(cases.map(({ name, shape }) => [name, shape])).toEqual([
      ['mine m 2', 'm 2'],
      ['mine m 3 pad 1x2', 'm 3 pad 1x2'],
    ]);
    const [{ inputs, reference, outputShape, tolerance, variants }] = cases;
    expect(outputShape).toEqual([8]);
    expect(tolerance).toBe(1e-4);
    expect(reference(inputs())(7)).toBe(8);
    expect(variants(new Set())).toEqual([{ ...kernel, name: 'mine', uniforms: [] }]);
  });

  it('puts the variants of a family beside it, those that the device can run', () => {
    const [{ variants }] = customCases(exported({ compareWith: 'matmul' }), 'mine.ts');
    const names = (features: string[]) => variants(new Set(features)).map(({ name }) => name);
    expect(names([])).toEqual(['mine', 'matmul.direct', 'matmul.tiled']);
    expect(names(['subgroups'])).toEqual(['mine', 'matmul.direct', 'matmul.quads', 'matmul.tiled']);
  });

  it('works out the rest of the sizes of a convolution', () => {
    const sizes = [{ n: 1, c: 2, h: 5, w: 5, k: 3, r: 3, s: 3, stride: [2, 2] }];
    const [{ variants }] = customCases(exported({ sizes, compareWith: 'conv2d' }), 'mine.ts');
    const direct = variants(new Set()).find(({ name }) => name === 'conv2d.direct');
    // 2 · N K P Q C R S with P = Q = 2
    expect(direct?.flops).toBe(2 * 3 * 2 * 2 * 2 * 3 * 3);
  });

  it.each([
    [undefined, 'has no object as its default export'],
    [7, 'has no object as its default export'],
    [exported({ name: '' }), 'exports no `name`'],
    [exported({ sizes: [] }), 'exports no `sizes`, an array with one object or more'],
    [exported({ kernel: kernel }), 'exports no function `kernel`'],
    [exported({ inputs: undefined }), 'exports no function `inputs`'],
    [exported({ reference: [] }), 'exports no function `reference`'],
    [exported({ compareWith: 'fft' }), "compares with 'fft', but there is only matmul, conv2d,"],
    [exported({ inputs: () => [[1, 2]] }), 'has `inputs` that are no array of Float32Array'],
    [exported({ reference: () => [] }), 'has a `reference` that returns no array of numbers'],
    [exported({ kernel: () => undefined }), 'has a `kernel` without its `source`'],
    [exported({ kernel: () => ({ ...kernel, workgroups: 4 }) }), 'has a `kernel` without `workgroups`'],
    [exported({ kernel: () => ({ ...kernel, flops: undefined }) }), 'has a `kernel` without `flops`'],
    [exported({ compareWith: 'conv2d' }), 'compares with conv2d, but its sizes have no number h'],
  ])('says what is missing: %#', (value, problem) => {
    expect(() => customCases(value, 'mine.ts')).toThrow(`mine.ts ${problem}`);
  });
});

describe('loadCustomCases', () => {
  it('loads the example, TypeScript with imports', async () => {
    expect(isModulePath('examples/my-kernel.ts')).toBe(true);
    const cases = await loadCustomCases('examples/my-kernel.ts');
    expect(cases.map(({ name }) => name)).toEqual([
      'four in a row m 128 k 128 n 128',
      'four in a row m 200 k 300 n 100',
    ]);
  });

  it('loads JavaScript, and says why it cannot', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const [empty, broken] = [join(folder, 'empty.mjs'), join(folder, 'broken.mjs')];
    await writeFile(empty, 'export const kernel = 1;');
    await writeFile(broken, "import 'no-such-package';");
    await expect(loadCustomCases(empty)).rejects.toThrow(`${empty} has no object as its default export`);
    await expect(loadCustomCases(broken)).rejects.toThrow(`${broken} cannot be loaded: `);
    await expect(loadCustomCases(broken)).rejects.toThrow('no-such-package');
  });

  it('takes a part of a name for a filter', () => {
    expect(isModulePath('matmul')).toBe(false);
    expect(isModulePath('no-such-file.ts')).toBe(false);
  });
});

it('a first launch that does not end is told of', async () => {
  vi.useFakeTimers();
  const told = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => {
    vi.useRealTimers();
    told.mockRestore();
  });
  let end = (_: number): void => undefined;
  const work = new Promise<number>((resolve) => {
    end = resolve;
  });
  const launch = toldWhileWaiting('mine', work);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(told.mock.calls.flat()).toEqual([
    'mine: no result for 10 s; if the kernel may loop for ever, end the bench (Ctrl-C).',
    'mine: no result for 20 s; if the kernel may loop for ever, end the bench (Ctrl-C).',
  ]);
  end(3);
  expect(await launch).toBe(3);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(told).toHaveBeenCalledTimes(2);
});
