/** What the GPU executor owns besides values: error scopes, staging buffers, memory of plans that failed. */
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GpuDevice, mul, ones, run, setDevice, square, sum, tensor } from '../src/engine/index.ts';
import { ErrorGuard } from '../src/engine/run/gpu/errors.ts';
import { PipelineCache } from '../src/engine/run/gpu/pipelines.ts';
import { gpu, reference } from './devices.ts';
import { refusedOperation } from './refused-operation.ts';

afterAll(() => setDevice(reference));

describe.skipIf(!gpu)('on the GPU', () => {
  const device = gpu as GpuDevice;
  beforeEach(() => setDevice(device));

  it('error scopes are closed when the work in them throws', async () => {
    const push = vi.spyOn(device.gpu, 'pushErrorScope');
    const pop = vi.spyOn(device.gpu, 'popErrorScope');
    const errors = new ErrorGuard(device.gpu);
    const fail = () => {
      throw new Error('on purpose');
    };
    expect(() => errors.watch(() => 'failing', fail)).toThrow('on purpose');
    const nested = () => errors.watch(() => 'inside', fail);
    expect(() => errors.watch(() => 'outside', nested)).toThrow('on purpose');
    expect(pop).toHaveBeenCalledTimes(push.mock.calls.length);
    const { accepted } = errors.watch(
      () => 'making a buffer',
      () => device.gpu.createBuffer({ size: 16, usage: 0xffff }),
    );
    await expect(accepted).rejects.toThrow(/The GPU refused making a buffer/);
    await expect(
      errors.watch(
        () => 'nothing',
        () => 1,
      ).accepted,
    ).resolves.toBeUndefined();
    vi.restoreAllMocks();
  });

  it('pipelines that no plan holds are dropped, those unused longest first', () => {
    const made = vi
      .spyOn(device.gpu, 'createComputePipeline')
      .mockImplementation(() => ({}) as GPUComputePipeline);
    vi.spyOn(device.gpu, 'createShaderModule').mockImplementation(() => ({}) as GPUShaderModule);
    const cache = new PipelineCache(device.gpu);
    const kernels = Array.from({ length: 600 }, (_, i) => ({
      name: `number ${i}`,
      source: `// ${i}`,
      uniforms: [],
      workgroups: [1, 1, 1] as const,
      flops: 0,
    }));
    const use = (kernel: (typeof kernels)[number]) => {
      cache.pipeline(kernel, 1, 1);
      cache.hold(kernel);
    };
    for (const kernel of kernels) use(kernel);
    use(kernels[0]);
    expect(cache.missing(kernels)).toBe(0);
    for (const kernel of kernels) cache.release(kernel);
    // The first has another plan that holds it.
    expect(cache.missing(kernels)).toBe(600 - 256 - 1);
    expect(cache.missing([kernels[0], ...kernels.slice(-256)])).toBe(0);
    use(kernels[1]);
    expect(cache.created).toBe(601);
    expect(made).toHaveBeenCalledTimes(601);
    vi.restoreAllMocks();
  });

  it('staging buffers of many sizes are given back', async () => {
    let bytes = 0;
    const create = device.gpu.createBuffer.bind(device.gpu);
    const spy = vi.spyOn(device.gpu, 'createBuffer').mockImplementation((descriptor) => {
      const buffer = create(descriptor);
      if (descriptor.label !== 'staging') return buffer;
      bytes += descriptor.size;
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        bytes -= descriptor.size;
        return destroy();
      };
      return buffer;
    });
    const sizes = Array.from({ length: 20 }, (_, i) => 400_000 + 20_000 * i);
    for (const size of sizes) await ones([size]).data();
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(24 * 2 ** 20);
    spy.mockRestore();
  });

  it('what a refused kernel was to write is not kept, and no slot that failed is used again', async () => {
    const x = tensor(new Float32Array(1000).fill(1));
    await sum(square(x)).data();
    const before = device.memory().bytesInUse;
    for (let i = 0; i < 20; i++)
      await expect(run(refusedOperation(mul(x, i + 1)))).rejects.toThrow(/refusedOperation/);
    expect(await sum(square(x)).item()).toBe(1000);
    expect(device.memory().bytesInUse).toBeLessThanOrEqual(before);
  });
});
