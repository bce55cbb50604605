/** Compiled kernels by their WGSL text: shapes come by uniform, so many launches share one. */
import type { Kernel } from '../../../kernels/kernel.ts';

/** Pipelines that no plan holds are kept up to this many, for plans to come; those unused longest go first. */
const maxUnused = 256;

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  holders: number;
}

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Compiled>();
  /** The sources of those that no plan holds. */
  readonly #unused = new Set<string>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #created = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get created(): number {
    return this.#created;
  }

  /** How many different ones of these kernels are not compiled yet. */
  missing(kernels: readonly Kernel[]): number {
    return new Set(kernels.flatMap(({ source }) => (this.#pipelines.has(source) ? [] : [source]))).size;
  }

  /** The layout for `inputs` read-only buffers, `outputs` others and, if asked for, one uniform. */
  layout(inputs: number, outputs: number, uniform: boolean): GPUBindGroupLayout {
    const key = `${inputs} ${outputs} ${uniform}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types: GPUBufferBindingType[] = [
        ...new Array<GPUBufferBindingType>(inputs).fill('read-only-storage'),
        ...new Array<GPUBufferBindingType>(outputs).fill('storage'),
        ...(uniform ? (['uniform'] as const) : []),
      ];
      layout = this.#device.createBindGroupLayout({
        entries: types.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  pipeline(kernel: Kernel, inputs: number, outputs: number): GPUComputePipeline {
    const { source } = kernel;
    const known = this.#pipelines.get(source);
    if (known) return known.pipeline;
    const layout = this.layout(inputs, outputs, kernel.uniforms.length > 0);
    const device = this.#device;
    const pipeline = device.createComputePipeline({
      label: kernel.name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: device.createShaderModule({ label: kernel.name, code: source }),
        entryPoint: 'main',
      },
    });
    this.#created++;
    this.#pipelines.set(source, { pipeline, holders: 0 });
    this.#unused.add(source);
    return pipeline;
  }

  /** A plan uses this kernel, until it releases it. */
  hold({ source }: Kernel): void {
    const known = this.#pipelines.get(source);
    if (known) known.holders++;
    this.#unused.delete(source);
  }

  release({ source }: Kernel): void {
    const known = this.#pipelines.get(source);
    if (!known || --known.holders > 0) return;
    this.#unused.add(source);
    for (const oldest of this.#unused) {
      if (this.#unused.size <= maxUnused) break;
      this.#unused.delete(oldest);
      this.#pipelines.delete(oldest);
    }
  }

  /** Drops a pipeline that turned out invalid. */
  forget({ source }: Kernel): void {
    this.#pipelines.delete(source);
    this.#unused.delete(source);
  }
}
