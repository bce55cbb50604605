/** The handle that people hold: a node of the tape, and a few ways to ask for its value. */
/// <reference lib="esnext.disposable" preserve="true" />
import { checkList, optionsOf, refuse } from './arguments.ts';
import { assign, disposeNodes } from './assign.ts';
import { checkDType, checkHolds, type DType, type NumberArray, referenceArray } from './dtype.ts';
import { evaluate } from './evaluate.ts';
import { checkShape, formatShape, type Shape, ShapeError, sizeOf } from './shape.ts';
import { shownTensor, type TensorJson, tensorJson } from './show.ts';
import { detachedNode, type Entry, leafNode, type Node, type Operation, recordNode } from './tape.ts';

export class Tensor {
  /** @internal The node on the tape. `assign` alone moves a handle to another node. */
  node: Node;

  /** @internal `tensor` makes one. */
  constructor(node: Node) {
    this.node = node;
  }

  get shape(): Shape {
    return this.node.shape;
  }

  get dtype(): DType {
    return this.node.dtype;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.node.shape);
  }

  /**
   * Computes the tensor (and runs every waiting `assign`) and resolves to a copy of its elements, last dim fastest:
   * Float32Array for f32 (Float64Array on the reference executor), Int32Array, Uint32Array, or Uint8Array for bool.
   */
  async data(): Promise<NumberArray> {
    const [values] = await evaluate([this.node], 'read');
    return values.slice();
  }

  /** Like `data`, for a tensor of one element: the number. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        `item: expected a tensor of one element, got shape ${formatShape(this.shape)}; use data().`,
      );
    }
    return (await this.data())[0];
  }

  /**
   * The same values, through which no gradient flows (PyTorch's `detach`). Once they are computed, what lies behind them
   * is held no longer.
   */
  detach(): Tensor {
    return new Tensor(detachedNode(this.node));
  }

  /** Computes the tensor and keeps it on the device, so that later graphs start from it. */
  async run(): Promise<this> {
    await evaluate([this.node], 'keep');
    return this;
  }

  /** Frees the memory that the value holds, on every device. Using the tensor afterwards is an error. */
  dispose(): void {
    disposeNodes(this, `This tensor of shape ${formatShape(this.shape)} was disposed of.`);
  }

  /** Shape, dtype, and the values where they are known on the host: `Tensor f32[2] [1, 2]`. Computes nothing. */
  toString(): string {
    return shownTensor(this.node);
  }

  /** What `JSON.stringify` writes: shape, dtype, and `values` in order where they are known on the host. */
  toJSON(): TensorJson {
    return tensorJson(this.node);
  }

  /** What `console.log` prints in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return shownTensor(this.node);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Throws unless all values are tensors; they come by the names of the arguments. */
export function checkTensors(operation: string, values: Readonly<Record<string, unknown>>): void {
  for (const name in values) {
    if (!(values[name] instanceof Tensor)) refuse(operation, name, values[name], 'a tensor');
  }
}

/** Throws unless `values` is a list of tensors. */
export function checkTensorList(operation: string, name: string, values: readonly unknown[]): void {
  checkList(operation, name, values, 'tensors');
  const wrong = values.findIndex((value) => !(value instanceof Tensor));
  if (wrong >= 0) refuse(operation, `${name}[${wrong}]`, values[wrong], 'a tensor');
}

/** @internal Records one use of an operation whose shapes have been checked. */
export function record(operation: Operation, inputs: readonly Tensor[], shape: Shape, dtype: DType): Tensor {
  return new Tensor(
    recordNode(
      operation,
      inputs.map((input) => input.node),
      shape,
      dtype,
    ),
  );
}

export type NestedNumbers = number | boolean | readonly NestedNumbers[];

/**
 * A tensor of given values: a number, nested lists, or a flat array with a shape.
 *
 * dtype defaults to the typed array's own (Int32Array: i32, Uint32Array: u32), bool for booleans, else f32.
 * Values are copied. Throws where lists are ragged or the number of values is not the shape's.
 */
export function tensor(
  values: NestedNumbers | NumberArray,
  options: { readonly shape?: Shape; readonly dtype?: DType } = {},
): Tensor {
  optionsOf('tensor', options, ['shape', 'dtype']);
  const flat: number[] = [];
  const typed = isNumberArray(values) ? values : undefined;
  const ownShape = typed ? [typed.length] : flatten(values as NestedNumbers, flat, 0);
  const { shape = ownShape, dtype = defaultDType(values) } = options;
  checkDType('tensor', dtype);
  checkShape('tensor', shape);
  const source: ArrayLike<number> = typed ?? flat;
  if (sizeOf(shape) !== source.length) {
    throw new ShapeError(
      `tensor: shape ${formatShape(shape)} needs ${sizeOf(shape)} values, ${source.length} were given.`,
    );
  }
  const data =
    dtype === 'f32' && values instanceof Float32Array ? values.slice() : referenceArray(dtype, source.length);
  if (!(data instanceof Float32Array)) {
    for (let i = 0; i < data.length; i++) {
      checkHolds('tensor', source[i], dtype);
      // As cast: NaN is not 0, so it is true.
      data[i] = dtype === 'bool' ? Number(source[i] !== 0) : source[i];
    }
  }
  const handle = new Tensor(leafNode([...shape], dtype, { kind: 'host', data }));
  handle.node.owner = new WeakRef(handle);
  return handle;
}

/** A leaf, which can be assigned later, that starts as a computed value (and takes no memory on the host for it). */
export function state(initial: Tensor): Tensor {
  checkTensors('state', { initial });
  const handle = new Tensor(leafNode(initial.shape, initial.dtype));
  handle.node.owner = new WeakRef(handle);
  assign(handle, initial);
  return handle;
}

function defaultDType(values: NestedNumbers | NumberArray): DType {
  if (values instanceof Int32Array) return 'i32';
  if (values instanceof Uint32Array) return 'u32';
  let first: unknown = values;
  while (Array.isArray(first)) first = first[0];
  return typeof first === 'boolean' ? 'bool' : 'f32';
}

/** A typed array of numbers: not of bigints, and no DataView. */
function isNumberArray(values: unknown): values is NumberArray {
  const bigints = values instanceof BigInt64Array || values instanceof BigUint64Array;
  return ArrayBuffer.isView(values) && !(values instanceof DataView) && !bigints;
}

function flatten(values: NestedNumbers, out: number[], depth: number): number[] {
  if (typeof values === 'number' || typeof values === 'boolean') {
    out.push(Number(values));
    return [];
  }
  if (!Array.isArray(values)) {
    const expectedValues =
      'numbers, nested lists or a typed array of numbers (convert bigints and bytes first)';
    refuse('tensor', depth === 0 ? 'values' : 'an entry of values', values, expectedValues);
  }
  const shapes = Array.from(values, (value: NestedNumbers) => flatten(value, out, depth + 1));
  const ragged = shapes.find((shape) => shape.join() !== shapes[0].join());
  if (ragged) {
    throw new ShapeError(
      `tensor: nested lists are ragged at depth ${depth + 1}: ${formatShape(shapes[0])} beside ${formatShape(ragged)}.`,
    );
  }
  return [values.length, ...(shapes[0] ?? [])];
}

/** One value everywhere (PyTorch's `full`). The number is part of the graph's structure: use `tensor` for what varies. */
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Tensor {
  return filled('full', shape, value, dtype);
}

export function zeros(shape: Shape, dtype: DType = 'f32'): Tensor {
  return filled('zeros', shape, 0, dtype);
}

export function ones(shape: Shape, dtype: DType = 'f32'): Tensor {
  return filled('ones', shape, 1, dtype);
}

function filled(name: string, shape: Shape, value: number, dtype: DType): Tensor {
  checkDType(name, dtype);
  checkShape(name, shape);
  checkHolds(name, value, dtype);
  return record(fullOperation(value), [], [...shape], dtype);
}

function fullOperation(value: number): Operation {
  return {
    name: 'full',
    key: `full(${Object.is(value, -0) ? '-0' : value})`,
    gradients: [],
    reference: (_, { dtype, shape }: Entry) =>
      referenceArray(dtype, sizeOf(shape)).fill(dtype === 'bool' ? Number(Boolean(value)) : value),
    lowering: { kind: 'inline', cost: 0, emit: (emitter, _, entry) => emitter.constant(value, entry.dtype) },
  };
}

/** 0, 1, ..., count - 1. */
export function arange(count: number, dtype: DType = 'f32'): Tensor {
  checkDType('arange', dtype);
  checkShape('arange', [count]);
  checkHolds('arange', Math.max(count - 1, 0), dtype);
  return record(arangeOperation, [], [count], dtype);
}

const arangeOperation: Operation = {
  name: 'arange',
  key: 'arange',
  gradients: [],
  reference: (_, entry) =>
    referenceArray(entry.dtype, sizeOf(entry.shape)).map((_value, i) => i) as NumberArray,
  lowering: {
    kind: 'inline',
    cost: 0,
    emit: (_, index, entry) => (entry.dtype === 'u32' ? index.position : `${entry.dtype}(${index.position})`),
  },
};
