/** A tensor as text and as JSON: its shape and dtype, and its values where they are known; never the tape behind it. */
import type { DType, NumberArray } from './dtype.ts';
import { resolve } from './plan/graph.ts';
import { formatShape, type Shape } from './shape.ts';
import type { Node } from './tape.ts';

/** Of a list that is longer than twice this, the first and last so many are shown, as NumPy does. */
const edge = 3;

/** @internal `Tensor f32[2,2] [[1, 2], [3, 4]]`, or in place of values why there are none here. */
export function shownTensor(node: Node): string {
  return `Tensor ${node.dtype}${formatShape(node.shape)} ${shownValue(node)}`;
}

export interface TensorJson {
  readonly shape: Shape;
  readonly dtype: DType;
  /** In order, where they are known; what JSON has no number for as text: "NaN", "Infinity". */
  readonly values?: readonly (number | boolean | string)[];
}

/** @internal */
export function tensorJson(node: Node): TensorJson {
  const { shape, dtype } = node;
  const { value } = resolve(node);
  if (value?.kind !== 'host') return { shape, dtype };
  const values = Array.from(value.data, (v) => (Number.isFinite(v) ? elementOf(dtype, v) : String(v)));
  return { shape, dtype, values };
}

function shownValue(node: Node): string {
  const { value, operation } = resolve(node);
  if (value?.kind === 'host') return shownList(value.data, node.shape, node.dtype, 0);
  if (value?.kind === 'device') return `(on ${value.storage.deviceName})`;
  if (value?.kind === 'gone') return `(${value.reason})`;
  return operation.lowering.kind === 'leaf' ? '(no value yet)' : `(${operation.name}, not computed yet)`;
}

function shownList(data: NumberArray, shape: Shape, dtype: DType, offset: number): string {
  if (shape.length === 0) return shownElement(data[offset], dtype);
  const [length, ...inner] = shape;
  const step = inner.reduce((product, n) => product * n, 1);
  const places = Array.from({ length: Math.min(length, 2 * edge + 1) }, (_, i) => i);
  const items = places.map((i) => {
    if (length <= 2 * edge + 1) return shownList(data, inner, dtype, offset + i * step);
    if (i === edge) return '...';
    return shownList(data, inner, dtype, offset + (i < edge ? i : length - 2 * edge - 1 + i) * step);
  });
  return `[${items.join(', ')}]`;
}

/** An f32 has about seven decimal digits; whole numbers are exact up to 2^24. */
function shownElement(value: number, dtype: DType): string {
  const isExact = dtype !== 'f32' || (Number.isInteger(value) && Math.abs(value) <= 2 ** 24);
  return String(isExact ? elementOf(dtype, value) : Number(value.toPrecision(7)));
}

function elementOf(dtype: DType, value: number): number | boolean {
  return dtype === 'bool' ? value !== 0 : value;
}
