/** The hand-written kernels that a graph needs, known before it is planned. */
import type { Choices } from '../../kernels/family.ts';
import { sizeOf } from '../shape.ts';
import { absorbTransposes, type Graph } from './graph.ts';
import type { Switches } from './switches.ts';

export interface OwnKernelLaunch {
  readonly choices: Choices;
  /** Elements of each input and of the result. */
  readonly inputs: readonly number[];
  readonly output: number;
}

/** In the order of the graph. */
export function ownKernels(graph: Graph, { transposesInPlace }: Switches): OwnKernelLaunch[] {
  const { entries } = transposesInPlace ? absorbTransposes(graph) : graph;
  return entries.flatMap((entry) => {
    const { lowering } = entry.operation;
    const output = sizeOf(entry.shape);
    if (entry.leaf !== undefined || lowering.kind !== 'kernel' || output === 0) return [];
    return { choices: lowering.choices(entry), inputs: entry.inputShapes.map(sizeOf), output };
  });
}
