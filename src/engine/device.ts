/** What can run a graph, and which of them is in use. */
import { checkFunction, refuse } from './arguments.ts';
import { requestBrowserDevice } from './browser.ts';
import type { NumberArray } from './dtype.ts';
import type { Graph } from './plan/graph.ts';
import type { DeviceValue, Value } from './tape.ts';

/** @internal What is wanted of one target of a graph. */
export interface Target {
  /** 'read': its elements on the host; 'keep': a value that stays where the device keeps values; 'none': it is there. */
  readonly purpose: 'read' | 'keep' | 'none';
  /** A value no longer needed, which may become the result: it is then what `kept` holds. */
  readonly recycle?: DeviceValue;
}

/** @internal */
export interface RunResult {
  /** For every 'keep' target its value, known at once: later work on the device comes after. */
  readonly kept: readonly (Value | undefined)[];
  /** The elements of the 'read' targets, in their order. Rejects if the device reports an error. */
  readonly reads: Promise<NumberArray[]>;
}

/** Memory of a device, in bytes. */
export interface MemoryUse {
  readonly bytesInUse: number;
  /** The most that bytesInUse has been. */
  readonly peakBytes: number;
  /** Allocated in all, with what waits for reuse. */
  readonly bytesReserved: number;
  /** Buffers that exist. */
  readonly buffers: number;
}

/** How often something had to be made anew: flat once a training step has settled. */
export interface Counters {
  readonly plans: number;
  readonly pipelines: number;
  readonly buffers: number;
  readonly bindGroups: number;
  readonly dispatches: number;
}

export interface Device {
  readonly kind: 'gpu' | 'reference';
  /** For people: the adapter's name. */
  readonly name: string;
  /**
   * @internal
   * To be called before `run`: what has to be waited for first, if anything, as the device may have kernels to choose
   * between by measuring them, or work that takes so long that others should get a turn meanwhile. After waiting, call
   * it again: the graph may be another by then.
   */
  settle(graph: Graph): Promise<void> | undefined;
  /** Which kernels were chosen, by what they were chosen for. Empty where there was no choice. */
  variants(): ReadonlyMap<string, string>;
  /** @internal */
  run(graph: Graph, targets: readonly Target[]): RunResult;
  memory(): MemoryUse;
  counters(): Counters;
  /** @internal The plan for a graph as text, with the kernels' WGSL if asked for. */
  explain(graph: Graph, options: { readonly wgsl?: boolean }): string;
  /** Resolves when all work handed over so far is done; rejects with what went wrong. */
  synchronize(): Promise<void>;
  destroy(): void;
}

/** Finds the device that is used when none was set. The Node entry replaces this. */
let findDevice = (): Promise<Device> => requestBrowserDevice();
let current: Promise<Device> | undefined;

/**
 * Sets how a device is found where none was set or found yet: for a page that wants another than `requestBrowserDevice`
 * gives, and for the Node entry.
 */
export function setDeviceProvider(provider: () => Promise<Device>): void {
  checkFunction('setDeviceProvider', 'provider', provider);
  findDevice = provider;
}

/** The device in use: the one set, else the best that is found, once. After a failure the next call tries anew. */
export function currentDevice(): Promise<Device> {
  if (current) return current;
  const found = findDevice();
  current = found;
  found.catch(() => {
    if (current === found) current = undefined;
  });
  return found;
}

/** Makes all later evaluations run on `device`. Values that lie on another device must be read first. */
export function setDevice(device: Device): void {
  if (typeof device?.run !== 'function') refuse('setDevice', 'device', device, 'a device');
  current = Promise.resolve(device);
}

/** Memory of the device in use. */
export async function memory(): Promise<MemoryUse> {
  return (await currentDevice()).memory();
}
