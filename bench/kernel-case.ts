/** A formula at given sizes, the kernels that compute it, and the right answer. */
import type { Features } from '../src/kernels/family.ts';
import type { Kernel } from '../src/kernels/kernel.ts';

/** What a kernel reads; every element is a 32-bit word. */
export type InputArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export interface KernelCase {
  /** Unique; what the filter is looked for in: 'conv2d 3x3'. */
  readonly name: string;
  /** Shapes of the inputs, for people. */
  readonly shape: string;
  /** Makes the inputs, the same at every call. */
  readonly inputs: () => readonly InputArray[];
  /** The output is f32. */
  readonly outputShape: readonly number[];
  /** From inputs to the right answer, in float64: the function gives it element by element, as they lie in memory. */
  readonly reference: (inputs: readonly InputArray[]) => (element: number) => number;
  /** Multiplications that one element takes there: decides how many elements can be checked. */
  readonly referenceCost: number;
  /** What a kernel may differ by from the reference, relative to the largest number. */
  readonly tolerance: number;
  /** The kernels that a device with these features can run. All must bind the inputs in order, then the output. */
  readonly variants: (features: Features) => readonly Kernel[];
  /** The variant that the case is named for, where it is one's own kernel beside others. */
  readonly namedFor?: string;
  /** True where a software adapter would take minutes. */
  readonly hardwareOnly?: boolean;
}

/** What float32 may differ from float64 unless told otherwise. */
export const usualTolerance = 1e-4;

/** Bytes that any kernel must move: all inputs read once, the output written once. */
export function leastBytes({ outputShape }: KernelCase, inputs: readonly InputArray[]): number {
  return inputs.reduce((total, { byteLength }) => total + byteLength, 4 * sizeOf(outputShape));
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Numbers in [-1, 1), the same at every call: a linear congruential generator. */
export function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = seed >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}
