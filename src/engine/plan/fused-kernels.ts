/** WGSL of the kernels that fusion makes for element-wise results, and of what follows other kernels' results. */
import { type Epilogue, storeResults } from '../../kernels/epilogue.ts';
import { grid, type Kernel, linearMain } from '../../kernels/kernel.ts';
import { mathFunctions } from '../../kernels/math.ts';
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
  const { members } = group;
  const count = sizeOf(graph.entries[members[0]].shape);
  const emitter = new Emitter(graph.entries, fusion);
  const bound = emitter.bound(count);
  writeElements(emitter, graph, group);
  return {
    reads: emitter.reads,
    kernel: {
      name: members.map((at) => namesOf(graph, at, fusion)).join(' | '),
      source: program(emitter, graph, group.written, [`if (i >= ${bound}) { return; }`, ...emitter.lines]),
      uniforms: emitter.uniforms,
      workgroups: grid(count),
      flops: count * members.reduce((total, at) => total + costOf(graph, at, fusion), 0),
    },
  };
}

/** What becomes of the results of the hand-written kernel that a group begins with. */
export function epilogueOf(
  graph: Graph,
  group: Group,
  fusion: Fusion,
): { readonly epilogue: Epilogue; readonly reads: readonly number[] } {
  const { members, written } = group;
  const [own] = members;
  if (members.length === 1) return { epilogue: storeResults, reads: [] };
  const emitter = new Emitter(graph.entries, fusion, 'p.more');
  emitter.know(own, emitter.linear(graph.entries[own].shape, 'i'), 'value');
  writeElements(emitter, graph, group);
  const body = emitter.lines.map((line) => `  ${line}`).join('\n');
  const outputs = written.map((at) => graph.entries[at].dtype);
  const epilogue: Epilogue = {
    members: emitter.uniforms.length > 0 ? `more: ${emitter.uniformType},` : '',
    uniforms: emitter.uniforms,
    declarations: (first) => `${emitter.bindings(first, outputs)}
@group(0) @binding(${first + emitter.reads.length + outputs.length}) var<uniform> p: Params;
${mathFunctions(body)}
fn put(i: u32, value: f32) {
${body}
}`,
  };
  return { epilogue, reads: emitter.reads };
}

/**
 * Writes the lines of a thread at position `i` that knows the group's sums and results of kernels already: computes
 * the element-wise members, in order, and stores what is needed outside.
 */
export function writeElements(emitter: Emitter, { entries }: Graph, { members, written }: Group): void {
  for (const at of members) {
    const { shape, dtype, operation } = entries[at];
    const index = emitter.linear(shape, 'i');
    const value = operation.lowering.kind === 'inline' ? emitter.result(at, index) : emitter.value(at, index);
    const output = written.indexOf(at);
    if (output < 0) continue;
    emitter.write(`out${output}[i] = ${dtype === 'bool' ? `select(0u, 1u, ${value})` : value};`);
  }
}

/** The whole module around the lines of the entry point's body. */
export function program(
  emitter: Emitter,
  { entries }: Graph,
  written: readonly number[],
  lines: readonly string[],
  main = linearMain,
): string {
  const body = lines.map((line) => `  ${line}`).join('\n');
  const outputs = written.map((at) => entries[at].dtype);
  return `${emitter.bindings(0, outputs)}
@group(0) @binding(${emitter.reads.length + outputs.length}) var<uniform> p: ${emitter.uniformType};
${mathFunctions(body)}
${main}
${body}
}
`;
}

/** The operations in a kernel, inputs first: `sub-mul-relu`. What is used twice is named twice, but visited once. */
export function namesOf(graph: Graph, at: number, { stored }: Fusion): string {
  const known = new Map<number, readonly string[]>();
  const visit = (entry: number): readonly string[] => {
    const before = known.get(entry);
    if (before) return before;
    const { inputs, operation } = graph.entries[entry];
    const names: string[] = [];
    for (const name of [...inputs.flatMap((input) => (stored[input] ? [] : visit(input))), operation.name]) {
      if (names.length < 12 && names.at(-1) !== name && name !== 'full') names.push(name);
    }
    known.set(entry, names);
    return names;
  };
  return visit(at).join('-') || 'full';
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
