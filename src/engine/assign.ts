/**
 * State: a handle that moves to a new value. Values themselves never change, so whatever was recorded from the old
 * value still means the old value, and what is recorded afterwards sees the new one.
 */
import { checkFunction } from './arguments.ts';
import type { DType } from './dtype.ts';
import { formatShape, type Shape, ShapeError, sameShape } from './shape.ts';
import { type GoneValue, isLeaf, leafNode, type Node, nextLeaf, releaseValue } from './tape.ts';
import { checkTensorList, checkTensors, type Tensor } from './tensor.ts';

/** The nodes that each assigned handle waits to have computed: the last, and should that fail, the one before it. */
const waiting = new Map<Tensor, Node[]>();

/** @internal Where the values of a handle lie. */
interface History {
  /** The last node whose value was handed over to a device. */
  current: Node;
  /** The last whose value is known to be good. */
  settled: Node;
  /** The one before it, whose memory the next value takes. */
  spare?: Node;
}

const histories = new WeakMap<Tensor, History>();

/** Nodes that states stand for inside `withValues`. */
const standIns = new WeakSet<Node>();

/**
 * Makes `target`, a leaf (a parameter, a buffer, a state), stand for `value` from here on. No gradient flows through:
 * the target stays a leaf. Computed together with the next value that is read, or by `run()`.
 *
 * A graph recorded earlier still reads the earlier value, until the target has been assigned and run twice more: the
 * memory is then taken by a newer value, and reading that graph is an error.
 */
export function assign(target: Tensor, value: Tensor): void {
  checkTensors('assign', { target, value });
  const old = target.node;
  if (standIns.has(old)) {
    throw new Error(
      'withValues: a tensor was assigned while it stood for another value; assign it afterwards.',
    );
  }
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
  const nodes = waiting.get(target);
  if (nodes) nodes.push(node);
  else waiting.set(target, [node]);
}

/** What `assign` left to be computed together with the next value that is read. */
export interface WaitingAssignment {
  readonly target: Tensor;
  /**
   * Takes it back, and others to the same target: it stands for its last value that was computed, or else for its
   * first. What was recorded from the new value still means that.
   */
  cancel(): void;
}

/** The assignments that wait for the next value to be read, or for `run()`. */
export function waitingAssignments(): WaitingAssignment[] {
  return [...waiting].flatMap(([target, nodes]) => {
    // What a state starts with is no assignment: without it there is no value.
    const from = historyOf(target).current.value === undefined ? nodes[1] : nodes[0];
    return from === undefined ? [] : [{ target, cancel: () => takeBack(target, from) }];
  });
}

/** Nothing waits for this node and later ones any more: their target stands for what came before. */
function takeBack(target: Tensor, node: Node): void {
  const nodes = waiting.get(target) ?? [];
  const at = nodes.indexOf(node);
  if (at < 0 && target.node !== node) return;
  const left = nodes.slice(0, Math.max(at, 0));
  setWaiting(target, left);
  target.node = left.at(-1) ?? historyOf(target).current;
}

function setWaiting(target: Tensor, nodes: Node[]): void {
  if (nodes.length === 0) waiting.delete(target);
  else waiting.set(target, nodes);
}

/** @internal Gives back all memory of a tensor, a waiting value's too; whatever reads its nodes fails with `reason`. */
export function disposeNodes(target: Tensor, reason: string): void {
  const { current, settled, spare } = histories.get(target) ?? {};
  for (const node of [target.node, ...(waiting.get(target) ?? []), current, settled, spare]) {
    if (node === undefined) continue;
    releaseValue(node.value);
    node.value = { kind: 'gone', reason };
    node.source = undefined;
  }
  waiting.delete(target);
}

/** @internal An assignment to be run: where its value goes, and whose memory it may take. */
export interface Update {
  readonly target: Tensor;
  readonly node: Node;
  /** Values that were assigned before and have not been computed, to return to if this one fails. */
  readonly earlier: readonly Node[];
  readonly spare?: Node;
  /** Run apart from others, which may read the values that it replaces: no memory is taken or given back. */
  readonly isApart?: boolean;
}

/** @internal */
export function waitingUpdates(): Update[] {
  return [...waiting].map(([target, nodes]) => {
    const { spare } = historyOf(target);
    return { target, node: nodes[nodes.length - 1], earlier: nodes.slice(0, -1), spare };
  });
}

/** The history of a target that was assigned before; of any other it begins now. */
function historyOf(target: Tensor): History {
  const known = histories.get(target);
  if (known) return known;
  const history = { current: target.node, settled: target.node };
  histories.set(target, history);
  return history;
}

/** @internal A device has the updates: nothing waits for them any more. */
export function updatesHandedOver(updates: readonly Update[]): void {
  for (const { target, node } of updates) {
    const nodes = waiting.get(target) ?? [];
    setWaiting(target, nodes.slice(nodes.indexOf(node) + 1));
    historyOf(target).current = node;
  }
}

/** @internal Their values are good: what they replace becomes the spare, and what was spare is given back. */
export function updatesSettled(updates: readonly Update[]): void {
  for (const { target, node, isApart } of updates) {
    node.source = undefined;
    const history = historyOf(target);
    if (node.id < history.settled.id) continue;
    if (history.spare && !isApart) giveBack(history.spare);
    history.spare = history.settled;
    history.settled = node;
  }
}

const replaced: GoneValue = {
  kind: 'gone',
  reason:
    'This value of a parameter was assigned over more than once since; read what depends on it before the second update.',
};

/** @internal After updates were run apart: gives back the memory of values that two newer ones have replaced. */
export function giveBackReplaced(updates: readonly Update[]): void {
  for (const { target, spare } of updates) {
    if (spare && spare !== historyOf(target).spare) giveBack(spare);
  }
}

function giveBack(spare: Node): void {
  releaseValue(spare.value);
  if (spare.value?.kind === 'device') spare.value = replaced;
}

/** @internal The memory of a spare value went to another. */
export function takenOver(spare: Node): void {
  spare.value = replaced;
}

/** @internal They came to nothing. What waited waits again; a replay's targets stand for the values from before. */
export function updatesFailed(updates: readonly Update[], error: Error): void {
  for (const update of updates) {
    const { target, node, earlier } = update;
    const history = historyOf(target);
    if (history.current === node) history.current = history.settled;
    if (node.source === undefined) dropUpdate(update, error);
    else waiting.set(target, [...earlier, node, ...(waiting.get(target) ?? [])]);
  }
}

/** @internal Gives an update up: its target stands for what came before. Returns the error that says so. */
export function dropUpdate({ target, node }: Update, { message }: Error): Error {
  const what = `The update of a state of shape ${formatShape(node.shape)} failed and was dropped: `;
  const reason = message.startsWith('The update of a state') ? message : what + message;
  takeBack(target, node);
  node.source = undefined;
  node.value = { kind: 'gone', reason };
  const now = target.node;
  if (now.source === undefined) {
    now.value ??= { kind: 'gone', reason: `${reason} The state had no value before: make it anew.` };
  }
  return new Error(reason);
}

/** @internal The update of a state at a replay: a new node, whose value the run provides. */
export function nextUpdate(target: Tensor): Update {
  const node = nextLeaf(target.node);
  target.node = node;
  return { target, node, earlier: [], spare: historyOf(target).spare };
}

/** @internal The updates were not run: their targets stand for the values from before. */
export function undoUpdates(updates: readonly Update[]): void {
  for (const { target } of updates) target.node = historyOf(target).current;
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
  checkTensorList('withValues', 'targets', targets);
  checkTensorList('withValues', 'values', values);
  checkFunction('withValues', 'body', body);
  if (targets.length !== values.length) {
    throw new RangeError(`withValues: ${values.length} values for ${targets.length} tensors.`);
  }
  const own = targets.map((target) => target.node);
  const standIns = targets.map(({ shape, dtype }, i) => standIn(shape, dtype, values[i]));
  targets.forEach((target, i) => {
    target.node = standIns[i];
  });
  try {
    return body();
  } finally {
    targets.forEach((target, i) => {
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
  standIns.add(node);
  return node;
}
