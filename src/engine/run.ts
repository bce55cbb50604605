/** Running without reading, and looking at what would run. */
import { checkFlag, optionsOf } from './arguments.ts';
import { currentDevice } from './device.ts';
import type { NumberArray } from './dtype.ts';
import { evaluate } from './evaluate.ts';
import { buildGraph } from './plan/graph.ts';
import type { Node } from './tape.ts';
import { checkTensorList, checkTensors, type Tensor } from './tensor.ts';

/**
 * Computes tensors together, with every waiting `assign`, and keeps their values on the device until they are disposed
 * of or collected. Call it without tensors to run waiting assignments alone.
 *
 * An assignment that fails is dropped, and its target stands for the value from before. All else is computed; then
 * this rejects with an error that names the target's shape, where reading a value that does not depend on the target
 * only warns.
 */
export async function run(...tensors: readonly Tensor[]): Promise<void> {
  checkTensorList('run', 'tensors', tensors);
  const failures: string[] = [];
  await evaluate(
    tensors.map((tensor) => tensor.node),
    'keep',
    ({ message }) => failures.push(message),
  );
  if (failures.length > 0) throw new Error(failures.join('\n'));
}

/** The elements of several tensors, computed together: one plan, one wait. See `Tensor.data` for the arrays' types. */
export async function read(...tensors: readonly Tensor[]): Promise<NumberArray[]> {
  checkTensorList('read', 'tensors', tensors);
  const arrays = await evaluate(
    tensors.map((tensor) => tensor.node),
    'read',
  );
  return arrays.map((array) => array.slice());
}

/**
 * The tape behind a tensor and the plan that would compute it: one line per operation, then one per kernel with shapes,
 * bytes and arithmetic; with `wgsl`, the text of every distinct kernel.
 */
export async function explain(tensor: Tensor, options: { readonly wgsl?: boolean } = {}): Promise<string> {
  checkTensors('explain', { tensor });
  const { wgsl = false } = optionsOf('explain', options, ['wgsl']);
  checkFlag('explain', 'wgsl', wgsl);
  const nodes = tapeOf(tensor.node);
  const names = new Map(nodes.map((node, at) => [node, `%${at}`]));
  const lines = nodes.map((node) => {
    const inputs = inputsOf(node)
      .map((input) => names.get(input))
      .join(', ');
    return (
      `${(names.get(node) ?? '').padStart(5)} = ${node.operation.key} ${inputs}`.trimEnd().padEnd(44) +
      ` ${node.dtype}[${node.shape}]`
    );
  });
  const plan = (await currentDevice()).explain(buildGraph([tensor.node]), { wgsl });
  return [`tape: ${nodes.length} nodes`, ...lines, plan].join('\n');
}

/** The tape behind a tensor in Graphviz's language: nodes are operations, edges carry values. */
export function toDot(tensor: Tensor): string {
  checkTensors('toDot', { tensor });
  const nodes = tapeOf(tensor.node);
  const label = (node: Node) => `${node.operation.key}\\n${node.dtype}[${node.shape}]`;
  const boxes = nodes.map(
    (node) => `  n${node.id} [label="${label(node)}"${node.inputs.length === 0 ? ', style=filled' : ''}];`,
  );
  const edges = nodes.flatMap((node) => inputsOf(node).map((input) => `  n${input.id} -> n${node.id};`));
  return ['digraph tape {', '  node [shape=box, fontname=monospace];', ...boxes, ...edges, '}'].join('\n');
}

/** A node and all that it depends on, inputs first. */
function tapeOf(output: Node): Node[] {
  const found = new Set<Node>([output]);
  for (const node of found) for (const input of inputsOf(node)) found.add(input);
  return [...found].sort((a, b) => a.id - b.id);
}

/** What a node is computed from, where it has no value yet. */
function inputsOf({ inputs, source, value }: Node): readonly Node[] {
  return source !== undefined && value === undefined ? [source] : inputs;
}
