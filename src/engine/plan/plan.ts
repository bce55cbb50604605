/** A graph as a list of kernel launches over numbered buffers: everything about a run but the data. */
import type { AdapterClass, Choices } from '../../kernels/family.ts';
import type { Kernel } from '../../kernels/kernel.ts';
import { formatShape, sizeOf } from '../shape.ts';
import { fuse } from './fuse.ts';
import { elementwiseKernel, epilogueOf, namesOf } from './fused-kernels.ts';
import { absorbTransposes, type Graph } from './graph.ts';
import { groupEntries } from './group.ts';
import { assignSlots } from './memory.ts';
import { foldPartsKernel, plainMapping, reductionKernel, reductionMapping } from './reduction-kernels.ts';
import { schedule } from './schedule.ts';
import type { Switches } from './switches.ts';

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
  readonly switches: Switches;
  /** Picks the variant of a hand-written kernel. */
  readonly choose: (choices: Choices) => string;
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

const notYet = { firstStep: 0, lastStep: 0 };

interface Launch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

export function makePlan(given: Graph, options: PlanOptions): Plan {
  const { switches } = options;
  const graph = switches.transposesInPlace ? absorbTransposes(given) : given;
  const { entries } = graph;
  const fusion = fuse(graph, options.maxBuffers - 1, switches);
  const { stored, base } = fusion;
  const buffers = new Map<number, Buffer>();
  const allBuffers: Buffer[] = [];
  const launches: Launch[] = [];
  const newBuffer = (size: number, place?: Place): Buffer => {
    const buffer = { place, bytes: Math.max(4, size * 4), ...notYet };
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

  for (const group of groupEntries(graph, fusion, options.maxBuffers, switches)) {
    const first = entries[group.members[0]];
    const { lowering } = first.operation;
    const outputs = group.written.map((at) => newBuffer(sizeOf(entries[at].shape), placeOfResult(at)));
    const shapes = group.written.map((at) => formatShape(entries[at].shape)).join(' ');
    /** A launch that leaves every sum of the group in parts, and one that adds them up and does the rest. */
    const launchInParts = (kernel: Kernel, inputs: readonly Buffer[], parts: number, sums: number): void => {
      const partial = Array.from({ length: sums }, () => newBuffer(sizeOf(first.shape) * parts));
      launch(`${kernel.name} -> ${parts} parts of ${formatShape(first.shape)}`, kernel, inputs, partial);
      const fold = foldPartsKernel(graph, group, fusion, parts);
      launch(
        `${fold.kernel.name} -> ${shapes}`,
        fold.kernel,
        [...partial, ...fold.reads.map(bufferOf)],
        outputs,
      );
    };

    if (group.choices) {
      const { choices } = group;
      const variant = options.choose(choices);
      const plain = choices.kernel(variant);
      const inputs = first.inputs.map(bufferOf);
      if (plain.parts !== undefined) {
        launchInParts(plain, inputs, plain.parts, 1);
      } else {
        const { epilogue, reads } = epilogueOf(graph, group, fusion);
        const kernel = choices.kernel(variant, epilogue);
        const followers = group.members.slice(1).map((at) => ` + ${namesOf(graph, at, fusion)}`);
        const from = first.inputShapes.map(formatShape).join(' ');
        const label = `${kernel.name}${followers.join('')} ${from} -> ${shapes}`;
        launch(label, kernel, [...inputs, ...reads.map(bufferOf)], outputs);
      }
    } else if (lowering.kind === 'inline') {
      const { kernel, reads } = elementwiseKernel(graph, group, fusion);
      launch(`${kernel.name} -> ${shapes}`, kernel, reads.map(bufferOf), outputs);
    } else if (lowering.kind === 'reduction') {
      const mapping = switches.parts ? reductionMapping(first, options.adapter) : plainMapping;
      const { kernel, reads } = reductionKernel(graph, group, fusion, mapping);
      const sums = group.members.filter((at) => entries[at].operation.lowering.kind === 'reduction').length;
      if (mapping.parts > 1) launchInParts(kernel, reads.map(bufferOf), mapping.parts, sums);
      else launch(`${kernel.name} -> ${shapes}`, kernel, reads.map(bufferOf), outputs);
    }
    group.written.forEach((at, i) => {
      buffers.set(at, outputs[i]);
    });
  }

  const ordered = switches.schedule ? schedule(launches) : launches;
  ordered.forEach(({ inputs, outputs }, step) => {
    for (const buffer of outputs) buffer.firstStep = step;
    for (const buffer of [...inputs, ...outputs]) buffer.lastStep = step;
  });
  for (const target of graph.targets) bufferOf(target).lastStep = Infinity;
  const byFirstStep = allBuffers.toSorted((a, b) => a.firstStep - b.firstStep);
  const slots = assignSlots(byFirstStep, switches.memoryReuse);
  const placeOf = (buffer: Buffer): Place => buffer.place ?? { kind: 'slot', slot: -1 };
  const elements = (list: readonly Buffer[]) => list.reduce((total, { bytes }) => total + bytes / 4, 0);
  return {
    steps: ordered.map(({ label, kernel, inputs, outputs }) => ({
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
