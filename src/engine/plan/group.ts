/**
 * Puts entries that can share a launch into one: element-wise results of one size, and reductions of one shape over the
 * same dims (the two sums of a batch norm and of its gradient). A kernel with several outputs saves launches, and reads
 * what they share once.
 */
import { sizeOf } from '../shape.ts';
import type { Fusion } from './fuse.ts';
import type { Graph, GraphEntry } from './graph.ts';

/** Entries computed by one launch, in order. */
export type Group = readonly number[];

/** Groups of a kind that a new entry may still join: looking further back would take quadratic time. */
const openGroups = 6;

interface OpenGroup {
  readonly order: number;
  readonly members: number[];
  readonly reads: Set<number>;
}

/** Groups in an order in which everything is computed before it is read. `maxBuffers`: bindings of one kernel. */
export function groupEntries(graph: Graph, { stored, base, reads }: Fusion, maxBuffers: number): Group[] {
  const groups: OpenGroup[] = [];
  const groupOf = new Map<number, number>();
  const open = new Map<string, OpenGroup[]>();

  const canJoin = (group: OpenGroup, at: number): boolean => {
    let buffers = group.reads.size + group.members.length + 1;
    for (const [read, aligned] of reads[at]) {
      const from = groupOf.get(read);
      const inside = from === group.order;
      // Its thread has the element it needs at hand only at its own position; a later launch has nothing yet.
      if (inside ? !aligned : from !== undefined && from > group.order) return false;
      if (!inside && !group.reads.has(read)) buffers++;
    }
    // A reduction in parts is folded by a launch that reads one buffer and writes one for every member.
    const folds =
      graph.entries[at].operation.lowering.kind === 'reduction' ? 2 * (group.members.length + 1) : 0;
    return Math.max(buffers, folds) <= maxBuffers;
  };

  graph.entries.forEach((entry, at) => {
    if (!stored[at] || base[at] !== at || entry.leaf !== undefined || sizeOf(entry.shape) === 0) return;
    const key = kindOf(entry);
    const candidates = key === undefined ? [] : (open.get(key) ?? []);
    let group = candidates.find((candidate) => canJoin(candidate, at));
    if (!group) {
      group = { order: groups.length, members: [], reads: new Set() };
      groups.push(group);
      if (key !== undefined) open.set(key, [group, ...candidates].slice(0, openGroups));
    }
    group.members.push(at);
    groupOf.set(at, group.order);
    for (const read of reads[at].keys()) if (groupOf.get(read) !== group.order) group.reads.add(read);
  });
  return groups.map(({ members }) => members);
}

/** Entries of one kind may share a launch; undefined for kernels written by hand. */
function kindOf({ operation, shape, inputShapes }: GraphEntry): string | undefined {
  const { lowering } = operation;
  if (lowering.kind === 'inline') return `elements ${sizeOf(shape)}`;
  return lowering.kind === 'reduction' ? `fold ${inputShapes[0]} over ${lowering.dims}` : undefined;
}
