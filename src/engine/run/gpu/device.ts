/** The WebGPU executor: keeps plans by structure, and runs one as a single pass of prepared dispatches. */
import type { AdapterClass, Choices } from '../../../kernels/family.ts';
import { refuse } from '../../arguments.ts';
import type { Counters, Device, MemoryUse, RunResult, Target } from '../../device.ts';
import { fromDeviceBytes } from '../../dtype.ts';
import { explainPlan } from '../../plan/explain.ts';
import type { Graph } from '../../plan/graph.ts';
import { ownKernels } from '../../plan/own-kernels.ts';
import { makePlan } from '../../plan/plan.ts';
import { allOn, type Switches } from '../../plan/switches.ts';
import { type DeviceValue, type Node, presentValue } from '../../tape.ts';
import type { WebGpuDevice } from '../../web-gpu.ts';
import { ErrorGuard } from './errors.ts';
import { GpuStopwatch } from './gpu-stopwatch.ts';
import { checkDeviceOptions, type GpuDeviceOptions } from './options.ts';
import { PipelineCache } from './pipelines.ts';
import { BufferPool, type PooledBuffer } from './pool.ts';
import { PreparedPlan } from './prepared-plan.ts';
import { type KernelTime, Profiler } from './profiler.ts';
import { Slots } from './slots.ts';
import { Staging } from './staging.ts';
import { Storages } from './storage.ts';
import { Uploads } from './uploads.ts';
import { VariantChooser, type VariantsByKey } from './variants.ts';

/** Graphs whose plans are kept at a time; the least recently used goes first. */
const maxPlans = 256;

export class GpuDevice implements Device {
  readonly kind = 'gpu';
  readonly name: string;
  readonly adapterClass: AdapterClass;
  /** @internal */
  readonly switches: Switches;
  /** For those who launch kernels of their own. */
  readonly gpu: WebGpuDevice;
  readonly #errors: ErrorGuard;
  readonly #pool: BufferPool;
  readonly #storages: Storages;
  readonly #uploads: Uploads;
  readonly #slots: Slots;
  readonly #pipelines: PipelineCache;
  readonly #staging: Staging;
  readonly #onCompile: GpuDeviceOptions['onCompile'];
  readonly #onWait: GpuDeviceOptions['onWait'];
  readonly #chooser: VariantChooser;
  readonly #plans = new Map<string, PreparedPlan[]>();
  #profiler: Profiler | undefined;
  #planCount = 0;
  #bindGroups = 0;
  #dispatches = 0;

  /** @internal `createGpuDevice` makes one. */
  constructor(gpu: GPUDevice, options: GpuDeviceOptions) {
    if (typeof gpu?.createBuffer !== 'function') refuse('GpuDevice', 'gpu', gpu, 'a GPUDevice');
    checkDeviceOptions('GpuDevice', options);
    this.gpu = gpu;
    this.name = options.name;
    this.adapterClass = options.adapterClass;
    this.switches = { ...allOn, ...options.switches };
    this.#errors = new ErrorGuard(gpu);
    this.#pool = new BufferPool(gpu);
    this.#storages = new Storages(this, this.#pool);
    this.#uploads = new Uploads(gpu.queue, this.#pool, options.name);
    this.#slots = new Slots(this.#pool);
    this.#pipelines = new PipelineCache(gpu);
    this.#staging = new Staging(gpu);
    this.#onCompile = options.onCompile;
    this.#onWait = options.onWait;
    const means = { gpu, pipelines: this.#pipelines, errors: this.#errors };
    this.#chooser = new VariantChooser(
      { features: gpu.features, adapterClass: this.adapterClass },
      options,
      (inputs, output, parts) => new GpuStopwatch(means, inputs, output, parts),
    );
  }

  /** @internal */
  settle(graph: Graph): Promise<void> | undefined {
    return this.#chooser.settle(() => (this.#plans.has(graph.key) ? [] : ownKernels(graph, this.switches)));
  }

  variants(): VariantsByKey {
    return this.#chooser.chosen;
  }

  /** Choices of variants that were measured by this device, not remembered from another. */
  get measuredVariants(): number {
    return this.#chooser.measured;
  }

  /** @internal */
  run(graph: Graph, targets: readonly Target[]): RunResult {
    this.#errors.throwIfLost();
    const { plan, ready } = this.#planFor(graph, targets);
    const buffersBefore = this.#pool.created;
    const { result, accepted } = this.#errors.watch(
      () => `running ${plan.plan.steps.length} kernels`,
      () => this.#submit(plan, graph, targets),
    );
    const buffersAfter = this.#pool.created;
    const { kept, reads } = result;
    // What preparing reports comes first: it names the kernel that running then stumbles over.
    const checked = ready.then(() => accepted);
    checked.catch(() => {
      this.#forget(plan);
      this.#pool.doubt(buffersBefore, buffersAfter);
      this.#slots.clear();
      this.#uploads.clear();
    });
    reads.catch(() => {});
    const read = checked
      .then(() => reads)
      .catch((error: unknown) => {
        throw this.#errors.explain(error);
      });
    this.#onWait?.(read, plan.plan.steps.length);
    return { kept, reads: read };
  }

  #submit(plan: PreparedPlan, graph: Graph, targets: readonly Target[]): RunResult {
    plan.takeSlots();
    const leaves = this.#leafBuffers(graph.leaves);
    const bytes = plan.plan.resultSizes.map((size) => size * 4);
    const kept = this.#keptValues(targets, bytes, new Set(leaves));
    const outputs = kept.map((value) => value && this.#storages.bufferOf(value));
    const encoder = this.gpu.createCommandEncoder();
    this.#bindGroups += plan.encode(encoder, leaves, outputs, this.#profiler);
    this.#dispatches += plan.plan.steps.length;
    const results = plan.results(leaves, outputs);
    outputs.forEach((output, i) => {
      if (output && results[i] !== output && bytes[i] > 0) {
        encoder.copyBufferToBuffer(results[i].buffer, 0, output.buffer, 0, bytes[i]);
      }
    });
    const wanted = [...targets.keys()].filter((i) => targets[i].purpose === 'read');
    const sources = wanted.map((i) => ({ buffer: results[i].buffer, bytes: bytes[i] }));
    const read = this.#staging.copyOut(encoder, sources);
    const timed = this.#profiler?.finish(encoder);
    this.gpu.queue.submit([encoder.finish()]);
    const reads = Promise.all([read(), timed?.()]).then(([all]) =>
      all.map((words, i) => fromDeviceBytes(graph.entries[graph.targets[wanted[i]]].dtype, words)),
    );
    return { kept, reads };
  }

  memory(): MemoryUse {
    return this.#pool.memory();
  }

  counters(): Counters {
    return {
      plans: this.#planCount,
      pipelines: this.#pipelines.created,
      buffers: this.#pool.created + this.#staging.created,
      bindGroups: this.#bindGroups,
      dispatches: this.#dispatches,
    };
  }

  /** @internal */
  explain(graph: Graph, options: { readonly wgsl?: boolean }): string {
    return explainPlan(
      this.#makePlan(
        graph,
        graph.targets.map(() => false),
        (choices) => this.#chooser.expect(choices),
      ),
      options,
    );
  }

  /** Times every kernel of what `body` runs, slowest first. Slower than running without: each launch waits for the last. */
  async profile(body: () => Promise<unknown>): Promise<KernelTime[]> {
    const profiler = new Profiler(this.gpu);
    this.#profiler = profiler;
    try {
      await body();
    } finally {
      this.#profiler = undefined;
    }
    return profiler.times();
  }

  async synchronize(): Promise<void> {
    const done = this.gpu.queue.onSubmittedWorkDone();
    this.#onWait?.(done, 0);
    await done;
    this.#errors.throwIfLost();
  }

  destroy(): void {
    this.gpu.destroy();
  }

  #makePlan(graph: Graph, kept: readonly boolean[], choose: (choices: Choices) => string) {
    const maxBuffers = Math.min(this.gpu.limits.maxStorageBuffersPerShaderStage, 10);
    return makePlan(graph, {
      adapter: this.adapterClass,
      switches: this.switches,
      choose,
      maxBuffers,
      kept,
    });
  }

  #planFor(graph: Graph, targets: readonly Target[]): { plan: PreparedPlan; ready: Promise<void> } {
    const kept = targets.map((target) => target.purpose === 'keep');
    // The graph's own string is the key: it is long, and hashed once however often a compiled function replays.
    const siblings = this.#plans.get(graph.key) ?? [];
    const known = siblings.find((plan) => plan.kept.every((keeps, i) => keeps === kept[i]));
    const plan =
      known ??
      new PreparedPlan(
        graph.key,
        kept,
        this.#makePlan(graph, kept, (choices) => this.#chooser.choose(choices)),
        { gpu: this.gpu, slots: this.#slots, pipelines: this.#pipelines, onCompile: this.#onCompile },
      );
    const ready = known ? Promise.resolve() : plan.prepare(this.#errors);
    this.#plans.delete(graph.key);
    this.#plans.set(graph.key, siblings);
    if (known) return { plan, ready };
    this.#planCount++;
    siblings.push(plan);
    for (const [oldest, plans] of this.#plans) {
      if (this.#plans.size <= maxPlans) break;
      for (const old of plans) old.dispose();
      this.#plans.delete(oldest);
    }
    return { plan, ready };
  }

  #forget(plan: PreparedPlan): void {
    const siblings = this.#plans.get(plan.key);
    if (!siblings?.includes(plan)) return;
    siblings.splice(siblings.indexOf(plan), 1);
    if (siblings.length === 0) this.#plans.delete(plan.key);
    plan.dispose();
  }

  /** The leaves' buffers: their values' own on this device, or copies of what lies on the host. */
  #leafBuffers(nodes: readonly Node[]): PooledBuffer[] {
    const uploads = this.#uploads.buffers(nodes);
    return nodes.map((node, i) => {
      const value = presentValue(node);
      const buffer = value.kind === 'device' ? this.#storages.bufferOf(value) : uploads[i];
      if (buffer) return buffer;
      const { shape } = node;
      const deviceName = value.kind === 'device' ? value.storage.deviceName : 'the host';
      const where = deviceName === this.name ? `another device of the name ${deviceName}` : deviceName;
      throw new Error(
        `A tensor of shape [${shape}] lies on ${where}, not on ${deviceName === this.name ? 'this one' : this.name}; ` +
          'read it there (data) and make a tensor of it here.',
      );
    });
  }

  /** Values for the results that stay: one that may be recycled, unless this run reads it; else a new one. */
  #keptValues(
    targets: readonly Target[],
    bytes: readonly number[],
    inputs: ReadonlySet<PooledBuffer>,
  ): (DeviceValue | undefined)[] {
    const made: DeviceValue[] = [];
    try {
      return targets.map(({ purpose, recycle }, i) => {
        if (purpose !== 'keep') return undefined;
        const spare = recycle && this.#storages.bufferOf(recycle);
        if (recycle && spare && !inputs.has(spare)) return recycle;
        const value = this.#storages.create(bytes[i]);
        made.push(value);
        return value;
      });
    } catch (error) {
      for (const { storage } of made) storage.release();
      throw error;
    }
  }
}
