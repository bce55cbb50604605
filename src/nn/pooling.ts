/** Pooling as modules, for use in `Sequential`; the operations of the same names say what they compute. */
import {
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  maxPool2d,
  type Pool2dOptions,
  type Tensor,
} from '../engine/index.ts';
import { Module } from './module.ts';

type Pair = number | readonly [number, number];

export class MaxPool2d extends Module {
  readonly window: Pair;
  readonly options: Pool2dOptions;

  constructor(window: Pair, options: Pool2dOptions = {}) {
    super();
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
