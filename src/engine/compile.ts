/** Recording a function once and replaying it: a training step without the recording. */
import { checkFunction, shown } from './arguments.ts';
import { collectUpdates, nextUpdate, undoUpdates } from './assign.ts';
import { currentDevice, type Device } from './device.ts';
import type { DType } from './dtype.ts';
import { evaluate, handOverUpdates, runGraph, Unfounded } from './evaluate.ts';
import { buildGraph, type Graph, resolve } from './plan/graph.ts';
import { formatShape, type Shape } from './shape.ts';
import { leafNode, type Node } from './tape.ts';
import { Tensor } from './tensor.ts';

interface Recording {
  readonly graph: Graph;
  /** Settles when the values are there that the function takes from earlier recordings. */
  readonly ready: Promise<unknown>;
  /** For each leaf of the graph the node to start a replay from. */
  readonly leaves: readonly ((args: readonly Node[]) => Node)[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: DType }[];
  readonly returnsOne: boolean;
  /** What the function assigns, in the order of the graph's last targets. */
  readonly states: readonly Tensor[];
}

/**
 * A function that records `fn` once for every combination of argument shapes and dtypes, and afterwards replays the
 * kernels with new arguments. `fn` must record the same operations every time: what it reads from outside as numbers
 * is fixed at the first call, and so is a result recorded outside (a copy of the first weights). Assignments in it (an
 * optimiser's step, running statistics, random states) take place at every call, on the states' values at that time;
 * assigning to an argument is an error.
 *
 * The result is what `fn` returns, computed: its elements are on the host, so `item()` and `data()` cost nothing.
 * An argument that has no value yet is computed first and keeps it, as by `run()`; a state stands for its value at the
 * time of the call. `fn` takes tensors, returns a tensor or a list of them, and is not async.
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
  checkFunction('compile', 'fn', fn);
  const recordings = new Map<string, Recording>();
  return async (...args) => {
    checkArguments(args);
    const given = args.map(({ node }) => node);
    const device = await currentDevice();
    const key = args.map((arg) => `${arg.dtype}${formatShape(arg.shape)}`).join();
    const lazy = given.filter((node) => resolve(node).value === undefined);
    if (lazy.length > 0) await evaluate(lazy, 'keep');
    for (;;) {
      const waiting = handOverUpdates(device);
      if (waiting) {
        await waiting;
        continue;
      }
      // From here to the run nothing waits: an assign in between would be taken for the function's own.
      let recording = recordings.get(key);
      if (!recording) {
        recording = recordFunction(device, fn, args);
        recordings.set(key, recording);
        recording.ready.catch(() => recordings.delete(key));
      }
      const graph = { ...recording.graph, leaves: recording.leaves.map((leaf) => leaf(given)) };
      const settling = device.settle(graph);
      if (settling) {
        await settling;
        continue;
      }
      try {
        return await replay(device, recording, graph);
      } catch (error) {
        if (!(error instanceof Unfounded)) throw error;
        await recording.ready;
      }
    }
  };
}

/** Runs a recording; `graph` is its own, with the values that go in now. If that fails, every state stands for its value from before. */
async function replay(device: Device, recording: Recording, graph: Graph): Promise<Tensor | Tensor[]> {
  const { outputs, states } = recording;
  const nodes = outputs.map(({ shape, dtype }) => resultNode(shape, dtype));
  const updates = states.map(nextUpdate);
  let run: ReturnType<typeof runGraph>;
  try {
    run = runGraph(device, graph, nodes, 'read', updates);
  } catch (error) {
    undoUpdates(updates);
    throw error;
  }
  await run.results;
  const results = nodes.map((node) => new Tensor(node));
  return recording.returnsOne ? results[0] : results;
}

function checkArguments(args: readonly unknown[]): void {
  const at = args.findIndex((arg) => !(arg instanceof Tensor));
  if (at < 0) return;
  throw new TypeError(
    `compile: argument ${at} is ${shown(args[at])}, but the function takes tensors: what it is recorded with otherwise ` +
      'is fixed at the first call. Pass a number that varies as tensor(number), and use others inside the function.',
  );
}

function checkReturned(returned: unknown): void {
  const wanted = 'return a tensor or a list of tensors';
  if (returned instanceof Tensor) return;
  if (returned instanceof Promise) {
    // Whatever becomes of it, this error is the one to show.
    returned.catch(() => {});
    throw new TypeError(
      'compile: the function is async, but it is recorded, not run, and has nothing to wait for; ' +
        `${wanted}, and wait for values outside of it.`,
    );
  }
  if (!Array.isArray(returned)) {
    throw new TypeError(`compile: the function returned ${shown(returned)}; ${wanted}.`);
  }
  const at = returned.findIndex((item) => !(item instanceof Tensor));
  if (at < 0) return;
  throw new TypeError(
    `compile: item ${at} of what the function returned is ${shown(returned[at])}; ${wanted}.`,
  );
}

/** A leaf for what a compiled function returns: the tape does not know how it was made, and `grad` must say so. */
function resultNode(shape: Shape, dtype: DType): Node {
  const node = leafNode(shape, dtype);
  node.origin = 'the result of a compiled function';
  return node;
}

function recordFunction<Args extends readonly Tensor[]>(
  device: Device,
  fn: (...args: Args) => Tensor | readonly Tensor[],
  args: Args,
): Recording {
  const placeholders = args.map((arg) => new Tensor(leafNode(arg.shape, arg.dtype)));
  const places = new Map(placeholders.map((placeholder, at) => [placeholder.node, at]));
  const start = leafNode([], 'f32').id;
  const { result, updates } = collectUpdates(() => {
    const returned = fn(...(placeholders as unknown as Args));
    checkReturned(returned);
    const tensors: readonly Tensor[] = returned instanceof Tensor ? [returned] : returned;
    // Their nodes now: a state that is returned stands for its old value again when recording ends.
    return { one: returned instanceof Tensor, nodes: tensors.map(({ node }) => node) };
  });
  const states = updates.map(({ target }) => target);
  const argument = placeholders.findIndex((placeholder) => states.includes(placeholder));
  if (argument >= 0) {
    throw new Error(
      `compile: the function assigns to its argument ${argument}, of shape ${formatShape(args[argument].shape)}; the ` +
        'tensor that is passed would not change. Let the function use the state itself, not take it as an argument.',
    );
  }
  const targets = [...result.nodes, ...updates.map(({ node }) => node)];
  const ready = keepEarlier(device, targets, start);
  ready.catch(() => {});
  const graph = buildGraph(targets, (node) => places.has(node));
  return {
    graph,
    ready,
    leaves: graph.leaves.map((node) => {
      const at = places.get(node);
      if (at !== undefined) return (given) => resolve(given[at]);
      const state = node.owner?.deref();
      return state ? () => state.node : () => node;
    }),
    outputs: result.nodes.map(({ shape, dtype }) => ({ shape, dtype })),
    returnsOne: result.one,
    states,
  };
}

/**
 * Computes what the function uses of results recorded before it: they mean the states of that time, and a replay must
 * not make them again from later ones.
 */
function keepEarlier(device: Device, targets: readonly Node[], start: number): Promise<unknown> {
  const earlier: Node[] = [];
  const found = new Set(targets);
  for (const node of found) {
    const { source, inputs } = node;
    if (node.value !== undefined || (source === undefined && inputs.length === 0)) continue;
    if (node.id < start) earlier.push(node);
    else for (const input of source ? [source] : inputs) found.add(input);
  }
  if (earlier.length === 0) return Promise.resolve();
  return runGraph(device, buildGraph(earlier), earlier, 'keep', []).results;
}
