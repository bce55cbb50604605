/** A kernel on a device, ready to be launched and timed, without the engine. */
import type { GpuDevice } from '../src/index.ts';
import { grid, type Kernel, linearMain } from '../src/kernels/kernel.ts';
import type { InputArray } from './kernel-case.ts';

/** Milliseconds of one launch. */
export interface LaunchTime {
  /** By the device's clock; absent where it has none. */
  readonly gpu?: number;
  /** From handing over the work to having read a result. */
  readonly wall: number;
}

export interface PreparedKernel {
  /** Launches `repeats` times in one pass, and reads a few bytes back. */
  readonly time: (repeats: number) => Promise<LaunchTime>;
  readonly output: () => Promise<Float32Array>;
  readonly destroy: () => void;
}

/** Bytes of the two timestamps of a pass. */
const stampBytes = 16;

/**
 * Compiles a kernel, gives it memory, and launches it once: some drivers compile then, and some refuse then. Its output
 * starts as NaN, so that an element never written is found.
 *
 * @throws Error, a sentence, for WGSL that does not compile (with line and column) and whatever else the device refuses.
 */
export async function prepareKernel(
  { gpu }: Pick<GpuDevice, 'gpu'>,
  kernel: Kernel,
  inputs: readonly InputArray[],
  outputSize: number,
): Promise<PreparedKernel> {
  const { parts = 1 } = kernel;
  const first = await compile(gpu, kernel, inputs.length);
  const adding = parts > 1 ? await compile(gpu, addParts(parts, outputSize), 1) : undefined;
  const memory = new Memory(gpu);
  const prepare = async (): Promise<PreparedKernel> => {
    const output = memory.output(outputSize);
    const sums = adding ? memory.output(parts * outputSize) : output;
    const read = inputs.map((values) => memory.filled(values, GPUBufferUsage.STORAGE));
    const launches = [
      { ...first, group: memory.group(first, [...read, sums]) },
      ...(adding ? [{ ...adding, group: memory.group(adding, [sums, output]) }] : []),
    ];
    const encode = (pass: GPUComputePassEncoder) => {
      for (const { pipeline, group, kernel } of launches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...kernel.workgroups);
      }
    };
    const time = timer(gpu, memory, encode, output);
    await toldWhileWaiting(kernel.name, time(1));
    return { time, output: () => contents(gpu, output), destroy: () => memory.destroy() };
  };
  try {
    return await watched(gpu, kernel.name, prepare);
  } catch (error) {
    memory.destroy();
    throw error;
  }
}

/** Milliseconds between two lines on a first launch that does not end. */
const patience = 10_000;

/** A kernel that loops for ever cannot be stopped by us: the person is told what the bench waits for. */
export async function toldWhileWaiting<Result>(name: string, launch: Promise<Result>): Promise<Result> {
  const began = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1000);
    console.error(
      `${name}: no result for ${seconds} s; if the kernel may loop for ever, end the bench (Ctrl-C).`,
    );
  }, patience);
  return launch.finally(() => clearInterval(timer));
}

interface Compiled {
  readonly kernel: Kernel;
  readonly layout: GPUBindGroupLayout;
  readonly pipeline: GPUComputePipeline;
}

async function compile(gpu: GPUDevice, kernel: Kernel, inputs: number): Promise<Compiled> {
  const { name, source, uniforms } = kernel;
  const types: GPUBufferBindingType[] = [
    ...new Array<GPUBufferBindingType>(inputs).fill('read-only-storage'),
    'storage',
    ...(uniforms.length > 0 ? (['uniform'] as const) : []),
  ];
  gpu.pushErrorScope('validation');
  const module = gpu.createShaderModule({ label: name, code: source });
  const reported = gpu.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  await reported;
  const wrong = messages.find(({ type }) => type === 'error');
  if (wrong) {
    const { lineNum, linePos, message } = wrong;
    const line = source.split('\n')[lineNum - 1]?.trim() ?? '';
    throw new Error(
      `The WGSL of ${name} does not compile: ${lineNum}:${linePos} ${message}. The line is: ${line}`,
    );
  }
  return watched(gpu, name, async () => {
    const layout = gpu.createBindGroupLayout({
      entries: types.map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    const pipeline = await gpu.createComputePipelineAsync({
      label: name,
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { kernel, layout, pipeline };
  });
}

/** Runs `work`. What the device reports meanwhile is thrown; it explains whatever `work` threw because of it. */
async function watched<Result>(gpu: GPUDevice, name: string, work: () => Promise<Result>): Promise<Result> {
  gpu.pushErrorScope('validation');
  gpu.pushErrorScope('out-of-memory');
  const [outcome] = await Promise.allSettled([work()]);
  const outOfMemory = await gpu.popErrorScope();
  const invalid = await gpu.popErrorScope();
  if (outOfMemory) throw new Error(`The device has not the memory for ${name}: ${outOfMemory.message}`);
  if (invalid) throw new Error(`The device refused ${name}: ${invalid.message}`);
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/** All that is made for one kernel, to be freed together. */
class Memory {
  readonly #gpu: GPUDevice;
  readonly #owned: { destroy(): void }[] = [];

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  buffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = this.#gpu.createBuffer(descriptor);
    this.#owned.push(buffer);
    return buffer;
  }

  filled({ buffer, byteOffset, byteLength }: InputArray, usage: GPUBufferUsageFlags): GPUBuffer {
    const created = this.buffer({ size: byteLength, usage, mappedAtCreation: true });
    new Uint8Array(created.getMappedRange()).set(new Uint8Array(buffer, byteOffset, byteLength));
    created.unmap();
    return created;
  }

  output(size: number): GPUBuffer {
    return this.filled(
      new Float32Array(size).fill(Number.NaN),
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    );
  }

  /** Buffers in order, and the kernel's uniform behind them. */
  group({ kernel, layout }: Compiled, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const words = new Uint32Array(Math.ceil(kernel.uniforms.length / 4) * 4);
    words.set(kernel.uniforms);
    const uniforms = words.length > 0 ? [this.filled(words, GPUBufferUsage.UNIFORM)] : [];
    const entries = [...buffers, ...uniforms].map((buffer, binding) => ({ binding, resource: { buffer } }));
    return this.#gpu.createBindGroup({ layout, entries });
  }

  timestamps(): GPUQuerySet {
    const set = this.#gpu.createQuerySet({ type: 'timestamp', count: 2 });
    this.#owned.push(set);
    return set;
  }

  destroy(): void {
    for (const resource of this.#owned) resource.destroy();
  }
}

/** A function that times `repeats` launches in one pass, with a read-back of the timestamps and of the first result. */
function timer(
  gpu: GPUDevice,
  memory: Memory,
  encode: (pass: GPUComputePassEncoder) => void,
  output: GPUBuffer,
): (repeats: number) => Promise<LaunchTime> {
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const querySet = gpu.features.has('timestamp-query') ? memory.timestamps() : undefined;
  const stamps = memory.buffer({ size: stampBytes, usage: QUERY_RESOLVE | COPY_SRC });
  const readBack = memory.buffer({ size: stampBytes + 4, usage: MAP_READ | COPY_DST });
  return async (repeats) => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (let i = 0; i < repeats; i++) encode(pass);
    pass.end();
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, stamps, 0);
    encoder.copyBufferToBuffer(stamps, 0, readBack, 0, stampBytes);
    encoder.copyBufferToBuffer(output, 0, readBack, stampBytes, 4);
    const commands = encoder.finish();
    const start = performance.now();
    gpu.queue.submit([commands]);
    await readBack.mapAsync(GPUMapMode.READ);
    const wall = (performance.now() - start) / repeats;
    const [begin, end] = new BigUint64Array(readBack.getMappedRange(0, stampBytes));
    readBack.unmap();
    return end > begin ? { gpu: Number(end - begin) / 1e6 / repeats, wall } : { wall };
  };
}

async function contents(gpu: GPUDevice, from: GPUBuffer): Promise<Float32Array> {
  const read = gpu.createBuffer({
    size: from.size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, read, 0, from.size);
  gpu.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(read.getMappedRange().slice(0));
  read.destroy();
  return values;
}

/** output[i] = Σ over parts of sums[part, i]: what remains to do after a kernel that leaves its sums in parts. */
function addParts(parts: number, size: number): Kernel {
  return {
    name: 'add parts',
    source: /* wgsl */ `
struct Params { parts: u32, size: u32 }
@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
${linearMain}
  if (i >= p.size) { return; }
  var total = 0f;
  for (var part = 0u; part < p.parts; part++) { total += sums[part * p.size + i]; }
  output[i] = total;
}`,
    uniforms: [parts, size],
    workgroups: grid(size),
    flops: parts * size,
  };
}
