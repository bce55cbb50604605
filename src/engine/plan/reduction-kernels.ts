/** WGSL of reductions with what is fused into them: an invocation or a workgroup per result, or per part of one. */
import type { AdapterClass } from '../../kernels/family.ts';
import { grid, linearMain, workgroupSize } from '../../kernels/kernel.ts';
import { blockLength } from '../../kernels/long-sums.ts';
import { sizeOf } from '../shape.ts';
import { Emitter } from './emitter.ts';
import type { Fusion } from './fuse.ts';
import { costOf, type FusedKernel, namesOf, program, writeElements } from './fused-kernels.ts';
import type { Graph, GraphEntry } from './graph.ts';
import type { Group } from './group.ts';
import type { Reduction } from './lowering.ts';
import { type Fold, foldLoops, indexOf, loopsOver, mergeRuns, type Share } from './reduction-loops.ts';

/** How a reduction is spread over the device. */
export interface Mapping {
  /** Invocations that fold one part together: 1, or a whole workgroup through its memory. */
  readonly lanes: 1 | typeof workgroupLanes;
  /** Parts of a result, added up by a second launch; 1: none. */
  readonly parts: number;
}

const workgroupLanes = 256;

/**
 * A software adapter has few threads, and a second launch costs it as much as a thousand elements. A GPU has thousands
 * to keep busy; where it reduces what lies side by side, neighbours must read neighbours, so a workgroup works together.
 */
export function reductionMapping(entry: GraphEntry, adapter: AdapterClass): Mapping {
  const results = Math.max(1, sizeOf(entry.shape));
  const [shape] = entry.inputShapes;
  const each = sizeOf(shape) / results;
  const parts = (threads: number, least: number, most: number): number =>
    Math.max(1, Math.min(Math.floor(each / least), Math.ceil(threads / results), most));
  if (adapter === 'software') return { lanes: 1, parts: parts(64, 1024, 256) };
  const sideBySide = mergeRuns(shape, reductionOf(entry).dims).at(-1)?.reduced ?? false;
  if (sideBySide && each >= 2 * workgroupLanes) {
    return { lanes: workgroupLanes, parts: parts(1024, 8 * workgroupLanes, 64) };
  }
  return { lanes: 1, parts: parts(16_384, 32, 256) };
}

/** No second launch, no workgroup memory. */
export const plainMapping: Mapping = { lanes: 1, parts: 1 };

/**
 * Folds the inputs of a group's reductions, all of one shape: invocation or workgroup (result, part) folds every
 * parts-th element. With one part, the rest of the group follows; with more the outputs are [parts, results] of every
 * reduction, for `foldPartsKernel`.
 */
export function reductionKernel(graph: Graph, group: Group, fusion: Fusion, mapping: Mapping): FusedKernel {
  const { lanes, parts } = mapping;
  const [{ entry: first, lowering }] = reducedIn(graph, group);
  const [shape] = first.inputShapes;
  const results = sizeOf(first.shape);
  const emitter = new Emitter(graph.entries, fusion);
  const folds = foldsOf(graph, group, emitter, sizeOf(shape) / results / (lanes * parts) > blockLength);
  const bound = emitter.bound(results * parts);
  const result = parts === 1 ? 'i' : emitter.define(`i / ${emitter.size(parts)}`);
  const part = parts === 1 ? '0u' : emitter.define(`i % ${emitter.size(parts)}`);
  const share: Share =
    lanes === 1
      ? { number: part, of: emitter.size(parts), count: parts }
      : {
          number: parts === 1 ? 'lane' : emitter.define(`${part} * ${lanes}u + lane`),
          of: emitter.size(lanes * parts),
          count: lanes * parts,
        };
  const runs = mergeRuns(shape, lowering.dims);
  const kept = emitter.linear(
    runs.filter((run) => !run.reduced).map((run) => run.size),
    result,
  ).coordinates;
  const { loops, counters } = loopsOver(emitter, runs, kept, share, lanes > 1);
  const body = emitter.block(() => {
    const index = indexOf(emitter, shape, runs, counters());
    folds.forEach(({ entry, into }, i) => {
      emitter.write(into(`run${i}`, emitter.value(entry.inputs[0], index)));
    });
  });
  const before = [...emitter.lines];
  const rest =
    parts === 1
      ? elementsAfter(emitter, graph, group, folds)
      : folds.map((_, i) => `out${i}[${part} * ${emitter.size(results)} + ${result}] = total${i};`);
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...before,
    ...foldLoops(loops, folds, body, blockLength),
    ...(lanes === 1 ? [] : foldLanes(folds)),
    ...rest,
  ];
  const written = parts === 1 ? group.written : folds.map(({ at }) => at);
  const cost = folds.reduce((total, { entry }) => total + 1 + costOf(graph, entry.inputs[0], fusion), 0);
  return {
    reads: emitter.reads,
    kernel: {
      name: group.members.map((at) => nameOf(graph, at, fusion)).join(' | '),
      source: program(emitter, graph, written, lines, lanes === 1 ? linearMain : workgroupMain(folds)),
      uniforms: emitter.uniforms,
      workgroups: grid(lanes === 1 ? results * parts : results * parts * workgroupSize),
      flops: sizeOf(shape) * cost,
    },
  };
}

/** The head of an entry point whose workgroup i folds together, with a place for each lane's share of every fold. */
function workgroupMain(folds: readonly EntryFold[]): string {
  const shares = folds.map(
    ({ entry }, i) => `var<workgroup> share${i}: array<${entry.dtype}, ${workgroupLanes}>;`,
  );
  return `${shares.join('\n')}
@compute @workgroup_size(${workgroupLanes})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup.x + workgroup.y * workgroups.x;`;
}

/** Folds the lanes' totals in a tree; lane 0 goes on with the whole. */
function foldLanes(folds: readonly EntryFold[]): string[] {
  return [
    ...folds.map((_, i) => `share${i}[lane] = total${i};`),
    `for (var half = ${workgroupLanes / 2}u; half > 0u; half /= 2u) {`,
    'workgroupBarrier();',
    'if (lane < half) {',
    ...folds.map(({ into }, i) => into(`share${i}[lane]`, `share${i}[lane + half]`)),
    '}',
    '}',
    'if (lane > 0u) { return; }',
    ...folds.map((_, i) => `total${i} = share${i}[0];`),
  ];
}

/** Parts that are added up one by one: few, for they are few in all. */
const partsBlock = 4;

/**
 * Folds [parts, results] to [results], in order, for every sum of a group (a reduction in parts, a kernel that left its
 * sums in parts), and computes what follows. Reads the parts first, then other entries.
 */
export function foldPartsKernel(graph: Graph, group: Group, fusion: Fusion, parts: number): FusedKernel {
  const reduced = reducedIn(graph, group);
  const results = sizeOf(reduced[0].entry.shape);
  const { length } = graph.entries;
  const sources = reduced.map(
    ({ entry }): GraphEntry => ({ ...entry, shape: [parts, results], leaf: 0, inputs: [] }),
  );
  const emitter = new Emitter([...graph.entries, ...sources], {
    stored: [...fusion.stored, ...sources.map(() => true)],
    base: [...fusion.base, ...sources.map((_, i) => length + i)],
  });
  const folds = foldsOf(graph, group, emitter, parts > partsBlock);
  const bound = emitter.bound(results);
  const loop = { counter: 'part', first: '0u', step: '1u', end: emitter.bound(parts) };
  const position = `part * ${emitter.size(results)} + i`;
  const body = emitter.block(() => {
    folds.forEach(({ into }, i) => {
      const index = emitter.linear(sources[i].shape, emitter.define(position));
      emitter.write(into(`run${i}`, emitter.value(length + i, index)));
    });
  });
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    ...foldLoops([loop], folds, body, partsBlock),
    ...elementsAfter(emitter, graph, group, folds),
  ];
  return {
    reads: emitter.reads.slice(folds.length),
    kernel: {
      name: `fold ${parts} parts`,
      source: program(emitter, graph, group.written, lines),
      uniforms: emitter.uniforms,
      workgroups: grid(results),
      flops: results * parts * folds.length,
    },
  };
}

/** The lines that follow once every `total` is known. */
function elementsAfter(emitter: Emitter, graph: Graph, group: Group, folds: readonly EntryFold[]): string[] {
  folds.forEach(({ at, entry }, i) => {
    emitter.know(at, emitter.linear(entry.shape, 'i'), `total${i}`);
  });
  const before = emitter.lines.length;
  writeElements(emitter, graph, group);
  return emitter.lines.slice(before);
}

interface Reduced {
  readonly at: number;
  readonly entry: GraphEntry;
  readonly lowering: Reduction;
}

/** What a group folds; the results of a kernel in parts are summed. */
function reducedIn({ entries }: Graph, { members }: Group): Reduced[] {
  return members.flatMap((at) => {
    const entry = entries[at];
    const { lowering } = entry.operation;
    if (lowering.kind === 'inline' || lowering.kind === 'leaf') return [];
    return { at, entry, lowering: lowering.kind === 'reduction' ? lowering : sumOfParts };
  });
}

type EntryFold = Reduced & Fold;

/** The same as loops fold it. `long`: they have many terms. */
function foldsOf(graph: Graph, group: Group, emitter: Emitter, long: boolean): EntryFold[] {
  return reducedIn(graph, group).map(({ at, entry, lowering }) => {
    const { initial, combine, adds = false } = lowering;
    const { dtype } = entry;
    return {
      at,
      entry,
      lowering,
      start: emitter.constant(initial(dtype), dtype),
      into: (variable, value) => `${variable} = ${combine(variable, value, dtype)};`,
      long: long && adds && dtype === 'f32',
    };
  });
}

const sumOfParts: Reduction = {
  kind: 'reduction',
  dims: [0],
  initial: () => 0,
  combine: (a, b) => `${a} + ${b}`,
  adds: true,
};

function reductionOf({ operation }: GraphEntry): Reduction {
  if (operation.lowering.kind !== 'reduction') throw new Error(`${operation.name} is not a reduction.`);
  return operation.lowering;
}

function nameOf(graph: Graph, at: number, fusion: Fusion): string {
  const { operation, inputs } = graph.entries[at];
  if (operation.lowering.kind === 'inline') return namesOf(graph, at, fusion);
  return `${operation.name}(${namesOf(graph, inputs[0], fusion)})`;
}
