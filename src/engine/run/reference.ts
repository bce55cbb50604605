/** The reference executor: every operation's plain float64 loop, one after the other. The specification, run. */
import type { Counters, Device, MemoryUse, RunResult, Target } from '../device.ts';
import type { NumberArray } from '../dtype.ts';
import type { Graph } from '../plan/graph.ts';
import { type DeviceStorage, type HostValue, presentValue } from '../tape.ts';

/** Milliseconds of work after which others get a turn: timers, signals, a page that is to be drawn. */
const turn = 100;

/** What was computed before it was asked for. */
interface Ahead {
  readonly key: string;
  readonly inputs: readonly (NumberArray | undefined)[];
  /** Gives the targets' elements, or throws what computing them threw. */
  readonly result: () => NumberArray[];
}

export class ReferenceDevice implements Device {
  readonly kind = 'reference';
  readonly name = 'reference executor (float64, no GPU)';
  #ahead: Ahead | undefined;
  #bytesInUse = 0;
  #peakBytes = 0;
  #kept = 0;
  readonly #collected = new FinalizationRegistry<DeviceStorage>((storage) => storage.release());

  /** @internal */
  run(graph: Graph, targets: readonly Target[]): RunResult {
    const ahead = this.#isAhead(graph) ? this.#ahead : undefined;
    this.#ahead = undefined;
    const arrays = ahead ? ahead.result() : this.values(graph);
    return {
      kept: arrays.map((data, i) => (targets[i].purpose === 'keep' ? this.#keep(data) : undefined)),
      reads: Promise.resolve(arrays.filter((_, i) => targets[i].purpose === 'read')),
    };
  }

  /** @internal Does the work of `run` ahead, which itself cannot wait, with a pause for others now and then. */
  settle(graph: Graph): Promise<void> | undefined {
    if (this.#isAhead(graph) || graph.leaves.some(({ value }) => value?.kind !== 'host')) return undefined;
    const inputs = graph.leaves.map(({ value }) => (value?.kind === 'host' ? value.data : undefined));
    const steps = this.#execute(graph);
    const finish = (result: () => NumberArray[]): true => {
      this.#ahead = { key: graph.key, inputs, result };
      return true;
    };
    /** Works for one turn; true when there is no more to do. */
    const work = (): boolean => {
      const end = performance.now() + turn;
      try {
        while (performance.now() < end) {
          const { done, value } = steps.next();
          if (done) return finish(() => value);
        }
      } catch (error) {
        return finish(() => {
          throw error;
        });
      }
      return false;
    };
    return work() ? undefined : inTurns(work);
  }

  #isAhead(graph: Graph): boolean {
    return (
      this.#ahead?.key === graph.key &&
      graph.leaves.every(({ value }, at) => value?.kind === 'host' && value.data === this.#ahead?.inputs[at])
    );
  }

  /** @internal The targets' elements, at once. */
  values(graph: Graph): NumberArray[] {
    const steps = this.#execute(graph);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The targets' elements, entry by entry; what nothing needs any more is dropped on the way. */
  *#execute(graph: Graph): Generator<undefined, NumberArray[]> {
    const lastUse = graph.entries.map(() => -1);
    graph.entries.forEach((entry, at) => {
      for (const input of entry.inputs) lastUse[input] = at;
    });
    for (const target of graph.targets) lastUse[target] = Infinity;
    const values: (NumberArray | undefined)[] = [];
    for (const [at, entry] of graph.entries.entries()) {
      values[at] = entry.leaf === undefined ? this.#compute(graph, at, values) : leafData(graph, entry.leaf);
      for (const input of entry.inputs) if (lastUse[input] === at) values[input] = undefined;
      yield;
    }
    return graph.targets.map((entry) => values[entry] ?? new Float64Array());
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

async function inTurns(work: () => boolean): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve));
  while (!work());
}

function leafData(graph: Graph, leaf: number): NumberArray {
  const value = presentValue(graph.leaves[leaf]);
  if (value.kind === 'host') return value.data;
  throw new Error(
    `A tensor of shape [${graph.leaves[leaf].shape}] lies on a GPU device; read it there before switching to the reference executor.`,
  );
}
