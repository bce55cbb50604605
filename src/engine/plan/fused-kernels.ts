/** WGSL of the kernels that fusion makes for element-wise results, and what those share with reductions. */
import { grid, type Kernel, linearMain } from '../../kernels/kernel.ts';
import type { DType } from '../dtype.ts';
import { sizeOf } from '../shape.ts';
import { Emitter } from './emitter.ts';
import type { Fusion } from './fuse.ts';
import type { Graph } from './graph.ts';
import type { Group } from './group.ts';

export interface FusedKernel {
  readonly kernel: Kernel;
  /** Entries read, in binding order. The outputs follow, in the group's order. */
  readonly reads: readonly number[];
}

/** One thread per element: every member of the group at one position, one after the other. */
export function elementwiseKernel(graph: Graph, group: Group, fusion: Fusion): FusedKernel {
  const { entries } = graph;
  const count = sizeOf(entries[group[0]].shape);
  const emitter = new Emitter(entries, fusion);
  const bound = emitter.bound(count);
  group.forEach((at, i) => {
    const { shape, dtype } = entries[at];
    emitter.write(`out${i}[i] = ${storedForm(emitter.result(at, emitter.linear(shape, 'i')), dtype)};`);
  });
  const dtypes = group.map((at) => entries[at].dtype);
  return {
    reads: emitter.reads,
    kernel: {
      name: group.map((at) => namesOf(graph, at, fusion)).join(' | '),
      source: program(emitter, dtypes, [`if (i >= ${bound}) { return; }`, ...emitter.lines]),
      uniforms: emitter.uniforms,
      workgroups: grid(count),
      flops: count * group.reduce((total, at) => total + costOf(graph, at, fusion), 0),
    },
  };
}

function storedForm(value: string, dtype: DType): string {
  return dtype === 'bool' ? `select(0u, 1u, ${value})` : value;
}

/** The whole module around the lines of the entry point's body. */
export function program(emitter: Emitter, outputs: readonly DType[], lines: readonly string[]): string {
  const body = lines.map((line) => `  ${line}`).join('\n');
  return `${emitter.header(outputs, body)}\n${linearMain}\n${body}\n}\n`;
}

/** The operations in a kernel, inputs first: `sub-mul-relu`. */
export function namesOf(graph: Graph, at: number, { stored }: Fusion): string {
  const names: string[] = [];
  const visit = (entry: number): void => {
    for (const input of graph.entries[entry].inputs) if (!stored[input]) visit(input);
    const { name } = graph.entries[entry].operation;
    if (names.length < 12 && names.at(-1) !== name && name !== 'full') names.push(name);
  };
  visit(at);
  return names.join('-') || 'full';
}

/** Arithmetic per element, for profiles. */
export function costOf(graph: Graph, at: number, { stored }: Fusion): number {
  const seen = new Set<number>();
  const visit = (entry: number): number => {
    if (seen.has(entry)) return 0;
    seen.add(entry);
    const { operation, inputs } = graph.entries[entry];
    const own = operation.lowering.kind === 'inline' ? operation.lowering.cost : 0;
    return inputs.reduce((total, input) => total + (stored[input] ? 0 : visit(input)), own);
  };
  return visit(at);
}
