/** WGSL of reductions with what is fused into them: one thread per result, or per part of one. */
import type { AdapterClass } from '../../kernels/family.ts';
import { grid } from '../../kernels/kernel.ts';
import { type Shape, sizeOf } from '../shape.ts';
import { Emitter } from './emitter.ts';
import type { Fusion } from './fuse.ts';
import { costOf, type FusedKernel, namesOf, program, writeElements } from './fused-kernels.ts';
import type { Graph, GraphEntry } from './graph.ts';
import type { Group } from './group.ts';
import type { Index } from './index-expression.ts';
import type { Reduction } from './lowering.ts';

/**
 * Parts that a reduction is cut into when its results alone would leave the device idle. A software adapter has few
 * threads, and a second launch costs it as much as a thousand elements; a GPU has thousands.
 */
export function reductionParts(entry: GraphEntry, adapter: AdapterClass): number {
  const { enoughThreads, leastEach } =
    adapter === 'software' ? { enoughThreads: 64, leastEach: 1024 } : { enoughThreads: 8192, leastEach: 32 };
  const results = Math.max(1, sizeOf(entry.shape));
  const each = sizeOf(entry.inputShapes[0]) / results;
  return Math.max(1, Math.min(Math.floor(each / leastEach), Math.ceil(enoughThreads / results), 256));
}

/**
 * Folds the inputs of a group's reductions, all of one shape: thread (result, part) folds every parts-th element of
 * the longest reduced run. With one part, the rest of the group follows; with more the outputs are [parts, results]
 * of every reduction, for `foldPartsKernel`.
 */
export function reductionKernel(graph: Graph, group: Group, fusion: Fusion, parts: number): FusedKernel {
  const folds = foldsOf(graph, group);
  const [{ entry: first, lowering }] = folds;
  const [shape] = first.inputShapes;
  const results = sizeOf(first.shape);
  const emitter = new Emitter(graph.entries, fusion);
  const bound = emitter.bound(results * parts);
  const result = parts === 1 ? 'i' : emitter.define(`i / ${emitter.size(parts)}`);
  const part = parts === 1 ? '0u' : emitter.define(`i % ${emitter.size(parts)}`);
  const runs = mergeRuns(shape, lowering.dims);
  const reduced = runs.filter((run) => run.reduced);
  const longest = reduced.reduce((best, run) => (run.size > best.size ? run : best), reduced[0]);
  const kept = emitter.linear(
    runs.filter((run) => !run.reduced).map((run) => run.size),
    result,
  ).coordinates;

  let nextKept = 0;
  let nextLoop = 0;
  const counters = runs.map((run) => (run.reduced ? `r${nextLoop++}` : kept[nextKept++]));
  const loops = runs.flatMap((run, i) => {
    if (!run.reduced) return [];
    const split = run === longest && parts > 1;
    const [start, step] = split ? [part, emitter.size(parts)] : ['0u', '1u'];
    return [{ counter: counters[i], first: start, step, end: emitter.bound(run.size) }];
  });
  const starts = folds.map(({ initial }) => initial(emitter));
  const body = emitter.block(() => {
    const index = indexOf(emitter, shape, runs, counters);
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
    ...starts.map((start, i) => `var total${i} = ${start};`),
    ...foldLoops(
      loops,
      starts.map((start, i) => `var run${i} = ${start};`),
      body,
      folds.map(({ into }, i) => into(`total${i}`, `run${i}`)),
    ),
    ...rest,
  ];
  const written = parts === 1 ? group.written : folds.map(({ at }) => at);
  const cost = folds.reduce((total, { entry }) => total + 1 + costOf(graph, entry.inputs[0], fusion), 0);
  return {
    reads: emitter.reads,
    kernel: {
      name: group.members.map((at) => nameOf(graph, at, fusion)).join(' | '),
      source: program(emitter, graph, written, lines),
      uniforms: emitter.uniforms,
      workgroups: grid(results * parts),
      flops: sizeOf(shape) * cost,
    },
  };
}

/**
 * Folds [parts, results] to [results], in order, for every sum of a group (a reduction in parts, a kernel that left its
 * sums in parts), and computes what follows. Reads the parts first, then other entries.
 */
export function foldPartsKernel(graph: Graph, group: Group, fusion: Fusion, parts: number): FusedKernel {
  const folds = foldsOf(graph, group);
  const results = sizeOf(folds[0].entry.shape);
  const { length } = graph.entries;
  const sources = folds.map(
    ({ entry }): GraphEntry => ({ ...entry, shape: [parts, results], leaf: 0, inputs: [] }),
  );
  const emitter = new Emitter([...graph.entries, ...sources], {
    stored: [...fusion.stored, ...sources.map(() => true)],
    base: [...fusion.base, ...sources.map((_, i) => length + i)],
  });
  const bound = emitter.bound(results);
  const end = emitter.bound(parts);
  const starts = folds.map(({ initial }) => initial(emitter));
  const position = `part * ${emitter.size(results)} + i`;
  const body = emitter.block(() => {
    folds.forEach(({ into }, i) => {
      const index = emitter.linear(sources[i].shape, emitter.define(position));
      emitter.write(into(`total${i}`, emitter.value(length + i, index)));
    });
  });
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    ...starts.map((start, i) => `var total${i} = ${start};`),
    `for (var part = 0u; part < ${end}; part++) {`,
    ...body,
    '}',
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
function elementsAfter(emitter: Emitter, graph: Graph, group: Group, folds: readonly Fold[]): string[] {
  folds.forEach(({ at, entry }, i) => {
    emitter.know(at, emitter.linear(entry.shape, 'i'), `total${i}`);
  });
  const before = emitter.lines.length;
  writeElements(emitter, graph, group);
  return emitter.lines.slice(before);
}

interface Fold {
  readonly at: number;
  readonly entry: GraphEntry;
  readonly lowering: Reduction;
  readonly initial: (emitter: Emitter) => string;
  /** The statement that folds a value into a variable. */
  readonly into: (variable: string, value: string) => string;
}

/** What a group folds; the results of a kernel in parts are summed. */
function foldsOf({ entries }: Graph, { members }: Group): Fold[] {
  return members.flatMap((at) => {
    const entry = entries[at];
    const { lowering } = entry.operation;
    if (lowering.kind === 'inline' || lowering.kind === 'leaf') return [];
    const fold = lowering.kind === 'reduction' ? lowering : sumOfParts;
    return {
      at,
      entry,
      lowering: fold,
      initial: (emitter) => emitter.constant(fold.initial(entry.dtype), entry.dtype),
      into: (variable, value) => `${variable} = ${fold.combine(variable, value, entry.dtype)};`,
    };
  });
}

const sumOfParts: Reduction = {
  kind: 'reduction',
  dims: [0],
  initial: () => 0,
  combine: (a, b) => `${a} + ${b}`,
};

function nameOf(graph: Graph, at: number, fusion: Fusion): string {
  const { operation, inputs } = graph.entries[at];
  if (operation.lowering.kind === 'inline') return namesOf(graph, at, fusion);
  return `${operation.name}(${namesOf(graph, inputs[0], fusion)})`;
}

interface Run {
  readonly size: number;
  readonly reduced: boolean;
  readonly dims: readonly number[];
}

/** Neighbouring dims that are all reduced or all kept, as one; dims of size 1 belong to nobody. */
function mergeRuns(shape: Shape, dims: readonly number[]): Run[] {
  const runs: { size: number; reduced: boolean; dims: number[] }[] = [];
  shape.forEach((size, dim) => {
    if (size === 1) return;
    const reduced = dims.includes(dim);
    const last = runs.at(-1);
    if (last?.reduced === reduced) {
      last.size *= size;
      last.dims.push(dim);
    } else {
      runs.push({ size, reduced, dims: [dim] });
    }
  });
  return runs;
}

/** The index into the unreduced shape, from one counter per run. */
function indexOf(emitter: Emitter, shape: Shape, runs: readonly Run[], counters: readonly string[]): Index {
  if (runs.length <= 1) return emitter.linear(shape, counters[0] ?? '0u');
  const sizes = runs.map((run) => run.size);
  const whole = emitter.at(sizes, counters);
  if (runs.every((run) => run.dims.length === 1)) {
    const coordinates = shape.map(() => '0u');
    runs.forEach((run, i) => {
      coordinates[run.dims[0]] = counters[i];
    });
    return emitter.at(shape, coordinates);
  }
  return emitter.composite(shape, whole, runs, counters);
}

interface Loop {
  readonly counter: string;
  readonly first: string;
  readonly step: string;
  readonly end: string;
}

/** Elements that are folded in a row before what they give joins the total. */
const runLength = 64;

/**
 * Nested loops around `body`, the innermost in runs: a sum of n numbers then loses about n / runLength + runLength
 * roundings, not n.
 */
function foldLoops(
  loops: readonly Loop[],
  start: readonly string[],
  body: readonly string[],
  fold: readonly string[],
): string[] {
  const innermost = loops.at(-1);
  if (!innermost) return [...start, ...body, ...fold];
  const { counter, first, step, end } = innermost;
  const stride = step === '1u' ? `${runLength}u` : `${runLength}u * ${step}`;
  return [
    ...loops
      .slice(0, -1)
      .map(
        (l) => `for (var ${l.counter} = ${l.first}; ${l.counter} < ${l.end}; ${l.counter} += ${l.step}) {`,
      ),
    `for (var base = ${first}; base < ${end}; base += ${stride}) {`,
    ...start,
    `for (var ${counter} = base; ${counter} < min(base + ${stride}, ${end}); ${counter} += ${step}) {`,
    ...body,
    '}',
    ...fold,
    ...loops.map(() => '}'),
  ];
}
