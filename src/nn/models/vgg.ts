/** VGG networks (Simonyan and Zisserman, 2014). */
import { checkFlag, checkList, checkNumber, optionsOf } from '../../engine/arguments.ts';
import { flatten, type Generator, normal, type Shape, type Tensor } from '../../engine/index.ts';
import { checkGenerator, checkProbability } from '../../engine/ops/random.ts';
import { ReLU } from '../activations.ts';
import { BatchNorm2d } from '../batch-norm2d.ts';
import { Dropout } from '../dropout.ts';
import { kaimingNormal } from '../init.ts';
import { Conv2d, Linear } from '../layers.ts';
import { Module } from '../module.ts';
import { AdaptiveAvgPool2d, MaxPool2d } from '../pooling.ts';
import { Identity, Sequential } from '../sequential.ts';
import { checkCount, checkCounts } from '../specification.ts';

export interface VggSpecification {
  /** Output channels of each 3x3 convolution; 'M' is a 2x2 max pool. */
  readonly plan: readonly (number | 'M')[];
  /** Widths of the classifier's hidden layers. */
  readonly hidden: readonly number[];
  readonly classes: number;
  /** Batch norm after every convolution; false by default. */
  readonly bn?: boolean;
  /** Height and width of the image. */
  readonly size: number;
  /** Channels of the image; 3 by default. */
  readonly channels?: number;
  /** Height and width that the last features are averaged or repeated to; as they come by default. */
  readonly pool?: number;
  /** Share of each hidden layer's values that training drops; no dropout layers by default. */
  readonly dropout?: number;
  /** Deviation of the linear layers' initial weights around 0, with biases of 0; PyTorch's default if undefined. */
  readonly linearDeviation?: number;
}

const fields = [
  'plan',
  'hidden',
  'classes',
  'bn',
  'size',
  'channels',
  'pool',
  'dropout',
  'linearDeviation',
] as const;

/**
 * x [N,channels,size,size] -> logits [N,classes]. Names: features.0.weight, ..., classifier.0.weight, ... Convolutions start
 * with He's normal weights by fan-out and biases of 0. Dropout goes on drawing from `generator`.
 */
export function vgg(specification: VggSpecification, generator: Generator): Module {
  return new Vgg(specification, generator);
}

/** What `vgg11` is, but for the classes: the paper's, for 32 x 32 images. */
export const vgg11Defaults = {
  plan: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  hidden: [512, 512],
  size: 32,
} as const;

/** `vgg` with eight convolutions and three linear layers: the paper's VGG-11 for 32 x 32 images. */
export function vgg11(
  specification: Pick<VggSpecification, 'classes'> & Partial<VggSpecification>,
  generator: Generator,
): Module {
  const own = optionsOf('vgg11', specification, fields, 'specification');
  return vgg({ ...vgg11Defaults, ...own }, generator);
}

/** What `vgg16Bn` is, but for the classes. */
export const vgg16BnDefaults = {
  plan: [
    ...([64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M'] as const),
    ...([512, 512, 512, 'M', 512, 512, 512, 'M'] as const),
  ],
  hidden: [4096, 4096],
  bn: true,
  size: 32,
  pool: 7,
  dropout: 0.5,
  linearDeviation: 0.01,
} as const;

/**
 * `vgg` with thirteen convolutions, batch norm and three linear layers: torchvision's `vgg16_bn`, with its names, its
 * initial values, dropout, and a classifier of 512 x 7 x 7 inputs. 134,309,962 parameters for 10 classes.
 */
export function vgg16Bn(
  specification: Pick<VggSpecification, 'classes'> & Partial<VggSpecification>,
  generator: Generator,
): Module {
  const own = optionsOf('vgg16Bn', specification, fields, 'specification');
  return vgg({ ...vgg16BnDefaults, ...own }, generator);
}

class Vgg extends Module {
  readonly features: Sequential;
  readonly avgpool: Module;
  readonly classifier: Sequential;

  constructor(specification: VggSpecification, generator: Generator) {
    super();
    optionsOf('vgg', specification, fields, 'specification');
    const {
      plan,
      hidden,
      classes,
      bn = false,
      size,
      channels = 3,
      pool,
      dropout,
      linearDeviation,
    } = specification;
    checkGenerator('vgg', generator);
    checkList('vgg', 'plan', plan, "channels and 'M'");
    plan.forEach((entry, at) => {
      if (entry !== 'M') checkCount('vgg', `plan[${at}]`, entry);
    });
    checkCounts('vgg', 'hidden', hidden);
    checkCount('vgg', 'classes', classes);
    checkFlag('vgg', 'bn', bn);
    checkCount('vgg', 'size', size);
    checkCount('vgg', 'channels', channels);
    if (pool !== undefined) checkCount('vgg', 'pool', pool);
    if (dropout !== undefined) checkProbability('vgg', 'dropout', dropout);
    if (linearDeviation !== undefined) checkNumber('vgg', 'linearDeviation', linearDeviation);
    const pools = plan.filter((entry) => entry === 'M').length;
    const lastSize = Math.floor(size / 2 ** pools);
    if (lastSize === 0) {
      throw new RangeError(
        `vgg: ${pools} max pools leave nothing of an image of size ${size}; use fewer 'M'.`,
      );
    }
    let width = channels;
    const features = plan.flatMap((entry): Module[] => {
      if (entry === 'M') return [new MaxPool2d(2)];
      const weights = (shape: Shape) => kaimingNormal(generator, shape, { fanOut: entry * 9 });
      const convolution = new Conv2d(width, entry, 3, { padding: 1, generator, weights });
      width = entry;
      return bn ? [convolution, new BatchNorm2d(width), new ReLU()] : [convolution, new ReLU()];
    });
    const grid = pool ?? lastSize;
    const widths = [width * grid * grid, ...hidden];
    const linear = (inputs: number, outputs: number) =>
      new Linear(inputs, outputs, { generator, weights: linearWeights(specification, generator) });
    const dropouts = dropout === undefined ? [] : [dropout];
    const body = hidden.flatMap((next, at) => [
      linear(widths[at], next),
      new ReLU(),
      ...dropouts.map((p) => new Dropout(p, { generator })),
    ]);
    const head = linear(widths[hidden.length], classes);
    this.features = this.child('features', new Sequential(...features));
    this.avgpool = pool === undefined ? new Identity() : new AdaptiveAvgPool2d(pool);
    this.classifier = this.child('classifier', new Sequential(...body, head));
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1));
  }
}

function linearWeights(
  { linearDeviation }: VggSpecification,
  generator: Generator,
): ((shape: Shape) => Tensor) | undefined {
  return linearDeviation === undefined ? undefined : (shape) => normal(generator, shape, 0, linearDeviation);
}
