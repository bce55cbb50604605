/** Pooling as modules, for use in `Sequential`; the operations of the same names say what they compute. */
import { optionsOf } from '../engine/arguments.ts';
import {
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  maxPool2d,
  type Pool2dOptions,
  type Tensor,
} from '../engine/index.ts';
import { type Pair, pairOf } from '../engine/ops/checks.ts';
import { pool2dOptions } from '../engine/ops/pooling.ts';
import { Module } from './module.ts';

function checkWindow(owner: string, window: Pair, options: Pool2dOptions): void {
  pairOf(owner, 'window', window, 1);
  const { stride = window, padding = 0 } = optionsOf(owner, options, pool2dOptions);
  pairOf(owner, 'stride', stride, 1);
  pairOf(owner, 'padding', padding, 0);
}

export class MaxPool2d extends Module {
  readonly window: Pair;
  readonly options: Pool2dOptions;

  constructor(window: Pair, options: Pool2dOptions = {}) {
    super();
    checkWindow('MaxPool2d', window, options);
    this.window = window;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.window, this.options);
  }
}

export class AvgPool2d extends Module {
  readonly window: Pair;
  readonly options: Pool2dOptions;

  constructor(window: Pair, options: Pool2dOptions = {}) {
    super();
    checkWindow('AvgPool2d', window, options);
    this.window = window;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.window, this.options);
  }
}

export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: Pair;

  constructor(outputSize: Pair) {
    super();
    pairOf('AdaptiveAvgPool2d', 'outputSize', outputSize, 1);
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** The mean of each channel's image: [N,C,H,W] -> [N,C]. */
export class GlobalAvgPool extends Module {
  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}
