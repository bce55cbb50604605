/** What a case asks of a library, and what a library offers in return. */

/** How the numbers of an array are meant, so that a library can lay them out as it likes best. */
export type Layout =
  /** [N,C,H,W] */
  | 'image'
  /** [K,C/groups,R,S] */
  | 'filter'
  /** Class numbers [N], of ten classes. */
  | 'labels'
  /** Anything else: as it stands. */
  | 'plain';

export interface HostArray {
  readonly layout: Layout;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface ConvolutionOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
}

/** The operations that the cases are made of, on a library's own arrays T. */
export interface Operations<T> {
  /** Marks a use of an array that is used again later; a matter of reference counts in jax-js. */
  keep(x: T): T;
  add(x: T, y: T): T;
  matmul(x: T, y: T): T;
  convolution(x: T, filter: T, options: ConvolutionOptions): T;
  /** Adds one number a channel to images. */
  channelBias(x: T, bias: T): T;
  /** By the statistics of the batch, epsilon 1e-5. */
  batchNorm(x: T, scale: T, shift: T): T;
  relu(x: T): T;
  /** Windows of 2x2, side by side. */
  maxPool(x: T): T;
  /** The mean of each channel of each image: [N,C,H,W] -> [N,C]. */
  globalAveragePool(x: T): T;
  /** Mean softmax cross entropy of logits [N,10] and labels. */
  crossEntropy(logits: T, labels: T): T;
}

export interface Case {
  readonly name: string;
  /**
   * evaluate: `compute`. differentiate: its value and the gradients of sum(value * cotangent) by the inputs.
   * train: one step of SGD on the loss that `compute` is, the inputs being the parameters.
   * momentum: one step of SGD with momentum 0.9 on the inputs, the constants being their gradients; no `compute`.
   */
  readonly kind: 'evaluate' | 'differentiate' | 'train' | 'momentum';
  readonly inputs: readonly HostArray[];
  readonly constants: readonly HostArray[];
  /** For differentiate; a scalar's own is 1. */
  readonly cotangent?: HostArray;
  /** For train: adds this times the squared norm of the loss gradient over all parameters to the loss. */
  readonly penalty?: number;
  /** What a right answer may be off by, relative to its norm, in the worst of its arrays. */
  readonly tolerance: number;
  compute<T>(operations: Operations<T>, inputs: readonly T[], constants: readonly T[]): T;
}

/** High enough that a change of parameters by it, rounded to float32 with them, shows the gradient to four digits. */
export const learningRate = 0.1;
export const momentum = 0.9;

/** A case on a library's device, ready to be called. */
export interface Prepared {
  /** What a reader of the table should know of how it is computed, found out by the first call. */
  remark?(): string | undefined;
  /** Computes and reads back: one sample. */
  call(): Promise<ArrayLike<number>[]>;
  /** train, momentum: the parameters as they are now, laid out as the case's inputs. */
  parameters?(): Promise<ArrayLike<number>[]>;
  /** Other kinds: what `call` returned, laid out as the case's arrays. */
  canonical?(read: ArrayLike<number>[]): ArrayLike<number>[];
  dispose(): void;
}

export interface Library {
  readonly version: string;
  prepare(use: Case): Promise<Prepared>;
}
