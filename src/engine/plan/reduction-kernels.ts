/** WGSL of reductions with what is fused into them: one thread per result, or per part of one. */
import type { AdapterClass } from '../../kernels/family.ts';
import { grid } from '../../kernels/kernel.ts';
import { type Shape, sizeOf } from '../shape.ts';
import { Emitter } from './emitter.ts';
import type { Fusion } from './fuse.ts';
import { costOf, type FusedKernel, namesOf, program } from './fused-kernels.ts';
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
 * Folds the inputs of a group of reductions of one shape: thread (result, part) folds every parts-th element of the
 * longest reduced run. With more than one part the outputs are [results, parts], to be folded by `foldPartsKernel`.
 */
export function reductionKernel(graph: Graph, group: Group, fusion: Fusion, parts: number): FusedKernel {
  const members = group.map((at) => ({
    at,
    entry: graph.entries[at],
    lowering: reductionOf(graph.entries[at]),
  }));
  const [{ entry: first, lowering }] = members;
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
  const folds = members.map(({ entry, lowering: { initial, combine } }, i) => ({
    start: emitter.constant(initial(entry.dtype), entry.dtype),
    fold: (into: string, value: string) => `${into}${i} = ${combine(`${into}${i}`, value, entry.dtype)};`,
  }));
  const body = emitter.block(() => {
    const index = indexOf(emitter, shape, runs, counters);
    members.forEach(({ entry }, i) => {
      emitter.write(folds[i].fold('run', emitter.value(entry.inputs[0], index)));
    });
  });
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    ...folds.map(({ start }, i) => `var total${i} = ${start};`),
    ...foldLoops(
      loops,
      folds.map(({ start }, i) => `var run${i} = ${start};`),
      body,
      folds.map(({ fold }, i) => fold('total', `run${i}`)),
    ),
    ...members.map((_, i) => `out${i}[i] = total${i};`),
  ];
  const dtypes = members.map(({ entry }) => entry.dtype);
  const cost = members.reduce((total, { entry }) => total + 1 + costOf(graph, entry.inputs[0], fusion), 0);
  return {
    reads: emitter.reads,
    kernel: {
      name: members
        .map(({ entry }) => `${entry.operation.name}(${namesOf(graph, entry.inputs[0], fusion)})`)
        .join(' | '),
      source: program(emitter, dtypes, lines),
      uniforms: emitter.uniforms,
      workgroups: grid(results * parts),
      flops: sizeOf(shape) * cost,
    },
  };
}

/** Folds [results, parts] to [results], in order, for every member of a group. */
export function foldPartsKernel(graph: Graph, group: Group, parts: number): FusedKernel {
  const members = group.map((at) => graph.entries[at]);
  const sources = members.map(
    (entry): GraphEntry => ({ ...entry, shape: [sizeOf(entry.shape), parts], leaf: 0, inputs: [] }),
  );
  const folds = members.map((entry, i): GraphEntry => {
    const lowering: Reduction = { ...reductionOf(entry), dims: [1] };
    const { shape } = sources[i];
    return {
      ...entry,
      operation: { ...entry.operation, lowering },
      inputs: [i],
      inputShapes: [shape],
      shape: [shape[0]],
    };
  });
  const entries = [...sources, ...folds];
  const fusion = {
    stored: entries.map((_, at) => at < sources.length),
    base: entries.map((_, at) => at),
    reads: [],
  };
  const own = folds.map((_, i) => sources.length + i);
  return reductionKernel({ entries, leaves: [], targets: [], key: '' }, own, fusion, 1);
}

function reductionOf({ operation }: GraphEntry): Reduction {
  if (operation.lowering.kind !== 'reduction') throw new Error(`${operation.name} is not a reduction.`);
  return operation.lowering;
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
