/** Layers with weights. */
import { checkFlag, checkFunction, optionsOf } from '../engine/arguments.ts';
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
import { pairOf } from '../engine/ops/checks.ts';
import { conv2dOptions } from '../engine/ops/conv2d.ts';
import { checkGenerator } from '../engine/ops/random.ts';
import { sameShape } from '../engine/shape.ts';
import { checkTensors } from '../engine/tensor.ts';
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

const initialOptions = ['generator', 'bias', 'weights'] as const;

/** y = x weight^T + bias (PyTorch's `Linear`): x [..., inputs] -> [..., outputs], weight [outputs, inputs]. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(inputs: number, outputs: number, options: Initialisation) {
    super();
    const { bias = true, ...initial } = optionsOf('Linear', options, initialOptions);
    checkCount('Linear', 'inputs', inputs);
    checkCount('Linear', 'outputs', outputs);
    checkInitialisation('Linear', bias, initial);
    const start = initialValues('Linear', [outputs, inputs], inputs, initial);
    this.weight = this.parameter('weight', start.weight());
    this.bias = bias ? this.parameter('bias', start.bias()) : undefined;
  }

  override forward(x: Tensor): Tensor {
    checkTensors('Linear', { x });
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
    given: Initialisation & Conv2dOptions,
  ) {
    super();
    const known = [...initialOptions, ...conv2dOptions];
    const { generator, weights, bias = true, ...options } = optionsOf('Conv2d', given, known);
    const { groups = 1, stride = 1, padding = 0, dilation = 1 } = options;
    checkCount('Conv2d', 'inputChannels', inputChannels);
    checkCount('Conv2d', 'outputChannels', outputChannels);
    checkCount('Conv2d', 'groups', groups);
    const [r, s] = pairOf('Conv2d', 'window', window, 1);
    pairOf('Conv2d', 'stride', stride, 1);
    pairOf('Conv2d', 'padding', padding, 0);
    pairOf('Conv2d', 'dilation', dilation, 1);
    checkInitialisation('Conv2d', bias, { generator, weights });
    if (inputChannels % groups !== 0 || outputChannels % groups !== 0) {
      throw new RangeError(
        `Conv2d: ${inputChannels} input and ${outputChannels} output channels do not divide into ${groups} groups.`,
      );
    }
    const shape = [outputChannels, inputChannels / groups, r, s];
    const start = initialValues('Conv2d', shape, shape[1] * r * s, { generator, weights });
    this.#options = options;
    this.weight = this.parameter('weight', start.weight());
    this.bias = bias ? this.parameter('bias', start.bias()) : undefined;
  }

  override forward(x: Tensor): Tensor {
    const product = conv2d(x, this.weight, this.#options);
    return this.bias ? add(product, reshape(this.bias, [1, this.bias.size, 1, 1])) : product;
  }
}

function checkInitialisation(owner: string, bias: boolean, { generator, weights }: Initialisation): void {
  checkFlag(owner, 'bias', bias);
  if (weights !== undefined) checkFunction(owner, 'weights', weights);
  checkGenerator(owner, generator);
}

/** Initial weights of a shape, the first dim counting outputs, and of a bias. */
function initialValues(
  owner: string,
  shape: Shape,
  fanIn: number,
  { generator, weights }: Initialisation,
): { weight: () => Tensor; bias: () => Tensor } {
  const [outputs] = shape;
  return weights
    ? { weight: () => givenWeight(owner, weights(shape), shape), bias: () => zeros([outputs]) }
    : {
        weight: () => kaimingUniform(generator, shape, { fanIn }),
        bias: () => biasUniform(generator, outputs, fanIn),
      };
}

function givenWeight(owner: string, weight: Tensor, shape: Shape): Tensor {
  checkTensors(owner, { "weights' result": weight });
  if (!sameShape(weight.shape, shape)) {
    throw new ShapeError(`${owner}: weights' result has shape [${weight.shape}], expected [${shape}].`);
  }
  return weight;
}
