/**
 * Decides which entries of a graph get a buffer. The others melt into the kernels that consume them: element-wise and
 * moving operations into element-wise kernels and into the reductions that fold them.
 */
import { sizeOf } from '../shape.ts';
import type { Graph, GraphEntry } from './graph.ts';
import type { Switches } from './switches.ts';

/** Entries in one kernel: bounds the text, and the depth of the recursion that writes it. */
const maxNodes = 64;

/** An expression that costs at most this much (in multiplications) is repeated by each consumer rather than stored. */
const cheap = { cost: 4, reads: 3, nodes: 8 };

/** Repeating an expression over an expanded dim is worth a buffer once it costs this much. */
const expandCost = 3;

/**
 * What a kernel reads from buffers: for each buffer (by its base entry) whether only at the very position that the
 * kernel's thread computes.
 */
export type Reads = ReadonlyMap<number, boolean>;

export interface Fusion {
  /** True for entries whose elements lie in a buffer. */
  readonly stored: readonly boolean[];
  /** For a stored entry, the entry whose buffer it shares (itself, unless it is only another shape of it). */
  readonly base: readonly number[];
  /** For a stored entry with a kernel of its own, what that reads. */
  readonly reads: readonly Reads[];
  /** For the same, how many operations melt into that kernel. */
  readonly nodes: readonly number[];
}

/** An entry as part of the kernel that holds it. */
interface Part {
  readonly cost: number;
  readonly nodes: number;
  readonly reads: Reads;
}

const nothing: Part = { cost: 0, nodes: 0, reads: new Map() };

/** `maxReads`: buffers that one kernel may read. */
export function fuse(graph: Graph, maxReads: number, { recomputation }: Switches): Fusion {
  const { entries } = graph;
  const consumers = countConsumers(graph);
  const wanted = new Set(graph.targets);
  const stored = entries.map(() => false);
  const base = entries.map((_, at) => at);
  const parts: Part[] = entries.map(() => nothing);
  let changed = true;

  const store = (at: number): void => {
    if (!stored[at]) changed = true;
    stored[at] = true;
  };
  const partOf = (input: number): Part =>
    stored[input] ? { cost: 0, nodes: 0, reads: new Map([[base[input], true]]) } : parts[input];

  /** The union of an entry's inputs, storing the largest until one kernel can hold them. */
  const gather = (entry: GraphEntry, ownCost: number, aligned: boolean): Part => {
    for (;;) {
      const inputs = entry.inputs.map(partOf);
      const reads = unionOf(inputs, aligned);
      const nodes = inputs.reduce((total, part) => total + part.nodes, 1);
      const cost = inputs.reduce((total, part) => total + part.cost, ownCost);
      const open = entry.inputs.filter((input) => !stored[input]);
      if ((reads.size <= maxReads && nodes <= maxNodes) || open.length === 0) return { cost, nodes, reads };
      const weight = (input: number) => partOf(input).reads.size * maxNodes + partOf(input).nodes;
      store(open.reduce((best, input) => (weight(input) > weight(best) ? input : best)));
    }
  };

  const visit = (entry: GraphEntry, at: number): void => {
    const { lowering } = entry.operation;
    if (entry.leaf !== undefined) {
      store(at);
      return;
    }
    if (lowering.kind === 'kernel') for (const input of entry.inputs) store(input);
    if (lowering.kind !== 'inline') {
      parts[at] = gather(entry, 1, lowering.kind === 'reduction');
      store(at);
      return;
    }
    const [source] = entry.inputs;
    if (lowering.alias && stored[source]) {
      base[at] = base[source];
      store(at);
      return;
    }
    const grows = entry.inputs.length === 1 && sizeOf(entry.shape) >= 4 * sizeOf(entry.inputShapes[0]);
    if (grows && partOf(source).cost >= expandCost) store(source);
    const part = gather(entry, lowering.cost, lowering.aligned ?? false);
    parts[at] = part;
    const isCheap =
      recomputation && part.cost <= cheap.cost && part.reads.size <= cheap.reads && part.nodes <= cheap.nodes;
    if (wanted.has(at) || (consumers[at] > 1 && !isCheap)) store(at);
  };

  /** Several consumers that ended up in one kernel, all at its own position, need no buffer between them. */
  const takeBack = (): void => {
    const shared = new Set(base.filter((to, at) => to !== at));
    const readers = entries.map(() => new Set<number>());
    entries.forEach((_, at) => {
      if (!stored[at] || base[at] !== at) return;
      for (const read of parts[at].reads.keys()) readers[read].add(at);
    });
    for (const at of [...entries.keys()].reverse()) {
      const [reader, other] = readers[at];
      const { operation, leaf } = entries[at];
      if (!stored[at] || wanted.has(at) || shared.has(at) || leaf !== undefined) continue;
      if (operation.lowering.kind !== 'inline' || reader === undefined || other !== undefined) continue;
      const [into, own] = [parts[reader], parts[at]];
      if (!into.reads.get(at)) continue;
      const reads = unionOf(
        [{ ...into, reads: new Map([...into.reads].filter(([read]) => read !== at)) }, own],
        true,
      );
      if (reads.size > maxReads || into.nodes + own.nodes > maxNodes) continue;
      stored[at] = false;
      parts[reader] = { cost: into.cost + own.cost, nodes: into.nodes + own.nodes, reads };
      for (const read of own.reads.keys()) {
        readers[read].delete(at);
        readers[read].add(reader);
      }
    }
  };

  // Storing an entry for a late consumer changes what earlier ones read, so go over them until nothing changes.
  while (changed) {
    changed = false;
    entries.forEach(visit);
  }
  takeBack();
  return { stored, base, reads: parts.map(({ reads }) => reads), nodes: parts.map(({ nodes }) => nodes) };
}

function unionOf(parts: readonly Part[], aligned: boolean): Map<number, boolean> {
  const union = new Map<number, boolean>();
  for (const { reads } of parts) {
    for (const [at, isAligned] of reads) union.set(at, aligned && isAligned && (union.get(at) ?? true));
  }
  return union;
}

function countConsumers(graph: Graph): number[] {
  const consumers = graph.entries.map(() => 0);
  for (const entry of graph.entries) for (const input of new Set(entry.inputs)) consumers[input]++;
  return consumers;
}
