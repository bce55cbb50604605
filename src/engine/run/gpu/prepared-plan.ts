/** A plan with its pipelines, uniforms and bind groups: what is left for a run is to encode it. */
import type { Place, Plan, Step } from '../../plan/plan.ts';
import type { ErrorGuard } from './errors.ts';
import type { PipelineCache } from './pipelines.ts';
import type { PooledBuffer } from './pool.ts';
import type { Profiler } from './profiler.ts';
import type { Slots } from './slots.ts';

/** Offsets of uniforms in their common buffer. */
const uniformAlignment = 256;

interface PreparedStep {
  readonly step: Step;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly workgroups: readonly [number, number, number];
  readonly uniformOffset: number;
  /** Bind groups by the identities of the buffers. */
  readonly bindGroups: Map<string, GPUBindGroup>;
}

/** Bind groups kept per step: states swap between two buffers, a few of them at different times. */
const maxBindGroups = 32;

/** Choices of buffers kept per plan. */
const maxBindings = 32;

/** A choice of buffers for the leaves and targets of a plan, and the bind groups that it takes. */
interface Binding {
  readonly buffers: readonly (PooledBuffer | undefined)[];
  readonly groups: readonly GPUBindGroup[];
}

/** What a plan is prepared with. */
interface Means {
  readonly gpu: GPUDevice;
  readonly slots: Slots;
  readonly pipelines: PipelineCache;
  readonly onCompile?: (done: number, total: number) => void;
}

export class PreparedPlan {
  /** The graph's key. */
  readonly key: string;
  /** For each target whether its value stays in a buffer of its own. */
  readonly kept: readonly boolean[];
  readonly plan: Plan;
  readonly #gpu: GPUDevice;
  readonly #slots: Slots;
  readonly #pipelines: PipelineCache;
  readonly #onCompile: Means['onCompile'];
  /** The sizes of the plan's slots, the largest first, and for each slot which of them is its. */
  readonly #slotSizes: readonly number[];
  readonly #slotRanks: readonly number[];
  #slotBuffers: readonly PooledBuffer[] = [];
  #uniforms: GPUBuffer | undefined;
  #steps: readonly PreparedStep[] = [];
  readonly #bindings: Binding[] = [];
  #bindGroupsMade = 0;

  constructor(
    key: string,
    kept: readonly boolean[],
    plan: Plan,
    { gpu, slots, pipelines, onCompile }: Means,
  ) {
    this.key = key;
    this.kept = kept;
    this.plan = plan;
    this.#gpu = gpu;
    this.#slots = slots;
    const bySize = [...plan.slots.keys()].sort((a, b) => plan.slots[b] - plan.slots[a]);
    this.#slotSizes = bySize.map((slot) => plan.slots[slot]);
    this.#slotRanks = plan.slots.map((_, slot) => bySize.indexOf(slot));
    this.#pipelines = pipelines;
    this.#onCompile = onCompile;
  }

  /** Compiles what is new. Resolves when the device has accepted all of it. */
  prepare(errors: ErrorGuard): Promise<void> {
    const checks: Promise<void>[] = [];
    const watched = <T>(what: string, work: () => T): T => {
      const { result, accepted } = errors.watch(() => what, work);
      checks.push(accepted);
      return result;
    };
    const { steps } = this.plan;
    const words = steps.map(({ kernel }) => paddedWords(kernel.uniforms));
    this.#uniforms = watched('writing uniforms', () => this.#writeUniforms(words));
    const compiled = this.#pipelines.created;
    const news = this.#pipelines.missing(steps.map(({ kernel }) => kernel));
    let offset = 0;
    this.#steps = steps.map((step, i) => {
      const { kernel, inputs, outputs } = step;
      if (news > 0) this.#onCompile?.(this.#pipelines.created - compiled, news);
      const prepared = watched(`the kernel ${step.label}`, () => ({
        step,
        pipeline: this.#pipelines.pipeline(kernel, inputs.length, outputs.length),
        layout: this.#pipelines.layout(inputs.length, outputs.length, kernel.uniforms.length > 0),
        uniformOffset: offset,
        workgroups: kernel.workgroups,
        bindGroups: new Map<string, GPUBindGroup>(),
      }));
      this.#pipelines.hold(kernel);
      checks[checks.length - 1].catch(() => this.#pipelines.forget(kernel));
      offset += words[i].byteLength;
      return prepared;
    });
    if (news > 0) this.#onCompile?.(news, news);
    return Promise.all(checks).then(() => {});
  }

  /** Takes memory for intermediates, before each run. Throws where the device cannot bind so much. */
  takeSlots(): void {
    const slots = this.#slots.fit(this.#slotSizes, largest(this.plan));
    if (slots === this.#slotBuffers) return;
    if (this.#slotSizes.some((_, i) => slots[i] !== this.#slotBuffers[i])) this.#bindings.length = 0;
    this.#slotBuffers = slots;
  }

  /** Encodes every step, into one pass unless each is to be timed; returns the number of bind groups that had to be made. */
  encode(
    encoder: GPUCommandEncoder,
    leaves: readonly PooledBuffer[],
    targets: readonly (PooledBuffer | undefined)[],
    profiler?: Profiler,
  ): number {
    if (this.#steps.length === 0) return 0;
    const before = this.#bindGroupsMade;
    const groups = this.#bindGroupsFor(leaves, targets);
    if (profiler) this.#encodeTimed(encoder, groups, profiler);
    else this.#encodePass(encoder, groups);
    return this.#bindGroupsMade - before;
  }

  #encodePass(encoder: GPUCommandEncoder, groups: readonly GPUBindGroup[]): void {
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    // Plain counting and plain arguments: this loop is most of the host's work in a replay.
    for (let i = 0; i < groups.length; i++) {
      const { pipeline, workgroups } = this.#steps[i];
      if (pipeline !== current) pass.setPipeline(pipeline);
      current = pipeline;
      pass.setBindGroup(0, groups[i]);
      pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    }
    pass.end();
  }

  #encodeTimed(encoder: GPUCommandEncoder, groups: readonly GPUBindGroup[], profiler: Profiler): void {
    this.#steps.forEach(({ step, pipeline, workgroups }, i) => {
      const pass = encoder.beginComputePass(profiler.next(step.label, step.kernel.flops));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[i]);
      pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
  }

  /** A bind group per step. Those of the last few choices of buffers are kept: states swap between two. */
  #bindGroupsFor(
    leaves: readonly PooledBuffer[],
    targets: readonly (PooledBuffer | undefined)[],
  ): readonly GPUBindGroup[] {
    const isOf = ({ buffers }: Binding): boolean => {
      for (let i = 0; i < leaves.length; i++) if (buffers[i] !== leaves[i]) return false;
      for (let i = 0; i < targets.length; i++) if (buffers[leaves.length + i] !== targets[i]) return false;
      return true;
    };
    const known = this.#bindings.find(isOf);
    if (known) return known.groups;
    const groups = this.#steps.map((prepared) => this.#bindGroupFor(prepared, leaves, targets));
    if (this.#bindings.length >= maxBindings) this.#bindings.length = 0;
    this.#bindings.push({ buffers: [...leaves, ...targets], groups });
    return groups;
  }

  #bindGroupFor(
    prepared: PreparedStep,
    leaves: readonly PooledBuffer[],
    targets: readonly (PooledBuffer | undefined)[],
  ): GPUBindGroup {
    const { step, bindGroups } = prepared;
    const buffers = [...step.inputs, ...step.outputs].map((place) => this.#at(place, leaves, targets));
    const key = buffers.map(({ id }) => id).join();
    let group = bindGroups.get(key);
    if (!group) {
      group = this.#bindGroup(prepared, buffers);
      this.#bindGroupsMade++;
      if (bindGroups.size >= maxBindGroups) bindGroups.clear();
      bindGroups.set(key, group);
    }
    return group;
  }

  /** The buffers that hold the targets after a run. */
  results(leaves: readonly PooledBuffer[], targets: readonly (PooledBuffer | undefined)[]): PooledBuffer[] {
    return this.plan.results.map((place) => this.#at(place, leaves, targets));
  }

  dispose(): void {
    this.#uniforms?.destroy();
    for (const { step } of this.#steps) this.#pipelines.release(step.kernel);
  }

  #at(
    place: Place,
    leaves: readonly PooledBuffer[],
    targets: readonly (PooledBuffer | undefined)[],
  ): PooledBuffer {
    if (place.kind === 'slot') return this.#slotBuffers[this.#slotRanks[place.slot]];
    if (place.kind === 'leaf') return leaves[place.leaf];
    const target = targets[place.target];
    if (!target) throw new Error('A result was to stay on the device, but no buffer was given for it.');
    return target;
  }

  #bindGroup({ step, layout, uniformOffset }: PreparedStep, buffers: readonly PooledBuffer[]): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = buffers.map(({ buffer }, binding) => ({
      binding,
      resource: { buffer },
    }));
    if (this.#uniforms && step.kernel.uniforms.length > 0) {
      const size = Math.ceil(step.kernel.uniforms.length / 4) * 16;
      entries.push({
        binding: buffers.length,
        resource: { buffer: this.#uniforms, offset: uniformOffset, size },
      });
    }
    return this.#gpu.createBindGroup({ label: step.label, layout, entries });
  }

  #writeUniforms(words: readonly Uint32Array<ArrayBuffer>[]): GPUBuffer | undefined {
    const size = words.reduce((total, part) => total + part.byteLength, 0);
    if (size === 0) return undefined;
    const buffer = this.#gpu.createBuffer({
      label: 'uniforms',
      size,
      usage: GPUBufferUsage.UNIFORM,
      mappedAtCreation: true,
    });
    const mapped = new Uint32Array(buffer.getMappedRange());
    let at = 0;
    for (const part of words) {
      mapped.set(part, at);
      at += part.length;
    }
    buffer.unmap();
    return buffer;
  }
}

function paddedWords(words: readonly number[]): Uint32Array<ArrayBuffer> {
  const padded = new Uint32Array((Math.ceil((words.length * 4) / uniformAlignment) * uniformAlignment) / 4);
  padded.set(words);
  return padded;
}

/** The step with the largest output, to name in a message about memory. */
function largest({ steps }: Plan): string {
  if (steps.length === 0) return 'A plan';
  return steps.reduce((most, step) => (step.elements > most.elements ? step : most)).label;
}
