/** A graph as a list of kernel launches over numbered buffers: everything about a run but the data. */
import type { AdapterClass } from '../../kernels/family.ts';
import type { Kernel } from '../../kernels/kernel.ts';
import { formatShape, sizeOf } from '../shape.ts';
import { fuse } from './fuse.ts';
import { elementwiseKernel } from './fused-kernels.ts';
import { absorbTransposes, type Graph } from './graph.ts';
import { groupEntries } from './group.ts';
import { assignSlots } from './memory.ts';
import { foldPartsKernel, reductionKernel, reductionParts } from './reduction-kernels.ts';

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
  readonly outputs: readonly Place[];
  /** Elements read and written; in bytes: times 4. */
  readonly elements: number;
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
  readonly outputs: readonly Buffer[];
}

export function makePlan(given: Graph, options: PlanOptions): Plan {
  const graph = absorbTransposes(given);
  const { entries } = graph;
  const fusion = fuse(graph, options.maxBuffers - 1);
  const { stored, base } = fusion;
  const buffers = new Map<number, Buffer>();
  const allBuffers: Buffer[] = [];
  const launches: Launch[] = [];
  const newBuffer = (size: number, place?: Place): Buffer => {
    const buffer = {
      place,
      bytes: Math.max(4, size * 4),
      firstStep: launches.length,
      lastStep: launches.length,
    };
    allBuffers.push(buffer);
    return buffer;
  };
  const bufferOf = (at: number): Buffer => {
    const buffer = buffers.get(base[at]);
    if (!buffer)
      throw new Error(`The result of ${entries[at].operation.name} was used before it was computed.`);
    return buffer;
  };
  const launch = (
    label: string,
    kernel: Kernel,
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
  ): void => {
    for (const buffer of [...inputs, ...outputs]) buffer.lastStep = launches.length;
    launches.push({ label, kernel, inputs, outputs });
  };

  const kept = new Map<number, number>();
  graph.targets.forEach((at, target) => {
    if (options.kept[target] && !kept.has(at)) kept.set(at, target);
  });
  const placeOfResult = (at: number): Place | undefined => {
    const target = kept.get(at);
    return target === undefined ? undefined : { kind: 'target', target };
  };
  entries.forEach(({ leaf, shape }, at) => {
    if (!stored[at] || base[at] !== at) return;
    if (leaf !== undefined) buffers.set(at, newBuffer(sizeOf(shape), { kind: 'leaf', leaf }));
    else if (sizeOf(shape) === 0) buffers.set(at, newBuffer(0, placeOfResult(at)));
  });

  for (const group of groupEntries(graph, fusion, options.maxBuffers)) {
    const [first] = group.map((at) => entries[at]);
    const { lowering } = first.operation;
    const outputs = group.map((at) => newBuffer(sizeOf(entries[at].shape), placeOfResult(at)));
    const shapes = group.map((at) => formatShape(entries[at].shape)).join(' ');
    if (lowering.kind === 'kernel') {
      const choices = lowering.choices(first);
      const kernel = choices.kernel(choices.preferred(options.adapter));
      const from = first.inputShapes.map(formatShape).join(' ');
      launch(`${kernel.name} ${from} -> ${shapes}`, kernel, first.inputs.map(bufferOf), outputs);
    } else if (lowering.kind === 'inline') {
      const { kernel, reads } = elementwiseKernel(graph, group, fusion);
      launch(`${kernel.name} -> ${shapes}`, kernel, reads.map(bufferOf), outputs);
    } else if (lowering.kind === 'reduction') {
      const parts = reductionParts(first, options.adapter);
      const { kernel, reads } = reductionKernel(graph, group, fusion, parts);
      const inputs = reads.map(bufferOf);
      if (parts === 1) {
        launch(`${kernel.name} -> ${shapes}`, kernel, inputs, outputs);
      } else {
        const partial = outputs.map((output) => newBuffer((output.bytes / 4) * parts));
        launch(`${kernel.name} -> ${parts} parts of ${shapes}`, kernel, inputs, partial);
        launch(
          `fold ${parts} parts -> ${shapes}`,
          foldPartsKernel(graph, group, parts).kernel,
          partial,
          outputs,
        );
      }
    }
    group.forEach((at, i) => {
      buffers.set(at, outputs[i]);
    });
  }

  for (const target of graph.targets) bufferOf(target).lastStep = Infinity;
  const slots = assignSlots(allBuffers);
  const placeOf = (buffer: Buffer): Place => buffer.place ?? { kind: 'slot', slot: -1 };
  const elements = (list: readonly Buffer[]) => list.reduce((total, { bytes }) => total + bytes / 4, 0);
  return {
    steps: launches.map(({ label, kernel, inputs, outputs }) => ({
      label,
      kernel,
      inputs: inputs.map(placeOf),
      outputs: outputs.map(placeOf),
      elements: elements(inputs) + elements(outputs),
    })),
    slots,
    results: graph.targets.map((target) => placeOf(bufferOf(target))),
    resultSizes: graph.targets.map((target) => sizeOf(entries[target].shape)),
  };
}
