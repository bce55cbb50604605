/** The reference executor: every operation's plain float64 loop, one after the other. The specification, run. */
import type { Counters, Device, MemoryUse, RunResult, Target } from '../device.ts';
import type { NumberArray } from '../dtype.ts';
import type { Graph } from '../plan/graph.ts';
import { type DeviceStorage, type HostValue, presentValue } from '../tape.ts';

export class ReferenceDevice implements Device {
  readonly kind = 'reference';
  readonly name = 'reference executor (float64, no GPU)';

  #bytesInUse = 0;
  #peakBytes = 0;
  #kept = 0;
  readonly #collected = new FinalizationRegistry<DeviceStorage>((storage) => storage.release());

  /** @internal */
  run(graph: Graph, targets: readonly Target[]): RunResult {
    const arrays = this.values(graph);
    return {
      kept: arrays.map((data, i) => (targets[i].purpose === 'keep' ? this.#keep(data) : undefined)),
      reads: Promise.resolve(arrays.filter((_, i) => targets[i].purpose === 'read')),
    };
  }

  /** @internal The targets' elements, at once. */
  values(graph: Graph): NumberArray[] {
    const values = this.#execute(graph);
    return graph.targets.map((entry) => values[entry] ?? new Float64Array());
  }

  /** Values by entry; those that nothing needs any more are dropped on the way. */
  #execute(graph: Graph): (NumberArray | undefined)[] {
    const lastUse = graph.entries.map(() => -1);
    graph.entries.forEach((entry, at) => {
      for (const input of entry.inputs) lastUse[input] = at;
    });
    for (const target of graph.targets) lastUse[target] = Infinity;
    const values: (NumberArray | undefined)[] = [];
    graph.entries.forEach((entry, at) => {
      values[at] = entry.leaf === undefined ? this.#compute(graph, at, values) : leafData(graph, entry.leaf);
      for (const input of entry.inputs) if (lastUse[input] === at) values[input] = undefined;
    });
    return values;
  }

  /** A value that stays, counted until it is released or collected. */
  #keep(data: NumberArray): HostValue {
    const bytes = data.byteLength;
    this.#bytesInUse += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytesInUse);
    this.#kept++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#bytesInUse -= bytes;
      this.#kept--;
    };
    const storage = { deviceName: this.name, bytes, release };
    const value: HostValue = { kind: 'host', data, copies: [storage] };
    this.#collected.register(value, storage);
    return value;
  }

  #compute(graph: Graph, at: number, values: readonly (NumberArray | undefined)[]): NumberArray {
    const entry = graph.entries[at];
    return entry.operation.reference(
      entry.inputs.map((input) => values[input] ?? new Float64Array()),
      entry,
    );
  }

  /** @internal */
  explain(graph: Graph): string {
    return graph.entries.map((entry, at) => `${at}  ${entry.operation.key} [${entry.shape}]`).join('\n');
  }

  /** @internal */
  settle(): undefined {}

  variants(): ReadonlyMap<string, string> {
    return new Map();
  }

  /** The values that were kept (by `run`, or by an assignment): what stays of a run. */
  memory(): MemoryUse {
    const bytesInUse = this.#bytesInUse;
    return { bytesInUse, peakBytes: this.#peakBytes, bytesReserved: bytesInUse, buffers: this.#kept };
  }

  counters(): Counters {
    return { plans: 0, pipelines: 0, buffers: 0, bindGroups: 0, dispatches: 0 };
  }

  async synchronize(): Promise<void> {}

  destroy(): void {}
}

function leafData(graph: Graph, leaf: number): NumberArray {
  const value = presentValue(graph.leaves[leaf]);
  if (value.kind === 'host') return value.data;
  throw new Error(
    `A tensor of shape [${graph.leaves[leaf].shape}] lies on a GPU device; read it there before switching to the reference executor.`,
  );
}
