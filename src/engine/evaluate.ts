/** From "a value is asked for" to the device: gathers what is needed, with the waiting assignments, and runs it. */
import {
  dropUpdate,
  giveBackReplaced,
  takenOver,
  type Update,
  updatesFailed,
  updatesHandedOver,
  updatesSettled,
  waitingUpdates,
} from './assign.ts';
import { currentDevice, type Device, type Target } from './device.ts';
import { DeviceLostError } from './device-lost.ts';
import type { NumberArray } from './dtype.ts';
import { buildGraph, type Graph, resolve } from './plan/graph.ts';
import { dropInputs, type Node, releaseValue, type Value } from './tape.ts';

/** A run built on the results of an earlier one that turned out to have failed. It is to be planned anew. */
export class Unfounded extends Error {}

/** Told of updates that failed and were dropped, where what was asked for does not depend on them. */
type Tell = (failure: Error) => void;

const warn: Tell = ({ message }) => console.warn(`regrad: ${message}`);

/**
 * Computes nodes. 'read' brings their elements to the host and remembers them there; 'keep' leaves them on the device.
 * Rejects with what went wrong with these nodes; other updates that fail are told.
 */
export async function evaluate(
  nodes: readonly Node[],
  purpose: 'read' | 'keep',
  tell: Tell = warn,
): Promise<NumberArray[]> {
  const device = await currentDevice();
  const failures: Error[] = [];
  let own: unknown;
  try {
    return await compute(device, nodes, purpose, failures);
  } catch (error) {
    own = error;
    throw error;
  } finally {
    for (const failure of failures) {
      if (!(own instanceof Error) || own.message !== failure.message) tell(failure);
    }
  }
}

async function compute(
  device: Device,
  nodes: readonly Node[],
  purpose: 'read' | 'keep',
  failures: Error[],
): Promise<NumberArray[]> {
  for (;;) {
    if (runningApart) {
      await runningApart;
      continue;
    }
    const updates = waitingUpdates();
    const known = nodes.map((node) => {
      const { value } = resolve(node);
      return value?.kind === 'host' && purpose === 'read' ? value.data : undefined;
    });
    if (updates.length === 0 && known.every((data) => data !== undefined)) {
      return known.map((data) =>
        device.kind === 'gpu' && data instanceof Float64Array ? Float32Array.from(data) : data,
      );
    }
    try {
      const graph = buildGraph([...nodes, ...updates.map(({ node }) => node)]);
      const settling = device.settle(graph);
      if (!settling) return await runGraph(device, graph, nodes, purpose, updates).results;
      await settling;
    } catch (error) {
      if (error instanceof Unfounded) continue;
      if (updates.length === 0 || error instanceof DeviceLostError) throw error;
      failures.push(...(await runApart(device)));
    }
  }
}

/**
 * Hands over what `assign` left waiting. What it returns is to be waited for before calling it again; undefined: nothing
 * waits, and should the device refuse it later, then runs that build on it are `Unfounded`.
 */
export function handOverUpdates(device: Device): Promise<unknown> | undefined {
  const tellApart = () => runApart(device).then((failures) => failures.forEach(warn));
  if (runningApart) return runningApart;
  const updates = waitingUpdates();
  if (updates.length === 0) return undefined;
  try {
    const graph = buildGraph(updates.map(({ node }) => node));
    const settling = device.settle(graph);
    if (settling) return settling;
    runGraph(device, graph, [], 'keep', updates).results.catch(() => tellApart().catch(() => {}));
    return undefined;
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    return tellApart();
  }
}

/** Present while updates are run apart that failed together: whoever comes meanwhile waits for it. */
let runningApart: Promise<Error[]> | undefined;

/** Runs the waiting updates apart, after they failed together. Those that fail alone are dropped: these are the errors. */
function runApart(device: Device): Promise<Error[]> {
  if (runningApart) return runningApart;
  const updates = waitingUpdates();
  runningApart = runParts(device, updates).finally(() => {
    runningApart = undefined;
    giveBackReplaced(updates);
  });
  return runningApart;
}

async function runParts(device: Device, updates: readonly Update[]): Promise<Error[]> {
  if (updates.length === 0) return [];
  const apart = updates.map((update) => ({ ...update, spare: undefined, isApart: true }));
  try {
    for (;;) {
      const graph = buildGraph(updates.map(({ node }) => node));
      const settling = device.settle(graph);
      if (!settling) {
        await runGraph(device, graph, [], 'keep', apart).results;
        return [];
      }
      await settling;
    }
  } catch (error) {
    if (error instanceof Unfounded) return runParts(device, updates);
    if (error instanceof DeviceLostError) throw error;
    const middle = updates.length >> 1;
    if (middle === 0) return [dropUpdate(updates[0], asError(error))];
    const before = await runParts(device, updates.slice(0, middle));
    return [...before, ...(await runParts(device, updates.slice(middle)))];
  }
}

/**
 * Runs a graph whose targets are `nodes`, then `updates`, and stores the values that stay in their nodes: at once, for
 * others to build on. If the run or one that it builds on fails, they are taken back.
 */
export function runGraph(
  device: Device,
  graph: Graph,
  nodes: readonly Node[],
  purpose: 'read' | 'keep',
  updates: readonly Update[],
): { readonly results: Promise<NumberArray[]> } {
  const stays = new Set(updates.map(({ node }) => node));
  const targets: Target[] = [
    ...nodes.map((node): Target => {
      const isThere = node.value?.kind === 'device' || stays.has(node);
      stays.add(node);
      return { purpose: isThere && purpose === 'keep' ? 'none' : purpose };
    }),
    ...updates.map(({ spare }): Target => {
      const recycle = spare?.value?.kind === 'device' ? spare.value : undefined;
      return { purpose: 'keep', recycle };
    }),
  ];
  const { kept, reads } = device.run(graph, targets);
  reads.catch(() => {});
  const founded = Promise.all(graph.leaves.flatMap(({ proof }) => proof ?? [])).catch((error) => {
    throw new Unfounded(asError(error).message);
  });
  const stored: { readonly node: Node; readonly value: Value; readonly before?: Value }[] = [];
  const results = founded
    .then(() => reads)
    .then((arrays) => {
      nodes.forEach((node, i) => {
        if (purpose === 'read' && node.value === undefined) node.value = { kind: 'host', data: arrays[i] };
        node.source = undefined;
        dropInputs(node);
      });
      updatesSettled(updates);
      for (const { node } of stored) node.proof = undefined;
      return arrays;
    })
    .catch((error) => {
      for (const { node, value, before } of stored.reverse()) {
        if (node.value !== value) continue;
        releaseValue(value);
        node.value = before;
        node.proof = undefined;
      }
      updatesFailed(updates, asError(error));
      throw error;
    });
  results.catch(() => {});
  [...nodes, ...updates.map(({ node }) => node)].forEach((node, i) => {
    const value = kept[i];
    if (!value) return;
    const spare = updates[i - nodes.length]?.spare;
    if (spare && spare.value === value) takenOver(spare);
    stored.push({ node, value, before: node.value });
    node.value = value;
    node.proof = results;
  });
  updatesHandedOver(updates);
  return { results };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
