/** From "a value is asked for" to the device: gathers what is needed, with the waiting assignments, and runs it. */
import { type Update, updatesDone, waitingUpdates } from './assign.ts';
import { currentDevice, type Device, type Target } from './device.ts';
import type { NumberArray } from './dtype.ts';
import { buildGraph, type Graph, resolve } from './plan/graph.ts';
import type { Node, Value } from './tape.ts';

/**
 * Computes nodes. 'read' brings their elements to the host and remembers them there; 'keep' leaves them on the device.
 */
export async function evaluate(nodes: readonly Node[], purpose: 'read' | 'keep'): Promise<NumberArray[]> {
  const device = await currentDevice();
  for (;;) {
    const updates = waitingUpdates();
    const known = nodes.map(({ value }) =>
      value?.kind === 'host' && purpose === 'read' ? value.data : undefined,
    );
    if (updates.length === 0 && known.every((data) => data !== undefined)) {
      return known.map((data) =>
        device.kind === 'gpu' && data instanceof Float64Array ? Float32Array.from(data) : data,
      );
    }
    const graph = buildGraph([...nodes, ...updates.map(({ node }) => node)]);
    const settling = device.settle(graph);
    if (!settling) return runGraph(device, graph, nodes.map(resolve), purpose, updates).results;
    await settling;
  }
}

/** What the device has to be given time for before `runWaitingUpdates`, if anything. */
export function settleWaitingUpdates(device: Device): Promise<void> | undefined {
  const updates = waitingUpdates();
  return updates.length === 0 ? undefined : device.settle(buildGraph(updates.map(({ node }) => node)));
}

/** Hands over what `assign` left waiting: when this returns nothing is, and the promise tells whether all went well. */
export function runWaitingUpdates(device: Device): Promise<unknown> {
  const updates = waitingUpdates();
  if (updates.length === 0) return Promise.resolve();
  const graph = buildGraph(updates.map(({ node }) => node));
  return runGraph(device, graph, [], 'keep', updates).results;
}

/** Runs a graph whose targets are `nodes`, then `updates`, and stores the values that stay in their nodes. */
export function runGraph(
  device: Device,
  graph: Graph,
  nodes: readonly Node[],
  purpose: 'read' | 'keep',
  updates: readonly Update[],
): { readonly results: Promise<NumberArray[]> } {
  const targets: Target[] = [
    ...nodes.map(
      (node): Target => ({ purpose: node.value?.kind === 'device' && purpose === 'keep' ? 'none' : purpose }),
    ),
    ...updates.map(({ history: { previous } }): Target => {
      const recycle = previous?.value?.kind === 'device' ? previous.value : undefined;
      return { purpose: 'keep', recycle };
    }),
  ];
  const { kept, reads } = device.run(graph, targets);
  nodes.forEach((node, i) => {
    const value = kept[i];
    if (!value) return;
    // The same tensor was asked for twice: one value is enough.
    if (node.value?.kind === 'device') node.value.storage.release();
    node.value = value;
  });
  updates.forEach(({ node, history: { previous } }, i) => {
    const value = kept[nodes.length + i];
    if (!value) return;
    if (previous?.value === value) previous.value = replaced;
    node.value = value;
  });
  updatesDone(updates);
  return {
    results: reads.then((arrays) => {
      nodes.forEach((node, i) => {
        if (purpose === 'read' && node.value === undefined) node.value = { kind: 'host', data: arrays[i] };
      });
      return arrays;
    }),
  };
}

const replaced: Value = {
  kind: 'gone',
  reason:
    'This value of a parameter was assigned over more than once since; read what depends on it before the second update.',
};
