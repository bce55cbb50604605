/** VGG networks (Simonyan and Zisserman, 2014). */
import { flatten, type Generator, type Tensor } from '../../engine/index.ts';
import { ReLU } from '../activations.ts';
import { BatchNorm2d } from '../batch-norm2d.ts';
import { Conv2d, Linear } from '../layers.ts';
import { Module } from '../module.ts';
import { MaxPool2d } from '../pooling.ts';
import { Sequential } from '../sequential.ts';
import { checkCount } from '../specification.ts';

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
}

/** x [N,channels,size,size] -> logits [N,classes]. Names: features.0.weight, ..., classifier.0.weight, ... */
export function vgg(specification: VggSpecification, generator: Generator): Module {
  return new Vgg(specification, generator);
}

const plan11 = [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'] as const;

/** `vgg` with eight convolutions and three linear layers: the paper's VGG-11 for 32 x 32 images. */
export function vgg11(
  specification: Pick<VggSpecification, 'classes'> & Partial<VggSpecification>,
  generator: Generator,
): Module {
  return vgg({ plan: plan11, hidden: [512, 512], size: 32, ...specification }, generator);
}

class Vgg extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(
    { plan, hidden, classes, bn = false, size, channels = 3 }: VggSpecification,
    generator: Generator,
  ) {
    super();
    checkCount('vgg', 'size', size);
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
      const convolution = new Conv2d(width, entry, 3, { padding: 1, generator });
      width = entry;
      return bn ? [convolution, new BatchNorm2d(width), new ReLU()] : [convolution, new ReLU()];
    });
    const widths = [width * lastSize * lastSize, ...hidden];
    const body = hidden.flatMap((next, at) => [new Linear(widths[at], next, { generator }), new ReLU()]);
    const head = new Linear(widths[hidden.length], classes, { generator });
    this.features = this.child('features', new Sequential(...features));
    this.classifier = this.child('classifier', new Sequential(...body, head));
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.features.forward(x), 1));
  }
}
