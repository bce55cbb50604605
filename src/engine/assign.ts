/**
 * State: a handle that moves to a new value. Values themselves never change, so whatever was recorded from the old
 * value still means the old value, and what is recorded afterwards sees the new one.
 */
import type { DType } from './dtype.ts';
import { formatShape, type Shape, ShapeError, sameShape } from './shape.ts';
import { isLeaf, leafNode, type Node, nextLeaf } from './tape.ts';
import type { Tensor } from './tensor.ts';

/** The node that each assigned handle waits to have computed. */
const waiting = new Map<Tensor, Node>();

/** @internal Nodes that hold a handle's last two values: the older one's memory takes the next value. */
interface History {
  current: Node;
  previous?: Node;
}

const histories = new WeakMap<Tensor, History>();

/**
 * Makes `target`, a leaf (a parameter, a buffer, a state), stand for `value` from here on. No gradient flows through:
 * the target stays a leaf. Computed together with the next value that is read, or by `run()`.
 *
 * A graph recorded earlier still reads the earlier value, until the target has been assigned and run twice more: the
 * memory is then taken by a newer value, and reading that graph is an error.
 */
export function assign(target: Tensor, value: Tensor): void {
  const old = target.node;
  if (!isLeaf(old)) {
    throw new Error(
      `assign: the target was computed by ${old.operation.name}; only leaves (tensor, parameter) hold state.`,
    );
  }
  if (!sameShape(target.shape, value.shape) || target.dtype !== value.dtype) {
    throw new ShapeError(
      `assign: ${value.dtype}${formatShape(value.shape)} cannot replace ${target.dtype}${formatShape(target.shape)}.`,
    );
  }
  for (const { value: held } of [old, value.node]) {
    if (held?.kind === 'gone') throw new Error(`assign: ${held.reason}`);
  }
  const node = leafNode(target.shape, target.dtype);
  node.source = value.node;
  const owner = old.owner ?? new WeakRef(target);
  old.owner = owner;
  node.owner = owner;
  historyOf(target);
  target.node = node;
  waiting.set(target, node);
}

/** Takes back a waiting assignment: its target is not wanted any more. */
export function forgetUpdate(target: Tensor): void {
  waiting.delete(target);
}

/** @internal An assignment to be run: where its value goes, and (`history.previous`) whose memory it may take. */
export interface Update {
  readonly target: Tensor;
  readonly node: Node;
  readonly history: History;
}

/** @internal */
export function waitingUpdates(): Update[] {
  return [...waiting].map(([target, node]) => ({ target, node, history: historyOf(target) }));
}

/** The history of a target that was assigned before; of any other it begins now. */
function historyOf(target: Tensor): History {
  const known = histories.get(target);
  if (known) return known;
  const history = { current: target.node };
  histories.set(target, history);
  return history;
}

/** @internal The values have been computed: the old current value becomes the spare. */
export function updatesDone(updates: readonly Update[]): void {
  for (const { target, node, history } of updates) {
    node.source = undefined;
    if (waiting.get(target) === node) waiting.delete(target);
    history.previous = history.current;
    history.current = node;
  }
}

/** @internal The update of a state at a replay: a new node, whose value the run provides. */
export function nextUpdate(target: Tensor): Update {
  const history = historyOf(target);
  const node = nextLeaf(target.node);
  target.node = node;
  return { target, node, history };
}

/** @internal The updates were not run: their targets stand for the values from before. */
export function undoUpdates(updates: readonly Update[]): void {
  for (const { target, history } of updates) target.node = history.current;
}

/**
 * @internal
 * Runs `body`, which records a function, and returns the updates that it asked for. They are not left waiting: every
 * state stands for its value from before. Nothing may be waiting when this is called.
 */
export function collectUpdates<T>(body: () => T): { result: T; updates: Update[] } {
  try {
    const result = body();
    return { result, updates: waitingUpdates() };
  } finally {
    for (const target of waiting.keys()) target.node = historyOf(target).current;
    waiting.clear();
  }
}

/**
 * Runs `body`, which records a graph, with each of `targets` standing for a computed value in place of its own, and
 * gives them their own back. They are leaves there: `grad` with respect to them is the gradient at those values, and no
 * gradient flows on into what the values were computed from. Assigning to a target inside is an error.
 */
export function withValues<T>(targets: readonly Tensor[], values: readonly Tensor[], body: () => T): T {
  if (targets.length !== values.length) {
    throw new RangeError(`withValues: ${values.length} values for ${targets.length} tensors.`);
  }
  const own = targets.map((target) => target.node);
  const standIns = targets.map(({ shape, dtype }, i) => standIn(shape, dtype, values[i]));
  targets.forEach((target, i) => {
    target.node = standIns[i];
  });
  try {
    const result = body();
    if (targets.some((target, i) => target.node !== standIns[i])) {
      throw new Error(
        'withValues: a tensor was assigned while it stood for another value; assign it afterwards.',
      );
    }
    return result;
  } finally {
    targets.forEach((target, i) => {
      if (target.node !== standIns[i]) waiting.delete(target);
      target.node = own[i];
    });
  }
}

/** A leaf that stands for a computed value. */
function standIn(shape: Shape, dtype: DType, value: Tensor): Node {
  if (!sameShape(shape, value.shape) || dtype !== value.dtype) {
    throw new ShapeError(
      `withValues: ${value.dtype}${formatShape(value.shape)} cannot stand for ${dtype}${formatShape(shape)}.`,
    );
  }
  const node = leafNode(shape, dtype);
  node.source = value.node;
  return node;
}
