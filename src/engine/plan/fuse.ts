/**
 * Decides which entries of a graph get a buffer. The others melt into the kernels that consume them: element-wise and
 * moving operations into element-wise kernels and into the reductions that fold them.
 */
import { sizeOf } from '../shape.ts';
import type { Graph, GraphEntry } from './graph.ts';

/** What one kernel may hold. */
export interface FusionLimits {
  /** Buffers that it reads. */
  readonly reads: number;
}

/** Entries in one kernel: bounds the text, and the depth of the recursion that writes it. */
const maxNodes = 64;

/** An expression that costs at most this much (in multiplications) is repeated by each consumer rather than stored. */
const cheapCost = 2;
const cheapReads = 2;

/** Repeating an expression over an expanded dim is worth a buffer once it costs this much. */
const expandCost = 3;

/** An entry that is not stored, as part of the kernel that will hold it. */
interface Fused {
  readonly cost: number;
  readonly nodes: number;
  readonly reads: ReadonlySet<number>;
}

export interface Fusion {
  /** True for entries whose elements lie in a buffer. */
  readonly stored: readonly boolean[];
  /** For a stored entry, the entry whose buffer it shares (itself, unless it is only another shape of it). */
  readonly base: readonly number[];
}

export function fuse(graph: Graph, limits: FusionLimits): Fusion {
  const { entries } = graph;
  const consumers = countConsumers(graph);
  const wanted = new Set(graph.targets);
  const stored = entries.map(() => false);
  const base = entries.map((_, at) => at);
  const fused: (Fused | undefined)[] = entries.map(() => undefined);

  const store = (at: number): void => {
    stored[at] = true;
  };
  const partOf = (input: number): Fused =>
    stored[input] ? { cost: 0, nodes: 0, reads: new Set([base[input]]) } : (fused[input] ?? nothing);

  /** The union of an entry's inputs, storing the largest until one kernel can hold them. */
  const gather = (entry: GraphEntry, ownCost: number): Fused => {
    for (;;) {
      const parts = entry.inputs.map(partOf);
      const reads = new Set(parts.flatMap((part) => [...part.reads]));
      const nodes = parts.reduce((total, part) => total + part.nodes, 1);
      const cost = parts.reduce((total, part) => total + part.cost, ownCost);
      if (reads.size <= limits.reads && nodes <= maxNodes) return { cost, nodes, reads };
      const open = entry.inputs.filter((input) => !stored[input]);
      if (open.length === 0) return { cost, nodes, reads };
      const weight = (input: number) => partOf(input).reads.size * maxNodes + partOf(input).nodes;
      store(open.reduce((best, input) => (weight(input) > weight(best) ? input : best)));
    }
  };

  entries.forEach((entry, at) => {
    const { lowering } = entry.operation;
    if (entry.leaf !== undefined) {
      store(at);
    } else if (lowering.kind === 'kernel') {
      for (const input of entry.inputs) store(input);
      store(at);
    } else if (lowering.kind === 'reduction') {
      gather(entry, 1);
      store(at);
    } else if (lowering.kind === 'inline') {
      const [source] = entry.inputs;
      if (lowering.alias && stored[source]) {
        base[at] = base[source];
        store(at);
        return;
      }
      const grows = entry.inputs.length === 1 && sizeOf(entry.shape) >= 4 * sizeOf(entry.inputShapes[0]);
      if (grows && partOf(source).cost >= expandCost) store(source);
      const part = gather(entry, lowering.cost);
      fused[at] = part;
      const cheap = part.cost <= cheapCost && part.reads.size <= cheapReads && part.nodes <= 8;
      if (wanted.has(at) || (consumers[at] > 1 && !cheap)) store(at);
    }
  });
  return { stored, base };
}

const nothing: Fused = { cost: 0, nodes: 0, reads: new Set() };

function countConsumers(graph: Graph): number[] {
  const consumers = graph.entries.map(() => 0);
  for (const entry of graph.entries) for (const input of new Set(entry.inputs)) consumers[input]++;
  return consumers;
}
