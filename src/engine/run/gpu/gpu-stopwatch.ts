/** Times kernels on a device: by timestamp queries, or by the clock where it has none. */
import type { Kernel } from '../../../kernels/kernel.ts';
import type { ErrorGuard } from './errors.ts';
import type { PipelineCache } from './pipelines.ts';
import { Profiler } from './profiler.ts';
import type { Prepared, Sampler, Stopwatch } from './race.ts';

interface Means {
  readonly gpu: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly errors: ErrorGuard;
}

/** Words at the beginning and at the end of a result that are looked at. */
const window = 2 ** 14;

/**
 * Whole numbers from -2 to 2, to fill inputs with: sums of their products are exact whatever the order, up to 4 million
 * of them, so that kernels can be compared bit by bit. The length is odd, so that no row of a tensor repeats another.
 */
const pattern = Float32Array.from(
  { length: 2 ** 18 - 1 },
  (_, i) => ((Math.imul(i, 0x9e3779b1) >>> 8) % 5) - 2,
);

/** Holds the inputs and the result of kernels that compute the same. */
export class GpuStopwatch implements Stopwatch {
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #errors: ErrorGuard;
  readonly #buffers: GPUBuffer[] = [];
  readonly #data: readonly GPUBuffer[];
  readonly #memory: Promise<void>;
  /** Elements of the result. */
  readonly #size: number;

  /** Throws RangeError where the device cannot bind so many elements. */
  constructor({ gpu, pipelines, errors }: Means, inputs: readonly number[], output: number, parts: number) {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const bytes = [...inputs, output * parts].map((elements) => Math.max(4, elements * 4));
    const most = Math.max(...bytes);
    if (most > limit)
      throw new RangeError(`it takes ${most} bytes, and this adapter binds at most ${limit}.`);
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#errors = errors;
    this.#size = output;
    const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
    const { result, accepted } = errors.watch(
      () => 'taking memory for timing',
      () => {
        const data = bytes.map((size) => this.#buffer({ size, usage: STORAGE | COPY_DST | COPY_SRC }));
        inputs.forEach((elements, i) => {
          // Each input begins elsewhere in the pattern.
          const values = pattern.subarray(1000 * i);
          for (let at = 0; at < elements; at += values.length) {
            gpu.queue.writeBuffer(data[i], 4 * at, values, 0, Math.min(values.length, elements - at));
          }
        });
        return data;
      },
    );
    this.#data = result;
    this.#memory = accepted;
  }

  async prepare(kernel: Kernel): Promise<Prepared> {
    await this.#memory;
    const { name, uniforms } = kernel;
    const inputs = this.#data.length - 1;
    const { result, accepted } = this.#errors.watch(
      () => `the kernel ${name}`,
      () => {
        const pipeline = this.#pipelines.pipeline(kernel, inputs, 1);
        const layout = this.#pipelines.layout(inputs, 1, uniforms.length > 0);
        const buffers = uniforms.length > 0 ? [...this.#data, this.#uniform(uniforms)] : this.#data;
        const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
        const group = this.#gpu.createBindGroup({ label: `timing ${name}`, layout, entries });
        return { pipeline, group };
      },
    );
    try {
      await accepted;
    } catch (error) {
      this.#pipelines.forget(kernel);
      throw error;
    }
    const { pipeline, group } = result;
    const sample: Sampler = (launches) => this.#time(kernel, pipeline, group, launches);
    // Some drivers compile at the first launch, and memory is cleared then.
    await sample(1);
    return { sample, answer: await this.#answer(kernel.parts ?? 1) };
  }

  /** The first and the last of the result, parts added up. */
  async #answer(parts: number): Promise<Float32Array> {
    const count = Math.min(window, this.#size);
    const from = this.#data[this.#data.length - 1];
    const size = Math.max(4, 2 * parts * count * 4);
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const read = this.#buffer({ size, usage: MAP_READ | COPY_DST });
    const encoder = this.#gpu.createCommandEncoder();
    for (let part = 0; part < parts; part++) {
      [0, this.#size - count].forEach((first, i) => {
        const to = (2 * part + i) * count;
        encoder.copyBufferToBuffer(from, 4 * (part * this.#size + first), read, 4 * to, 4 * count);
      });
    }
    this.#gpu.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const all = new Float32Array(read.getMappedRange());
    const sums = new Float32Array(2 * count);
    all.forEach((value, i) => {
      sums[i % sums.length] += value;
    });
    read.destroy();
    return sums;
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
    const { result, accepted } = this.#errors.watch(
      () => `timing ${name}`,
      () => {
        const encoder = gpu.createCommandEncoder();
        const pass = encoder.beginComputePass(profiler?.next(name, 0));
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        for (let i = 0; i < launches; i++) pass.dispatchWorkgroups(...workgroups);
        pass.end();
        const timed = profiler?.finish(encoder);
        const started = performance.now();
        gpu.queue.submit([encoder.finish()]);
        return { timed, started };
      },
    );
    const [, milliseconds] = await Promise.all([
      accepted,
      gpu.queue.onSubmittedWorkDone().then(() => performance.now() - result.started),
      result.timed?.(),
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
