/** Layers with weights. */
import {
  add,
  type Conv2dOptions,
  conv2d,
  type Generator,
  matmul,
  reshape,
  ShapeError,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { biasUniform, kaimingUniform } from './init.ts';
import { Module } from './module.ts';
import { checkCount } from './specification.ts';

interface Initialisation {
  /** Where the initial values come from. */
  readonly generator: Generator;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
}

/** y = x weight^T + bias (PyTorch's `Linear`): x [..., inputs] -> [..., outputs], weight [outputs, inputs]. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(inputs: number, outputs: number, { generator, bias = true }: Initialisation) {
    super();
    checkCount('Linear', 'inputs', inputs);
    checkCount('Linear', 'outputs', outputs);
    this.weight = this.parameter('weight', kaimingUniform(generator, [outputs, inputs], { fanIn: inputs }));
    this.bias = bias ? this.parameter('bias', biasUniform(generator, outputs, inputs)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    const [outputs, inputs] = this.weight.shape;
    if (x.shape.length < 2 || x.shape.at(-1) !== inputs) {
      throw new ShapeError(`Linear: expected [...,${inputs}] with two dims or more, got shape [${x.shape}].`);
    }
    const rows = reshape(x, [x.size / inputs, inputs]);
    const product = reshape(matmul(rows, transpose(this.weight)), [...x.shape.slice(0, -1), outputs]);
    return this.bias ? add(product, this.bias) : product;
  }
}

/**
 * Two-dimensional convolution with a window of R x S (PyTorch's `Conv2d`, zero padding):
 * x [N,C,H,W] -> [N,K,P,Q], weight [K,C/groups,R,S], bias [K].
 */
export class Conv2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly #options: Conv2dOptions;

  constructor(
    inputChannels: number,
    outputChannels: number,
    window: number | readonly [number, number],
    { generator, bias = true, ...options }: Initialisation & Conv2dOptions,
  ) {
    super();
    const [r, s] = typeof window === 'number' ? [window, window] : window;
    const { groups = 1 } = options;
    checkCount('Conv2d', 'inputChannels', inputChannels);
    checkCount('Conv2d', 'outputChannels', outputChannels);
    checkCount('Conv2d', 'window', r);
    checkCount('Conv2d', 'window', s);
    checkCount('Conv2d', 'groups', groups);
    if (inputChannels % groups !== 0 || outputChannels % groups !== 0) {
      throw new RangeError(
        `Conv2d: ${inputChannels} input and ${outputChannels} output channels do not divide into ${groups} groups.`,
      );
    }
    const shape = [outputChannels, inputChannels / groups, r, s];
    const fanIn = shape[1] * r * s;
    this.#options = options;
    this.weight = this.parameter('weight', kaimingUniform(generator, shape, { fanIn }));
    this.bias = bias ? this.parameter('bias', biasUniform(generator, outputChannels, fanIn)) : undefined;
  }

  override forward(x: Tensor): Tensor {
    const product = conv2d(x, this.weight, this.#options);
    return this.bias ? add(product, reshape(this.bias, [1, this.bias.size, 1, 1])) : product;
  }
}
