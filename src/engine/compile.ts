/** Recording a function once and replaying it: a training step without the recording. */
import { collectUpdates, nextUpdate, undoUpdates } from './assign.ts';
import { currentDevice } from './device.ts';
import type { DType } from './dtype.ts';
import { runGraph, runWaitingUpdates } from './evaluate.ts';
import { buildGraph, type Graph } from './plan/graph.ts';
import { formatShape, type Shape } from './shape.ts';
import { leafNode, type Node } from './tape.ts';
import { Tensor } from './tensor.ts';

interface Recording {
  readonly graph: Graph;
  /** For each leaf of the graph the node to start a replay from. */
  readonly leaves: readonly ((args: readonly Tensor[]) => Node)[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: DType }[];
  readonly returnsOne: boolean;
  /** What the function assigns, in the order of the graph's last targets. */
  readonly states: readonly Tensor[];
}

/**
 * A function that records `fn` once for every combination of argument shapes and dtypes, and afterwards replays the
 * kernels with new arguments. `fn` must record the same operations every time: what it reads from outside as numbers
 * is fixed at the first call. Assignments in it (an optimiser's step, running statistics, random states) take place
 * at every call, on the states' values at that time.
 *
 * The result is what `fn` returns, computed: its elements are on the host, so `item()` and `data()` cost nothing.
 * Arguments must be tensors with values.
 */
export function compile<Args extends readonly Tensor[]>(
  fn: (...args: Args) => Tensor,
): (...args: Args) => Promise<Tensor>;
export function compile<Args extends readonly Tensor[]>(
  fn: (...args: Args) => readonly Tensor[],
): (...args: Args) => Promise<Tensor[]>;
export function compile<Args extends readonly Tensor[]>(
  fn: (...args: Args) => Tensor | readonly Tensor[],
): (...args: Args) => Promise<Tensor | Tensor[]> {
  const recordings = new Map<string, Recording>();
  return async (...args) => {
    const device = await currentDevice();
    await runWaitingUpdates();
    const key = args.map((arg) => `${arg.dtype}${formatShape(arg.shape)}`).join();
    const recording = recordings.get(key) ?? recordFunction(fn, args);
    recordings.set(key, recording);
    const { graph, leaves, outputs, states } = recording;
    const nodes = outputs.map(({ shape, dtype }) => resultNode(shape, dtype));
    const inputs = leaves.map((leaf) => leaf(args));
    const updates = states.map(nextUpdate);
    let run: ReturnType<typeof runGraph>;
    try {
      run = runGraph(device, { ...graph, leaves: inputs }, nodes, 'read', updates);
    } catch (error) {
      undoUpdates(updates);
      throw error;
    }
    await run.results;
    const results = nodes.map((node) => new Tensor(node));
    return recording.returnsOne ? results[0] : results;
  };
}

/** A leaf for what a compiled function returns: the tape does not know how it was made, and `grad` must say so. */
function resultNode(shape: Shape, dtype: DType): Node {
  const node = leafNode(shape, dtype);
  node.origin = 'the result of a compiled function';
  return node;
}

function recordFunction<Args extends readonly Tensor[]>(
  fn: (...args: Args) => Tensor | readonly Tensor[],
  args: Args,
): Recording {
  const placeholders = args.map((arg) => new Tensor(leafNode(arg.shape, arg.dtype)));
  const places = new Map(placeholders.map((placeholder, at) => [placeholder.node, at]));
  const { result, updates } = collectUpdates(() => fn(...(placeholders as unknown as Args)));
  const outputs: readonly Tensor[] = result instanceof Tensor ? [result] : result;
  const targets = [...outputs.map((output) => output.node), ...updates.map(({ node }) => node)];
  const graph = buildGraph(targets, (node) => places.has(node));
  return {
    graph,
    leaves: graph.leaves.map((node) => {
      const at = places.get(node);
      return at === undefined ? () => node.owner?.deref()?.node ?? node : (given) => given[at].node;
    }),
    outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    returnsOne: result instanceof Tensor,
    states: updates.map(({ target }) => target),
  };
}
