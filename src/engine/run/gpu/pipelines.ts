/** Compiled kernels by their WGSL text: shapes come by uniform, so many launches share one. */
import type { Kernel } from '../../../kernels/kernel.ts';

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get created(): number {
    return this.#pipelines.size;
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
    let pipeline = this.#pipelines.get(source);
    if (!pipeline) {
      const layout = this.layout(inputs, outputs, kernel.uniforms.length > 0);
      const device = this.#device;
      pipeline = device.createComputePipeline({
        label: kernel.name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: {
          module: device.createShaderModule({ label: kernel.name, code: source }),
          entryPoint: 'main',
        },
      });
      this.#pipelines.set(source, pipeline);
    }
    return pipeline;
  }

  /** Drops a pipeline that turned out invalid. */
  forget(kernel: Kernel): void {
    this.#pipelines.delete(kernel.source);
  }
}
