/** GPU time per kernel, from timestamp queries: while it is on, every dispatch runs in a pass of its own. */

export interface KernelTime {
  /** Kernel and shapes. */
  readonly label: string;
  readonly launches: number;
  /** GPU time of all launches together. */
  readonly milliseconds: number;
  readonly flops: number;
}

/** Timestamps in a query set at a time; a plan with more launches leaves the rest untimed. */
const maxQueries = 4096;

/** @internal */
export class Profiler {
  readonly #gpu: GPUDevice;
  readonly #totals = new Map<string, { launches: number; nanoseconds: number; flops: number }>();
  #labels: { label: string; flops: number }[] = [];
  #queries: GPUQuerySet | undefined;

  constructor(gpu: GPUDevice) {
    if (!gpu.features.has('timestamp-query')) {
      throw new Error('Profiling needs timestamp queries, which this adapter does not have.');
    }
    this.#gpu = gpu;
  }

  /** The pass descriptor of the next launch. */
  next(label: string, flops: number): GPUComputePassDescriptor {
    this.#queries ??= this.#gpu.createQuerySet({ type: 'timestamp', count: maxQueries });
    const at = this.#labels.length * 2;
    if (at + 2 > maxQueries) return {};
    this.#labels.push({ label, flops });
    const querySet = this.#queries;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } };
  }

  /** Encodes the end of a run; the function returned adds up its times once it is submitted. */
  finish(encoder: GPUCommandEncoder): () => Promise<void> {
    const [labels, queries] = [this.#labels, this.#queries];
    this.#labels = [];
    this.#queries = undefined;
    if (!queries || labels.length === 0) return async () => {};
    const size = labels.length * 16;
    const resolved = this.#gpu.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const mapped = this.#gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.resolveQuerySet(queries, 0, labels.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
    return async () => {
      try {
        await mapped.mapAsync(GPUMapMode.READ);
        const times = new BigUint64Array(mapped.getMappedRange());
        labels.forEach(({ label, flops }, i) => {
          const total = this.#totals.get(label) ?? { launches: 0, nanoseconds: 0, flops: 0 };
          total.launches++;
          total.nanoseconds += Number(times[2 * i + 1] - times[2 * i]);
          total.flops += flops;
          this.#totals.set(label, total);
        });
      } finally {
        for (const resource of [mapped, resolved, queries]) resource.destroy();
      }
    };
  }

  /** Kernels by time, the slowest first. */
  times(): KernelTime[] {
    return [...this.#totals]
      .map(([label, { launches, nanoseconds, flops }]) => ({
        label,
        launches,
        flops,
        milliseconds: nanoseconds / 1e6,
      }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
