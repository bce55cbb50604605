/** What the planner needs to know of an operation: four ways of becoming WGSL, and no list of operations. */
import type { Choices } from '../../kernels/family.ts';
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Entry, Operation } from '../tape.ts';
import type { Index } from './index-expression.ts';

export type Lowering = { readonly kind: 'leaf' } | Inline | Reduction | OwnKernel;

/** An expression per output element, which can melt into whatever kernel consumes it. */
export interface Inline {
  readonly kind: 'inline';
  /** WGSL of the output's element at `index`, asking `emitter` for the inputs' elements. */
  readonly emit: (emitter: InlineEmitter, index: Index, entry: Entry) => string;
  /** True where the element at a position needs the inputs' elements at that position and no others. */
  readonly aligned?: boolean;
  /** Arithmetic per element, in multiplications. 0: only moves data. */
  readonly cost: number;
  /** True where the output's memory is the input's memory (reshape): no kernel when the input is stored. */
  readonly alias?: boolean;
  /** True for sums, differences, products and quotients, which drivers rewrite when they see several at once. */
  readonly arithmetic?: boolean;
  /** True for a permutation that swaps the last two dims. */
  readonly swapsLastTwo?: boolean;
}

/** Folds dims of its one input: out = combine over the reduced elements, from `initial`, in a fixed order. */
export interface Reduction {
  readonly kind: 'reduction';
  readonly dims: readonly number[];
  readonly initial: (dtype: DType) => number;
  readonly combine: (a: string, b: string, dtype: DType) => string;
  /** True for an addition, which loses to rounding what is worth keeping. */
  readonly adds?: boolean;
}

/** Hand-written WGSL over stored inputs. */
export interface OwnKernel {
  readonly kind: 'kernel';
  readonly choices: (entry: Entry) => Choices;
  /** The same operation reading input number `input` with its last two dims swapped, where the kernel can do that. */
  readonly withTransposed?: (input: number) => Operation;
}

/** The part of the emitter that operations use. */
export interface InlineEmitter {
  /** The element of input number `input` at `index`, as a WGSL value of its dtype. */
  input(input: number, index: Index): string;
  /** A WGSL name for an expression, emitted once however often it is asked for. */
  define(expression: string): string;
  /** A u32 that shapes decide, passed by uniform so that kernels are shared between shapes. */
  size(value: number): string;
  /** A literal or a uniform holding a number of a dtype, infinities and NaN included. */
  constant(value: number, dtype: DType): string;
  /** An index with one WGSL u32 expression per dim. */
  at(shape: Shape, coordinates: readonly string[]): Index;
  /** An index given by the element's number in memory. */
  linear(shape: Shape, position: string): Index;
}
