/**
 * The tape: what was asked for, not what was computed. A node is one use of an operation; a leaf holds a value.
 * Nodes are never changed by recording, so a derivative can read the tape while it adds to it.
 */
import type { DType, NumberArray } from './dtype.ts';
import type { Lowering } from './plan/lowering.ts';
import { checkSize, formatShape, type Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * The gradient of one input: from the gradient `g` of the output, the inputs and the output itself, in ordinary
 * operations, so that the result can be differentiated again.
 */
export type GradientRule = (g: Tensor, inputs: Tensor[], output: Tensor) => Tensor;

export interface Operation {
  readonly name: string;
  /** The name with every attribute that the result depends on: `cast to i32`. Equal keys compute the same. */
  readonly key: string;
  /**
   * One rule per input. `'zero'`: the derivative is zero almost everywhere and counts as zero (a comparison).
   * `'none'`: there is no derivative, and `grad` says so when asked for one.
   */
  readonly gradients: readonly (GradientRule | 'zero' | 'none')[];
  /** The specification: plain loops in float64. */
  readonly reference: (inputs: readonly NumberArray[], node: Entry) => NumberArray;
  /** How the planner turns it into kernels. */
  readonly lowering: Lowering;
}

/** The structure of a node, which is all that planning and executing need. */
export interface Entry {
  readonly operation: Operation;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
}

/** Where a value lies: on the host, or in a buffer of a device (whose executor alone knows the buffer's type). */
export type Value = HostValue | DeviceValue | GoneValue;

export interface HostValue {
  readonly kind: 'host';
  readonly data: NumberArray;
  /** What devices hold for it: copies that they can make again. */
  copies?: DeviceStorage[];
}

/** One node holds it at a time; when it is collected, the device frees what it stands for. */
export interface DeviceValue {
  readonly kind: 'device';
  readonly storage: SharedStorage;
}

export interface GoneValue {
  readonly kind: 'gone';
  readonly reason: string;
}

export interface DeviceStorage {
  readonly deviceName: string;
  readonly bytes: number;
  release(): void;
}

/** Storage that several values can hold; it is free when all have released it. */
export interface SharedStorage extends DeviceStorage {
  /** Another value in the same storage. */
  share(): DeviceValue;
}

/** Gives back what devices hold for a value. It must not be used any more, unless it lies on the host. */
export function releaseValue(value: Value | undefined): void {
  if (value?.kind === 'device') value.storage.release();
  if (value?.kind === 'host') for (const copy of value.copies?.splice(0) ?? []) copy.release();
}

export interface Node extends Entry {
  /** Grows with recording order: an input's id is smaller than its consumer's. */
  readonly id: number;
  /** Empty where a value makes them unnecessary: see `dropInputs`. */
  inputs: readonly Node[];
  /** Number that stands for operation key, shape and dtype; equal numbers, equal structure. */
  readonly signature: number;
  /** Whether `grad` may have something to find here or behind. */
  readonly differentiable: boolean;
  /** Present on leaves and on whatever was read. */
  value?: Value;
  /** Settles when the run that made the value has; present until it has succeeded. */
  proof?: Promise<unknown>;
  /** The node that computes the value: of a leaf that was assigned and not yet run, or that stands for another node. */
  source?: Node;
  /** For a leaf that was computed without the tape: by what. No gradient can flow there. */
  origin?: string;
  /** The handle that this leaf was made for: `assign` moves it on to another node. */
  owner?: WeakRef<Tensor>;
}

let nextId = 0;
const signatures = new Map<string, number>();
let nextSignature = 0;

/**
 * Signatures remembered at a time. One that is forgotten gets another number when it comes again, so that no plan is
 * found by mistake: the same structure is then planned anew.
 */
const maxSignatures = 2 ** 16;

function intern(text: string): number {
  const known = signatures.get(text);
  if (known !== undefined) return known;
  for (const oldest of signatures.keys()) {
    if (signatures.size < maxSignatures) break;
    signatures.delete(oldest);
  }
  signatures.set(text, nextSignature);
  return nextSignature++;
}

/** Appends a node. Operations check their shapes before they call this. */
export function recordNode(operation: Operation, inputs: readonly Node[], shape: Shape, dtype: DType): Node {
  for (const input of inputs) {
    if (input.value?.kind === 'gone') throw new Error(`${operation.name}: ${input.value.reason}`);
  }
  checkSize(operation.name, shape);
  return {
    id: nextId++,
    operation,
    inputs,
    shape,
    dtype,
    inputShapes: inputs.map((input) => input.shape),
    inputDTypes: inputs.map((input) => input.dtype),
    signature: intern(`${operation.key}:${dtype}${formatShape(shape)}`),
    differentiable: dtype === 'f32' || gradientFlows(operation, inputs),
  };
}

/** Whether a gradient may flow on into one of the inputs, or an error about it. */
function gradientFlows({ gradients }: Operation, inputs: readonly Node[]): boolean {
  return inputs.some(({ differentiable }, i) => differentiable && gradients[i] !== 'zero');
}

/** The value that a run starts from. */
export function presentValue({ value, shape }: Node): HostValue | DeviceValue {
  if (value === undefined)
    throw new Error(`A tensor of shape ${formatShape(shape)} has no value to run with.`);
  if (value.kind === 'gone') throw new Error(value.reason);
  return value;
}

/** A node with a value, through which no gradient flows, needs nothing that lies behind it. */
export function dropInputs(node: Node): void {
  if (!gradientFlows(node.operation, node.inputs)) node.inputs = [];
}

const leafOperation: Operation = {
  name: 'tensor',
  key: 'tensor',
  gradients: [],
  reference: () => {
    throw new Error('A leaf has no formula: it holds its value.');
  },
  lowering: { kind: 'leaf' },
};

/** What stands for another node, through which no gradient flows. */
const detachOperation: Operation = { ...leafOperation, name: 'detach' };

export function detachedNode(source: Node): Node {
  const node = recordNode(detachOperation, [], source.shape, source.dtype);
  node.source = source;
  return node;
}

/** A node that holds a value, or (without one) waits for it as a placeholder or as an assignment. */
export function leafNode(shape: Shape, dtype: DType, value?: Value): Node {
  const node = recordNode(leafOperation, [], shape, dtype);
  node.value = value;
  return node;
}

/** A leaf for the next value of the state that `node` holds a value of. Spelled out: a spread takes twice as long. */
export function nextLeaf({
  operation,
  inputs,
  shape,
  dtype,
  inputShapes,
  inputDTypes,
  signature,
  differentiable,
  owner,
}: Node): Node {
  const id = nextId++;
  return { id, operation, inputs, shape, dtype, inputShapes, inputDTypes, signature, differentiable, owner };
}

export function isLeaf(node: Entry): boolean {
  return node.operation === leafOperation;
}
