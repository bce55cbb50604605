/** The WebGPU executor: keeps plans by structure, and runs one as a single pass of prepared dispatches. */
import type { AdapterClass, Choices } from '../../../kernels/family.ts';
import type { Counters, Device, MemoryUse, RunResult, Target } from '../../device.ts';
import { fromDeviceBytes, type NumberArray, toDeviceWords } from '../../dtype.ts';
import { explainPlan } from '../../plan/explain.ts';
import type { Graph } from '../../plan/graph.ts';
import { ownKernels } from '../../plan/own-kernels.ts';
import { makePlan } from '../../plan/plan.ts';
import { allOn, type Switches } from '../../plan/switches.ts';
import type { DeviceStorage, DeviceValue, Node } from '../../tape.ts';
import type { WebGpuDevice } from '../../web-gpu.ts';
import { describe, ErrorGuard } from './errors.ts';
import { GpuStopwatch } from './gpu-stopwatch.ts';
import { PipelineCache } from './pipelines.ts';
import { BufferPool, type PooledBuffer } from './pool.ts';
import { PreparedPlan } from './prepared-plan.ts';
import { type KernelTime, Profiler } from './profiler.ts';
import { Staging } from './staging.ts';
import { VariantChooser, type VariantOptions, type VariantsByKey } from './variants.ts';

export interface GpuDeviceOptions extends VariantOptions {
  readonly name: string;
  readonly adapterClass: AdapterClass;
  /** Told how many of a plan's new kernels are compiled, from 0 on: the first step of a large model takes seconds. */
  readonly onCompile?: (done: number, total: number) => void;
  /** Told of what is waited for: that many launches. */
  readonly onWait?: (work: Promise<unknown>, launches: number) => void;
  /** @internal For measuring what the planner gains: what is turned off. */
  readonly switches?: Partial<Switches>;
}

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
  readonly #pipelines: PipelineCache;
  readonly #staging: Staging;
  readonly #onCompile: GpuDeviceOptions['onCompile'];
  readonly #onWait: GpuDeviceOptions['onWait'];
  readonly #chooser: VariantChooser;
  readonly #plans = new Map<string, PreparedPlan[]>();
  readonly #collected = new FinalizationRegistry<DeviceStorage>((storage) => storage.release());
  #profiler: Profiler | undefined;
  #planCount = 0;
  #bindGroups = 0;
  #dispatches = 0;

  /** @internal `createGpuDevice` makes one. */
  constructor(gpu: GPUDevice, options: GpuDeviceOptions) {
    this.gpu = gpu;
    this.name = options.name;
    this.adapterClass = options.adapterClass;
    this.switches = { ...allOn, ...options.switches };
    this.#errors = new ErrorGuard(gpu);
    this.#pool = new BufferPool(gpu);
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
    const finished = this.#errors.open(() => `running ${plan.plan.steps.length} kernels`);
    let kept: (DeviceValue | undefined)[];
    let reads: Promise<NumberArray[]>;
    try {
      const leaves = graph.leaves.map((node, leaf) => this.#leafBuffer(plan, node, leaf));
      const inputs = new Set(leaves);
      const bytes = plan.plan.resultSizes.map((size) => size * 4);
      kept = targets.map((target, i) =>
        target.purpose === 'keep' ? this.#valueFor(target, bytes[i], inputs) : undefined,
      );
      const outputs = kept.map((value) => value && this.#ownBuffer(value));
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
      reads = Promise.all([read(), timed?.()]).then(([all]) =>
        all.map((words, i) => fromDeviceBytes(graph.entries[graph.targets[wanted[i]]].dtype, words)),
      );
    } catch (error) {
      this.#errors.close(finished).catch(() => {});
      throw error;
    }
    // What preparing reports comes first: it names the kernel that running then stumbles over.
    const closed = this.#errors.close(finished);
    closed.catch(() => {});
    const checked = ready.then(() => closed);
    checked.catch(() => this.#forget(plan));
    const read = checked.then(
      () => reads.catch((error: unknown) => Promise.reject(this.#errors.explain(error))),
      (error: unknown) => {
        reads.catch(() => {});
        throw this.#errors.explain(error);
      },
    );
    this.#onWait?.(read, plan.plan.steps.length);
    return { kept, reads: read };
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
    this.#plans.delete(graph.key);
    this.#plans.set(graph.key, siblings);
    const known = siblings.find((plan) => plan.kept.every((keeps, i) => keeps === kept[i]));
    if (known) return { plan: known, ready: Promise.resolve() };
    const made = this.#makePlan(graph, kept, (choices) => this.#chooser.choose(choices));
    const plan = new PreparedPlan(graph.key, kept, made, {
      gpu: this.gpu,
      pool: this.#pool,
      pipelines: this.#pipelines,
      onCompile: this.#onCompile,
    });
    const ready = plan.prepare(this.#errors);
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
    if (siblings?.includes(plan)) siblings.splice(siblings.indexOf(plan), 1);
  }

  /** A leaf's buffer: its own on this device, or the plan's, filled from the host when another value comes. */
  #leafBuffer(plan: PreparedPlan, node: Node, leaf: number): PooledBuffer {
    const { value } = node;
    if (value?.kind === 'device') {
      const own = this.#ownBuffer(value);
      if (own) {
        plan.dropUpload(leaf);
        return own;
      }
      throw new Error(
        `A tensor of shape [${node.shape}] lies on ${value.storage.deviceName}, not on ${this.name}; ` +
          'read it there (data) and make a tensor of it here.',
      );
    }
    if (value?.kind !== 'host')
      throw new Error(`A tensor of shape [${node.shape}] has no value to run with.`);
    return plan.upload(leaf, node, () => toDeviceWords(node.dtype, value.data), describe(node));
  }

  /** The value for a result: the one that may be recycled, unless this run reads it; else a new one. */
  #valueFor({ recycle }: Target, bytes: number, inputs: ReadonlySet<PooledBuffer>): DeviceValue {
    const spare = recycle && this.#ownBuffer(recycle);
    if (recycle && spare && !inputs.has(spare)) return recycle;
    const storage = new GpuStorage(this, this.#pool.acquire(bytes, 'A result'), bytes, this.#pool);
    const value: DeviceValue = { kind: 'device', storage };
    this.#collected.register(value, storage);
    return value;
  }

  /** The buffer of a value that lies on this device. */
  #ownBuffer({ storage }: DeviceValue): PooledBuffer | undefined {
    return storage instanceof GpuStorage && storage.owner === this ? storage.pooled : undefined;
  }
}

class GpuStorage implements DeviceStorage {
  readonly owner: GpuDevice;
  readonly pooled: PooledBuffer;
  readonly bytes: number;
  readonly #pool: BufferPool;
  #released = false;

  constructor(owner: GpuDevice, pooled: PooledBuffer, bytes: number, pool: BufferPool) {
    this.owner = owner;
    this.pooled = pooled;
    this.bytes = bytes;
    this.#pool = pool;
  }

  get deviceName(): string {
    return this.owner.name;
  }

  release(): void {
    if (!this.#released) this.#pool.release(this.pooled);
    this.#released = true;
  }
}
