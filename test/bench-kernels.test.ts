/** The bench's harness on a device: a kernel is checked before it is timed, and what is wrong becomes a sentence. */
import { describe, expect, it } from 'vitest';
import { families, kernelCases } from '../bench/cases.ts';
import { answerOf } from '../bench/check.ts';
import type { KernelCase } from '../bench/kernel-case.ts';
import { numbers } from '../bench/kernel-case.ts';
import { kernelTime, measureKernel } from '../bench/measure.ts';
import { peakCases } from '../bench/peaks.ts';
import type { GpuDevice } from '../src/index.ts';
import { grid, type Kernel, linearMain } from '../src/kernels/kernel.ts';
import { gpu } from './devices.ts';

const size = 100;

/** output[i] = `body` of x[i], where 2 x[i] is right. */
function doubling(body: string, change: Partial<Kernel> = {}): Kernel {
  const source = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
${linearMain}
  if (i >= ${size}u) { return; }
  ${body}
}`;
  return { name: 'double.plain', source, uniforms: [], workgroups: grid(size), flops: size, ...change };
}

const right = doubling('output[i] = 2 * x[i];');

const use: KernelCase = {
  ...{ name: 'double', shape: '[100]', inputs: () => [numbers(size, 1)], outputShape: [10, 10] },
  reference:
    ([x]) =>
    (i) =>
      2 * x[i],
  ...{ referenceCost: 1, tolerance: 1e-6, variants: () => [right] },
};

/** For tests that are skipped where there is none. */
function device(): GpuDevice {
  if (!gpu) throw new Error('There is no GPU.');
  return gpu;
}

/** With hours for its samples: only an error ends it early. */
function measureWrong(kernel: Kernel) {
  const inputs = use.inputs();
  return measureKernel(device(), kernel, use, inputs, answerOf(use, inputs), 10_000);
}

describe.skipIf(!gpu)('measureKernel', () => {
  it('times a kernel that is right, on both clocks', async () => {
    const inputs = use.inputs();
    const measured = await measureKernel(device(), right, use, inputs, answerOf(use, inputs), 0.01);
    expect(measured).toMatchObject({ flops: size, bytes: 8 * size, error: 0, checked: size });
    expect(measured.wall.n).toBeGreaterThanOrEqual(1);
    expect(measured.wall.median).toBeGreaterThan(0);
    expect(measured.gpu !== undefined).toBe(device().gpu.features.has('timestamp-query'));
    expect(kernelTime(measured)).toBe(measured.gpu ?? measured.wall);
  });

  it('names the worst element of a wrong kernel before it times it', async () => {
    const wrong = doubling('output[i] = 2 * x[i] + select(0f, 1f, i >= 56u) + select(0f, 1f, i == 57u);');
    await expect(measureWrong(wrong)).rejects.toThrow(
      /^double\.plain is wrong for \[100\]: element \[5,7\] is .*, but .* was expected\. 44 of 100 elements checked are off/,
    );
  });

  it('finds an element that is never written', async () => {
    await expect(measureWrong(doubling('if (i != 99u) { output[i] = 2 * x[i]; }'))).rejects.toThrow(
      'element [9,9] is NaN',
    );
  });

  it('shows the line of WGSL that does not compile', async () => {
    await expect(measureWrong(doubling('output[i] = 2 * y[i];'))).rejects.toThrow(
      /^The WGSL of double\.plain does not compile: 9:19 .*The line is: output\[i\] = 2 \* y\[i\];$/,
    );
  });

  it('passes on what the device refuses', async () => {
    await expect(measureWrong({ ...right, workgroups: [100_000, 1, 1] })).rejects.toThrow(
      /^The device refused double\.plain: /,
    );
  });

  it('adds up the parts of a kernel that leaves its sums so', async () => {
    const parts = doubling(`output[i] = x[i] / 2; output[i + ${size}u] = x[i] * 1.5;`, { parts: 2 });
    const inputs = use.inputs();
    const { error } = await measureKernel(device(), parts, use, inputs, answerOf(use, inputs), 0.001);
    expect(error).toBeLessThan(1e-6);
  });
});

describe('cases', () => {
  it('have names of their own, and variants', () => {
    const cases = kernelCases();
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    for (const { name, variants } of cases) expect(variants(new Set()).length, name).toBeGreaterThan(0);
  });

  it('list a variant that needs a feature where the device has it', () => {
    const sizes = {
      batch: 1,
      m: 8,
      n: 8,
      k: 8,
      transposeA: false,
      transposeB: false,
      strideA: 64,
      strideB: 64,
    };
    const named = (features: string[]) =>
      families
        .matmul(sizes)(new Set(features))
        .map(({ name }) => name);
    expect(named([])).not.toContain('matmul.quads');
    expect(named(['subgroups'])).toContain('matmul.quads');
  });

  it('have answers at places in order', () => {
    for (const case_ of kernelCases().filter(({ hardwareOnly }) => !hardwareOnly)) {
      const { places, values } = answerOf({ ...case_, referenceCost: 5e7 }, case_.inputs());
      expect(places.every((place, i) => i === 0 || place >= places[i - 1])).toBe(true);
      expect(values.every(Number.isFinite), case_.name).toBe(true);
    }
  });
});

describe.skipIf(!gpu)('the kernels of the peaks', () => {
  it('are right', async () => {
    const cases = peakCases(device());
    for (const peak of cases) {
      const inputs = peak.inputs();
      const answer = answerOf(peak, inputs);
      for (const kernel of peak.variants(device().gpu.features)) {
        const { error } = await measureKernel(device(), kernel, peak, inputs, answer, 0.0001);
        expect(error, kernel.name).toBeLessThan(1e-5);
      }
    }
  });
});
