/** Residual networks for small images (He et al., 2015). */
import { optionsOf } from '../../engine/arguments.ts';
import { add, type Generator, globalAvgPool2d, relu, type Tensor } from '../../engine/index.ts';
import { checkGenerator } from '../../engine/ops/random.ts';
import { BatchNorm2d } from '../batch-norm2d.ts';
import { Conv2d, Linear } from '../layers.ts';
import { Module } from '../module.ts';
import { Sequential } from '../sequential.ts';
import { checkCount, checkCounts } from '../specification.ts';

export interface ResnetSpecification {
  /** Channels of each stage. From the second stage on, the first block halves the image. */
  readonly widths: readonly number[];
  /** Basic blocks of each stage. */
  readonly blocks: readonly number[];
  readonly classes: number;
  /** Channels of the image; 3 by default. */
  readonly channels?: number;
}

/**
 * CIFAR ResNet: 3x3 stem, stages of basic blocks, global average pool, linear. x [N,channels,H,W] -> logits
 * [N,classes]. Names: conv1, bn1, layer1.0.conv1, ..., layer2.0.shortcut.0, ..., linear.
 */
export function resnet(specification: ResnetSpecification, generator: Generator): Module {
  return new Resnet(specification, generator);
}

/** `resnet` of widths 64, 128, 256, 512 with two blocks each: the paper's ResNet-18. */
export function resnet18(
  specification: Pick<ResnetSpecification, 'classes' | 'channels'>,
  generator: Generator,
): Module {
  const own = optionsOf('resnet18', specification, ['classes', 'channels'], 'specification');
  return resnet({ ...own, widths: [64, 128, 256, 512], blocks: [2, 2, 2, 2] }, generator);
}

/** `resnet` of the same widths with 3, 4, 6 and 3 blocks: ResNet-34. */
export function resnet34(
  specification: Pick<ResnetSpecification, 'classes' | 'channels'>,
  generator: Generator,
): Module {
  const own = optionsOf('resnet34', specification, ['classes', 'channels'], 'specification');
  return resnet({ ...own, widths: [64, 128, 256, 512], blocks: [3, 4, 6, 3] }, generator);
}

const fields = ['widths', 'blocks', 'classes', 'channels'] as const;

class Resnet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly stages: readonly Sequential[];
  readonly linear: Linear;

  constructor(specification: ResnetSpecification, generator: Generator) {
    super();
    optionsOf('resnet', specification, fields, 'specification');
    const { widths, blocks, classes, channels = 3 } = specification;
    checkGenerator('resnet', generator);
    checkCounts('resnet', 'widths', widths);
    checkCounts('resnet', 'blocks', blocks);
    checkCount('resnet', 'classes', classes);
    checkCount('resnet', 'channels', channels);
    if (widths.length === 0 || widths.length !== blocks.length) {
      throw new RangeError(
        `resnet: widths [${widths}] and blocks [${blocks}] must be of one length, one entry per stage.`,
      );
    }
    this.conv1 = this.child(
      'conv1',
      new Conv2d(channels, widths[0], 3, { padding: 1, bias: false, generator }),
    );
    this.bn1 = this.child('bn1', new BatchNorm2d(widths[0]));
    let width = widths[0];
    this.stages = blocks.map((count, stage) => {
      const stageBlocks = Array.from({ length: count }, (_, at) => {
        const inputs = width;
        width = widths[stage];
        return new BasicBlock(inputs, width, stage > 0 && at === 0 ? 2 : 1, generator);
      });
      return this.child(`layer${stage + 1}`, new Sequential(...stageBlocks));
    });
    this.linear = this.child('linear', new Linear(width, classes, { generator }));
  }

  override forward(x: Tensor): Tensor {
    const stem = relu(this.bn1.forward(this.conv1.forward(x)));
    const features = this.stages.reduce((h, stage) => stage.forward(h), stem);
    return this.linear.forward(globalAvgPool2d(features));
  }
}

/** relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)); where shapes change, the shortcut is a 1x1 convolution and bn. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly shortcut: Sequential;

  constructor(inputs: number, outputs: number, stride: number, generator: Generator) {
    super();
    const options = { padding: 1, bias: false, generator };
    this.conv1 = this.child('conv1', new Conv2d(inputs, outputs, 3, { ...options, stride }));
    this.bn1 = this.child('bn1', new BatchNorm2d(outputs));
    this.conv2 = this.child('conv2', new Conv2d(outputs, outputs, 3, options));
    this.bn2 = this.child('bn2', new BatchNorm2d(outputs));
    const projection =
      stride === 1 && inputs === outputs
        ? []
        : [new Conv2d(inputs, outputs, 1, { stride, bias: false, generator }), new BatchNorm2d(outputs)];
    this.shortcut = this.child('shortcut', new Sequential(...projection));
  }

  override forward(x: Tensor): Tensor {
    const h = relu(this.bn1.forward(this.conv1.forward(x)));
    return relu(add(this.bn2.forward(this.conv2.forward(h)), this.shortcut.forward(x)));
  }
}
