/** A graph as a list of kernel launches over numbered buffers: everything about a run but the data. */
import type { Kernel } from '../../kernels/kernel.ts';
import { formatShape, sizeOf } from '../shape.ts';
import { fuse } from './fuse.ts';
import {
  elementwiseKernel,
  type FusedKernel,
  foldPartsKernel,
  reductionKernel,
  reductionParts,
} from './fused-kernels.ts';
import { absorbTransposes, type Graph } from './graph.ts';
import type { AdapterClass } from './lowering.ts';
import { assignSlots } from './memory.ts';

/** What a launch reads or writes: an intermediate, a value that goes in, or a result that stays. */
export type Place =
  | { readonly kind: 'slot'; readonly slot: number }
  | { readonly kind: 'leaf'; readonly leaf: number }
  | { readonly kind: 'target'; readonly target: number };

export interface Step {
  /** The kernel's name and the result's shape, for profiles and errors. */
  readonly label: string;
  readonly kernel: Kernel;
  readonly inputs: readonly Place[];
  readonly output: Place;
  /** Elements of the result; in bytes: times 4. */
  readonly outputSize: number;
  /** Elements of each input, in order. */
  readonly inputSizes: readonly number[];
}

export interface Plan {
  readonly steps: readonly Step[];
  /** Bytes of every slot. */
  readonly slots: readonly number[];
  /** Where the elements of each target are when the steps have run. */
  readonly results: readonly Place[];
  readonly resultSizes: readonly number[];
}

export interface PlanOptions {
  readonly adapter: AdapterClass;
  /** Storage buffers that a kernel may bind. */
  readonly maxBuffers: number;
  /** For each target: whether its value stays in a buffer of its own. */
  readonly kept: readonly boolean[];
}

/** A buffer before slots are assigned. */
interface Buffer {
  place?: Place;
  readonly bytes: number;
  firstStep: number;
  lastStep: number;
}

interface Launch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly inputs: readonly Buffer[];
  readonly output: Buffer;
}

export function makePlan(given: Graph, options: PlanOptions): Plan {
  const graph = absorbTransposes(given);
  const { entries } = graph;
  const { stored, base } = fuse(graph, { reads: options.maxBuffers - 1 });
  const buffers: (Buffer | undefined)[] = entries.map(() => undefined);
  const launches: Launch[] = [];
  const isStored = (at: number): boolean => stored[at];
  const bufferOf = (at: number): Buffer => {
    const buffer = buffers[base[at]];
    if (!buffer)
      throw new Error(`The result of ${entries[at].operation.name} was used before it was computed.`);
    return buffer;
  };
  const allBuffers: Buffer[] = [];
  const newBuffer = (size: number): Buffer => {
    const buffer = { bytes: Math.max(4, size * 4), firstStep: launches.length, lastStep: launches.length };
    allBuffers.push(buffer);
    return buffer;
  };
  const launch = (label: string, kernel: Kernel, inputs: readonly Buffer[], output: Buffer): void => {
    for (const buffer of [...inputs, output]) buffer.lastStep = launches.length;
    launches.push({ label, kernel, inputs, output });
  };
  const launchFused = ({ kernel, reads }: FusedKernel, label: string, output: Buffer): void =>
    launch(label, kernel, reads.map(bufferOf), output);

  entries.forEach((entry, at) => {
    if (!stored[at] || base[at] !== at) return;
    const size = sizeOf(entry.shape);
    const buffer = newBuffer(size);
    buffers[at] = buffer;
    if (entry.leaf !== undefined) {
      buffer.place = { kind: 'leaf', leaf: entry.leaf };
      return;
    }
    const target = graph.targets.indexOf(at);
    if (target >= 0 && options.kept[target]) buffer.place = { kind: 'target', target };
    if (size === 0) return;
    const { lowering } = entry.operation;
    const label = (kernel: Kernel) => `${kernel.name} -> ${formatShape(entry.shape)}`;
    if (lowering.kind === 'inline') {
      const made = elementwiseKernel(graph, at, isStored);
      launchFused(made, label(made.kernel), buffer);
    } else if (lowering.kind === 'reduction') {
      const parts = reductionParts(entry, options.adapter);
      const made = reductionKernel(graph, at, isStored, parts);
      if (parts === 1) {
        launchFused(made, label(made.kernel), buffer);
      } else {
        const partial = newBuffer(size * parts);
        launchFused(made, `${made.kernel.name} -> ${parts} parts of ${formatShape(entry.shape)}`, partial);
        const fold = foldPartsKernel(entry, parts);
        launch(
          `${entry.operation.name} of ${parts} parts -> ${formatShape(entry.shape)}`,
          fold.kernel,
          [partial],
          buffer,
        );
      }
    } else if (lowering.kind === 'kernel') {
      const made = lowering.kernel(entry, options.adapter);
      const inputs = entry.inputs.map(bufferOf);
      const shapes = entry.inputShapes.map(formatShape).join(' ');
      if ('first' in made) {
        const scratch = newBuffer(made.scratch);
        launch(`${made.first.name} ${shapes} -> parts`, made.first, inputs, scratch);
        launch(label(made.second), made.second, [scratch], buffer);
      } else {
        launch(`${made.name} ${shapes} -> ${formatShape(entry.shape)}`, made, inputs, buffer);
      }
    }
  });

  for (const target of graph.targets) bufferOf(target).lastStep = Infinity;
  const slots = assignSlots(allBuffers);
  const placeOf = (buffer: Buffer): Place => buffer.place ?? { kind: 'slot', slot: -1 };
  return {
    steps: launches.map(({ label, kernel, inputs, output }) => ({
      label,
      kernel,
      inputs: inputs.map(placeOf),
      output: placeOf(output),
      inputSizes: inputs.map((input) => input.bytes / 4),
      outputSize: output.bytes / 4,
    })),
    slots,
    results: graph.targets.map((target) => placeOf(bufferOf(target))),
    resultSizes: graph.targets.map((target) => sizeOf(entries[target].shape)),
  };
}
