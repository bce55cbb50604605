/** Layers with weights. */
import {
  add,
  type Conv2dOptions,
  conv2d,
  type Generator,
  matmul,
  reshape,
  type Shape,
  ShapeError,
  type Tensor,
  transpose,
  zeros,
} from '../engine/index.ts';
import { biasUniform, kaimingUniform } from './init.ts';
import { Module } from './module.ts';
import { checkCount } from './specification.ts';

interface Initialisation {
  /** Where the initial values come from. */
  readonly generator: Generator;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Initial weights of a shape, where they are not PyTorch's default; the bias then starts at 0. */
  readonly weights?: (shape: Shape) => Tensor;
}

/** y = x weight^T + bias (PyTorch's `Linear`): x [..., inputs] -> [..., outputs], weight [outputs, inputs]. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(inputs: number, outputs: number, { bias = true, ...initial }: Initialisation) {
    super();
    checkCount('Linear', 'inputs', inputs);
    checkCount('Linear', 'outputs', outputs);
    const start = initialValues([outputs, inputs], inputs, initial);
    this.weight = this.parameter('weight', start.weight());
    this.bias = bias ? this.parameter('bias', start.bias()) : undefined;
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
    { generator, weights, bias = true, ...options }: Initialisation & Conv2dOptions,
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
    const start = initialValues(shape, shape[1] * r * s, { generator, weights });
    this.#options = options;
    this.weight = this.parameter('weight', start.weight());
    this.bias = bias ? this.parameter('bias', start.bias()) : undefined;
  }

  override forward(x: Tensor): Tensor {
    const product = conv2d(x, this.weight, this.#options);
    return this.bias ? add(product, reshape(this.bias, [1, this.bias.size, 1, 1])) : product;
  }
}

/** Initial weights of a shape, the first dim counting outputs, and of a bias. */
function initialValues(
  shape: Shape,
  fanIn: number,
  { generator, weights }: Initialisation,
): { weight: () => Tensor; bias: () => Tensor } {
  const [outputs] = shape;
  return weights
    ? { weight: () => weights(shape), bias: () => zeros([outputs]) }
    : {
        weight: () => kaimingUniform(generator, shape, { fanIn }),
        bias: () => biasUniform(generator, outputs, fanIn),
      };
}
