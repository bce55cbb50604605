import { checkOneOf, refuse } from './arguments.ts';

/** Element types. On a GPU each takes 32 bits (a bool is 0 or 1); the reference executor holds f32 in float64. */
export type DType = 'f32' | 'i32' | 'u32' | 'bool';

export const floatDTypes: readonly DType[] = ['f32'];
export const numericDTypes: readonly DType[] = ['f32', 'i32', 'u32'];
export const allDTypes: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];

export function checkDType(operation: string, dtype: unknown): void {
  checkOneOf(operation, 'dtype', dtype, allDTypes);
}

/** What host data comes in and goes out as. */
export type NumberArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array;

/** A zeroed array for `size` elements in the reference executor's precision: f32 becomes float64. */
export function referenceArray(dtype: DType, size: number): NumberArray {
  if (dtype === 'f32') return new Float64Array(size);
  if (dtype === 'i32') return new Int32Array(size);
  if (dtype === 'u32') return new Uint32Array(size);
  return new Uint8Array(size);
}

/** Host data as the 32-bit words that a GPU buffer holds. */
export function toDeviceWords(dtype: DType, data: NumberArray): Float32Array | Int32Array | Uint32Array {
  if (dtype === 'f32') return data instanceof Float32Array ? data : Float32Array.from(data);
  if (dtype === 'i32') return data instanceof Int32Array ? data : Int32Array.from(data);
  return data instanceof Uint32Array ? data : Uint32Array.from(data);
}

/** A GPU buffer's bytes as host data of a dtype. The bytes become the array's own. */
export function fromDeviceBytes(dtype: DType, bytes: ArrayBuffer): NumberArray {
  if (dtype === 'f32') return new Float32Array(bytes);
  if (dtype === 'i32') return new Int32Array(bytes);
  if (dtype === 'u32') return new Uint32Array(bytes);
  return Uint8Array.from(new Uint32Array(bytes));
}

/** Throws unless the dtype can hold the number: integers take whole numbers of their range only; bool takes its truth. */
export function checkHolds(operation: string, value: number, dtype: DType, beside = ''): void {
  if (typeof value !== 'number') refuse(operation, 'value', value, 'a number');
  if (dtype === 'f32' || dtype === 'bool' || (dtype === 'i32' ? value | 0 : value >>> 0) === value) return;
  const range = dtype === 'i32' ? '-2147483648 to 2147483647' : '0 to 4294967295';
  throw new TypeError(
    `${operation}: the number ${value} is no ${dtype}${beside}; expected a whole number from ${range}, or use cast first.`,
  );
}
