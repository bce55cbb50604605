/** WGSL of the kernels that fusion makes: one thread per element, or per part of a reduction. */
import { grid, type Kernel, linearMain } from '../../kernels/kernel.ts';
import type { DType } from '../dtype.ts';
import { type Shape, sizeOf } from '../shape.ts';
import { Emitter } from './emitter.ts';
import type { Graph, GraphEntry } from './graph.ts';
import type { Index } from './index-expression.ts';
import type { AdapterClass, Reduction } from './lowering.ts';

export interface FusedKernel {
  readonly kernel: Kernel;
  /** Entries read, in binding order. */
  readonly reads: readonly number[];
}

type IsStored = (entry: number) => boolean;

/** One thread per element of entry `at`, whose own expression is written out even though it is stored. */
export function elementwiseKernel(graph: Graph, at: number, isStored: IsStored): FusedKernel {
  const entry = graph.entries[at];
  const count = sizeOf(entry.shape);
  const emitter = new Emitter(graph.entries, (input) => input !== at && isStored(input));
  const bound = emitter.bound(count);
  const value = emitter.value(at, emitter.linear(entry.shape, 'i'));
  emitter.write(`output[i] = ${storedForm(value, entry.dtype)};`);
  return {
    reads: emitter.reads,
    kernel: {
      name: namesOf(graph, at, isStored),
      source: program(emitter, entry.dtype, [`if (i >= ${bound}) { return; }`, ...emitter.lines]),
      uniforms: emitter.uniforms,
      workgroups: grid(count),
      flops: count * costOf(graph, at, isStored),
    },
  };
}

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
 * Folds the input of reduction `at`: thread (result, part) folds every parts-th element of the longest reduced run.
 * With more than one part the output is [results, parts], to be folded again by `foldPartsKernel`.
 */
export function reductionKernel(graph: Graph, at: number, isStored: IsStored, parts: number): FusedKernel {
  const entry = graph.entries[at];
  const { lowering } = entry.operation;
  if (lowering.kind !== 'reduction') throw new Error(`${entry.operation.name} is not a reduction.`);
  const [shape] = entry.inputShapes;
  const results = sizeOf(entry.shape);
  const emitter = new Emitter(graph.entries, isStored);
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
  let loop = 0;
  const counters = runs.map((run) => (run.reduced ? `r${loop++}` : kept[nextKept++]));
  const loops = runs.flatMap((run, i) => {
    if (!run.reduced) return [];
    const split = run === longest && parts > 1;
    const [first, step] = split ? [part, emitter.size(parts)] : ['0u', '1u'];
    return [{ counter: counters[i], first, step, end: emitter.bound(run.size) }];
  });
  const body = emitter.block(() => {
    const index = indexOf(emitter, shape, runs, counters);
    const value = emitter.value(entry.inputs[0], index);
    emitter.write(`run = ${lowering.combine('run', value, entry.dtype)};`);
  });
  const start = emitter.constant(lowering.initial(entry.dtype), entry.dtype);
  const fold = `total = ${lowering.combine('total', 'run', entry.dtype)};`;
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    `var total = ${start};`,
    ...foldLoops(loops, start, body, fold),
    'output[i] = total;',
  ];
  return {
    reads: emitter.reads,
    kernel: {
      name: `${entry.operation.name}(${namesOf(graph, entry.inputs[0], isStored)})`,
      source: program(emitter, entry.dtype, lines),
      uniforms: emitter.uniforms,
      workgroups: grid(results * parts),
      flops: sizeOf(shape) * (1 + costOf(graph, entry.inputs[0], isStored)),
    },
  };
}

/** Folds [results, parts] to [results], in order. */
export function foldPartsKernel(entry: GraphEntry, parts: number): FusedKernel {
  const results = sizeOf(entry.shape);
  const { operation, dtype } = entry;
  if (operation.lowering.kind !== 'reduction') throw new Error(`${operation.name} is not a reduction.`);
  const source = { ...entry, shape: [results, parts], leaf: 0, inputs: [] };
  const lowering: Reduction = { ...operation.lowering, dims: [1] };
  const fold: GraphEntry = {
    ...entry,
    operation: { ...operation, lowering },
    inputs: [0],
    inputShapes: [source.shape],
    shape: [results],
    dtype,
  };
  const entries = [source, fold];
  return reductionKernel({ entries, leaves: [], targets: [], key: '' }, 1, (at) => at === 0, 1);
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

/** Elements that are folded in a row before their result joins the total. */
const runLength = 64;

/**
 * Nested loops around `body`, the innermost in runs: a sum of n numbers then loses about n / runLength + runLength
 * roundings, not n.
 */
function foldLoops(loops: readonly Loop[], start: string, body: readonly string[], fold: string): string[] {
  const innermost = loops.at(-1);
  if (!innermost) return [`var run = ${start};`, ...body, fold];
  const { counter, first, step, end } = innermost;
  const stride = step === '1u' ? `${runLength}u` : `${runLength}u * ${step}`;
  return [
    ...loops
      .slice(0, -1)
      .map(
        (l) => `for (var ${l.counter} = ${l.first}; ${l.counter} < ${l.end}; ${l.counter} += ${l.step}) {`,
      ),
    `for (var base = ${first}; base < ${end}; base += ${stride}) {`,
    `var run = ${start};`,
    `for (var ${counter} = base; ${counter} < min(base + ${stride}, ${end}); ${counter} += ${step}) {`,
    ...body,
    '}',
    fold,
    ...loops.map(() => '}'),
  ];
}

function storedForm(value: string, dtype: DType): string {
  return dtype === 'bool' ? `select(0u, 1u, ${value})` : value;
}

function program(emitter: Emitter, output: DType, lines: readonly string[]): string {
  const body = lines.map((line) => `  ${line}`).join('\n');
  return `${emitter.header(output, body)}\n${linearMain}\n${body}\n}\n`;
}

/** The operations in a kernel, inputs first: `sub-mul-relu`. */
function namesOf(graph: Graph, at: number, isStored: IsStored): string {
  const names: string[] = [];
  const visit = (entry: number): void => {
    for (const input of graph.entries[entry].inputs) if (!isStored(input)) visit(input);
    const { name } = graph.entries[entry].operation;
    if (names.length < 12 && names.at(-1) !== name) names.push(name);
  };
  if (isStored(at) && graph.entries[at].leaf !== undefined) return 'load';
  visit(at);
  return names.join('-');
}

/** Arithmetic per element, for profiles. */
function costOf(graph: Graph, at: number, isStored: IsStored): number {
  const seen = new Set<number>();
  const visit = (entry: number): number => {
    if (seen.has(entry)) return 0;
    seen.add(entry);
    const { operation, inputs } = graph.entries[entry];
    const own = operation.lowering.kind === 'inline' ? operation.lowering.cost : 0;
    return inputs.reduce((total, input) => total + (isStored(input) ? 0 : visit(input)), own);
  };
  return visit(at);
}
