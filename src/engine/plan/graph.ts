/**
 * The part of the tape that a result needs, as plain structure: entries in an order where inputs come first, equal
 * ones shared, and nothing that refers to a node, so that plans can be kept without keeping tensors.
 */
import { type Entry, isLeaf, type Node } from '../tape.ts';

export interface GraphEntry extends Entry {
  /** Positions of the inputs in the list of entries. */
  readonly inputs: readonly number[];
  /** For a leaf: its place in `Graph.leaves`. */
  readonly leaf?: number;
}

export interface Graph {
  readonly entries: readonly GraphEntry[];
  /** The nodes whose values go in, in order of `GraphEntry.leaf`. */
  readonly leaves: readonly Node[];
  /** For every node that was asked for, its entry. */
  readonly targets: readonly number[];
  /** Equal keys: the same plan serves. */
  readonly key: string;
}

/** Follows what stands for another node, or for an assignment that has not run yet, to the node that computes it. */
export function resolve(node: Node): Node {
  let at = node;
  while (at.source !== undefined && at.value === undefined && !takeOver(at, at.source)) at = at.source;
  return at;
}

/**
 * Shares the value of the node that this one stands for, so that the tape behind it is held no longer. A state has
 * memory of its own, which newer values take; nor does anything lie behind a leaf.
 */
function takeOver(node: Node, { value, proof, operation }: Node): boolean {
  if (node.owner !== undefined || proof !== undefined || operation.lowering.kind === 'leaf') return false;
  if (value === undefined || value.kind === 'gone') return false;
  node.value = value.kind === 'device' ? value.storage.share() : value;
  node.source = undefined;
  return true;
}

/** `isInput` marks leaves without a value that will get one before the graph is run. */
export function buildGraph(targets: readonly Node[], isInput: (node: Node) => boolean = () => false): Graph {
  const entries: GraphEntry[] = [];
  const leaves: Node[] = [];
  const keys: string[] = [];
  const byNode = new Map<Node, number>();
  const byKey = new Map<string, number>();

  const add = (node: Node, inputs: readonly number[]): void => {
    const leaf = hasValue(node) || isInput(node);
    const key = leaf ? `${node.signature}|leaf${leaves.length}` : `${node.signature}|${inputs.join()}`;
    let at = byKey.get(key);
    if (at === undefined) {
      const { operation, shape, dtype, inputShapes, inputDTypes } = node;
      at = entries.length;
      entries.push({
        operation,
        shape,
        dtype,
        inputShapes,
        inputDTypes,
        inputs,
        leaf: leaf ? leaves.length : undefined,
      });
      keys.push(key);
      byKey.set(key, at);
      if (leaf) leaves.push(node);
    }
    byNode.set(node, at);
  };

  // Depth first with an explicit stack: the tape may be a hundred thousand nodes deep.
  const stack = targets.map(resolve).reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    if (byNode.has(node)) {
      stack.pop();
      continue;
    }
    if (hasValue(node) || isInput(node)) {
      add(node, []);
      stack.pop();
      continue;
    }
    if (isLeaf(node)) throw new Error(missingValue(node));
    const inputs = node.inputs.map(resolve);
    const waiting = inputs.filter((input) => !byNode.has(input));
    if (waiting.length > 0) {
      stack.push(...waiting.reverse());
    } else {
      add(
        node,
        inputs.map((input) => byNode.get(input) ?? 0),
      );
      stack.pop();
    }
  }
  const positions = targets.map((node) => byNode.get(resolve(node)) ?? 0);
  return { entries, leaves, targets: positions, key: `${keys.join(';')}>${positions.join()}` };
}

/** The graph with kernels reading transposed inputs in place, where they can, instead of a copy. */
export function absorbTransposes(graph: Graph): Graph {
  const entries = graph.entries.map((entry) => {
    let result = entry;
    entry.inputs.forEach((input, i) => {
      const view = graph.entries[input];
      const [source] = view.inputs;
      const { lowering } = result.operation;
      if (view.leaf !== undefined || view.operation.lowering.kind !== 'inline') return;
      if (!view.operation.lowering.swapsLastTwo || lowering.kind !== 'kernel' || !lowering.withTransposed)
        return;
      result = {
        ...result,
        operation: lowering.withTransposed(i),
        inputs: result.inputs.with(i, source),
        inputShapes: result.inputShapes.with(i, graph.entries[source].shape),
      };
    });
    return result;
  });
  return { ...graph, entries };
}

/** True for a node that a plan can start from. */
function hasValue(node: Node): boolean {
  if (node.value?.kind === 'gone') throw new Error(node.value.reason);
  return node.value !== undefined;
}

function missingValue(node: Node): string {
  return `A tensor of shape [${node.shape}] has no value yet: it is an input of a compiled function, which cannot be read inside it.`;
}
