/** Times kernels on a device: by timestamp queries, or by the clock where it has none. */
import type { Kernel } from '../../../kernels/kernel.ts';
import type { ErrorGuard } from './errors.ts';
import type { PipelineCache } from './pipelines.ts';
import { Profiler } from './profiler.ts';
import type { Sampler, Stopwatch } from './race.ts';

interface Means {
  readonly gpu: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly errors: ErrorGuard;
}

/** Holds buffers full of zeros, which no kernel's time depends on. */
export class GpuStopwatch implements Stopwatch {
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #errors: ErrorGuard;
  readonly #buffers: GPUBuffer[] = [];
  readonly #data: readonly GPUBuffer[];
  readonly #memory: Promise<void>;

  /** Throws RangeError where the device cannot bind so many elements. */
  constructor({ gpu, pipelines, errors }: Means, inputs: readonly number[], output: number) {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const bytes = [...inputs, output].map((elements) => Math.max(4, elements * 4));
    const most = Math.max(...bytes);
    if (most > limit)
      throw new RangeError(`it takes ${most} bytes, and this adapter binds at most ${limit}.`);
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#errors = errors;
    const watched = errors.open(() => 'taking memory for timing');
    this.#data = bytes.map((size) => this.#buffer({ size, usage: GPUBufferUsage.STORAGE }));
    this.#memory = errors.close(watched);
    this.#memory.catch(() => {});
  }

  async prepare(kernel: Kernel): Promise<Sampler> {
    await this.#memory;
    const { name, uniforms } = kernel;
    const inputs = this.#data.length - 1;
    const watched = this.#errors.open(() => `the kernel ${name}`);
    const pipeline = this.#pipelines.pipeline(kernel, inputs, 1);
    const layout = this.#pipelines.layout(inputs, 1, uniforms.length > 0);
    const buffers = uniforms.length > 0 ? [...this.#data, this.#uniform(uniforms)] : this.#data;
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = this.#gpu.createBindGroup({ label: `timing ${name}`, layout, entries });
    try {
      await this.#errors.close(watched);
    } catch (error) {
      this.#pipelines.forget(kernel);
      throw error;
    }
    const sample: Sampler = (launches) => this.#time(kernel, pipeline, group, launches);
    // Some drivers compile at the first launch, and memory is cleared then.
    await sample(1);
    return sample;
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  async #time(
    { name, workgroups }: Kernel,
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    launches: number,
  ): Promise<number> {
    const gpu = this.#gpu;
    const profiler = gpu.features.has('timestamp-query') ? new Profiler(gpu) : undefined;
    const watched = this.#errors.open(() => `timing ${name}`);
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass(profiler?.next(name, 0));
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < launches; i++) pass.dispatchWorkgroups(...workgroups);
    pass.end();
    const timed = profiler?.finish(encoder);
    const started = performance.now();
    gpu.queue.submit([encoder.finish()]);
    const [, milliseconds] = await Promise.all([
      this.#errors.close(watched),
      gpu.queue.onSubmittedWorkDone().then(() => performance.now() - started),
      timed?.(),
    ]);
    return profiler?.times()[0].milliseconds ?? milliseconds;
  }

  #uniform(words: readonly number[]): GPUBuffer {
    const size = Math.ceil(words.length / 4) * 16;
    const buffer = this.#buffer({ size, usage: GPUBufferUsage.UNIFORM, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set(words);
    buffer.unmap();
    return buffer;
  }

  #buffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = this.#gpu.createBuffer({ label: 'for timing', ...descriptor });
    this.#buffers.push(buffer);
    return buffer;
  }
}
