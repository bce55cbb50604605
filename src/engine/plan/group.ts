/**
 * Puts entries that can share a launch into one: element-wise results of one size; reductions of one shape over the
 * same dims (the two sums of a batch norm and of its gradient); and element-wise results behind the reduction or the
 * kernel that computes what they read, its epilogue. Fewer launches, and what they share is read once.
 */
import type { Choices } from '../../kernels/family.ts';
import { sizeOf } from '../shape.ts';
import type { Fusion } from './fuse.ts';
import type { Graph, GraphEntry } from './graph.ts';
import type { Switches } from './switches.ts';

/** Entries computed by one launch, in order. */
export interface Group {
  readonly members: readonly number[];
  /** Those of them that something else needs; the others never reach memory. */
  readonly written: readonly number[];
  /** For kernels written by hand. */
  readonly choices?: Choices;
}

/** Groups of a kind that a new entry may still join: looking further back would take quadratic time. */
const openGroups = 6;

/** Operations in the epilogue of a hand-written kernel, whose text holds it several times. */
const maxEpilogue = 16;

interface OpenGroup {
  readonly order: number;
  readonly choices?: Choices;
  readonly members: number[];
  /** Members that are computed from all of something: a kernel's results or sums. The others follow element-wise. */
  folds: number;
  readonly foldReads: Set<number>;
  readonly elementReads: Set<number>;
  nodes: number;
}

/** Groups in an order in which everything is computed before it is read. `maxBuffers`: bindings of one kernel. */
export function groupEntries(
  graph: Graph,
  { stored, base, reads, nodes }: Fusion,
  maxBuffers: number,
  { sharedLaunches, epilogues }: Switches,
): Group[] {
  const groups: OpenGroup[] = [];
  const groupOf = new Map<number, OpenGroup>();
  const open = new Map<string, OpenGroup[]>();

  const canJoin = (group: OpenGroup, at: number, isFold: boolean): boolean => {
    const foldReads = new Set(group.foldReads);
    const elementReads = new Set(group.elementReads);
    let inside = 0;
    for (const [read, aligned] of reads[at]) {
      const from = groupOf.get(read);
      // Its thread has the element it needs at hand only at its own position; a later launch has nothing yet.
      if (from === group ? !aligned || isFold : from !== undefined && from.order > group.order) return false;
      if (from === group) inside++;
      else (isFold ? foldReads : elementReads).add(read);
    }
    const outputs = group.members.length + 1;
    const folds = group.folds + Number(isFold);
    const all = new Set([...foldReads, ...elementReads]).size + outputs;
    // Sums in parts are added up by a second launch, which reads the parts and does the element-wise rest.
    const second = folds > 0 ? folds + elementReads.size + outputs : 0;
    if (Math.max(all, second) > maxBuffers) return false;
    return group.choices === undefined || (inside > 0 && group.nodes + nodes[at] <= maxEpilogue);
  };

  graph.entries.forEach((entry, at) => {
    if (!stored[at] || base[at] !== at || entry.leaf !== undefined || sizeOf(entry.shape) === 0) return;
    const { lowering } = entry.operation;
    const isFold = lowering.kind !== 'inline';
    const kind = kindOf(entry);
    const candidates = sharedLaunches && kind !== undefined ? (open.get(kind) ?? []) : [];
    // Best behind what it reads: that may then never reach memory.
    const producers = candidates.filter(({ members }) => members.some((member) => reads[at].has(member)));
    let group = [...producers, ...candidates].find((candidate) => canJoin(candidate, at, isFold));
    if (!group) {
      group = {
        order: groups.length,
        choices: lowering.kind === 'kernel' ? lowering.choices(entry) : undefined,
        members: [],
        folds: 0,
        foldReads: new Set(),
        elementReads: new Set(),
        nodes: 0,
      };
      groups.push(group);
      if (kind !== undefined) open.set(kind, [group, ...candidates].slice(0, openGroups));
      const follows = isFold && epilogues && (group.choices?.takesEpilogue ?? true);
      if (follows) {
        const elements = elementsOf(entry);
        open.set(elements, [group, ...(open.get(elements) ?? [])].slice(0, openGroups));
      }
    }
    group.members.push(at);
    group.folds += Number(isFold);
    group.nodes += isFold ? 0 : nodes[at];
    for (const read of reads[at].keys()) {
      if (groupOf.get(read) !== group) (isFold ? group.foldReads : group.elementReads).add(read);
    }
    groupOf.set(at, group);
  });

  // Backwards, so that what only unneeded groups and empty results read is not needed either.
  const needed = new Set(graph.targets.map((target) => base[target]));
  const live = groups.toReversed().filter((group) => {
    if (!group.members.some((member) => needed.has(member))) return false;
    for (const member of group.members) {
      for (const read of reads[member].keys()) if (groupOf.get(read) !== group) needed.add(read);
    }
    return true;
  });
  return live.toReversed().map(({ members, choices }) => ({
    members,
    choices,
    written: members.filter((member) => needed.has(member)),
  }));
}

/** Entries of one kind may share a launch; undefined for kernels written by hand, which follow nothing. */
function kindOf(entry: GraphEntry): string | undefined {
  const { lowering } = entry.operation;
  if (lowering.kind === 'inline') return elementsOf(entry);
  return lowering.kind === 'reduction' ? `fold ${entry.inputShapes[0]} over ${lowering.dims}` : undefined;
}

function elementsOf({ shape }: GraphEntry): string {
  return `elements ${sizeOf(shape)}`;
}
