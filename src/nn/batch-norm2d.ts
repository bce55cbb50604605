/** Batch normalisation with running statistics. */
import {
  add,
  assign,
  channelStatistics,
  mul,
  normalizeChannels,
  ones,
  ShapeError,
  type Tensor,
  zeros,
} from '../engine/index.ts';
import { Module } from './module.ts';
import { checkCount } from './specification.ts';

/**
 * (x - mean) / sqrt(variance + epsilon) * weight + bias per channel of [N,C,H,W] (PyTorch's `BatchNorm2d`).
 *
 * In training mean and (biased) variance are the batch's own, and each forward pass moves the running ones:
 * r <- (1 - momentum) r + momentum * batch's, with the unbiased variance. In evaluation the running ones are used.
 * Inside `withFrozenStatistics` training passes do not move them.
 */
export class BatchNorm2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  /** i32 (PyTorch: int64): training passes so far. */
  readonly batchesTracked: Tensor;
  readonly #epsilon: number;
  readonly #momentum: number;

  constructor(
    channels: number,
    { epsilon = 1e-5, momentum = 0.1 }: { readonly epsilon?: number; readonly momentum?: number } = {},
  ) {
    super();
    checkCount('BatchNorm2d', 'channels', channels);
    this.#epsilon = epsilon;
    this.#momentum = momentum;
    this.weight = this.parameter('weight', ones([channels]));
    this.bias = this.parameter('bias', zeros([channels]));
    this.runningMean = this.buffer('running_mean', zeros([channels]));
    this.runningVariance = this.buffer('running_var', ones([channels]));
    this.batchesTracked = this.buffer('num_batches_tracked', zeros([], 'i32'));
  }

  override forward(x: Tensor): Tensor {
    const channels = this.weight.size;
    if (x.shape.length !== 4 || x.shape[1] !== channels) {
      throw new ShapeError(`BatchNorm2d: expected [N,${channels},H,W], got shape [${x.shape}].`);
    }
    const statistics = this.training
      ? this.#batchStatistics(x)
      : { mean: this.runningMean, variance: this.runningVariance };
    return normalizeChannels(x, statistics, { weight: this.weight, bias: this.bias }, this.#epsilon);
  }

  #batchStatistics(x: Tensor): { mean: Tensor; variance: Tensor } {
    const count = x.size / this.weight.size;
    if (count < 2) {
      throw new ShapeError(
        `BatchNorm2d: training needs two values or more per channel, got shape [${x.shape}].`,
      );
    }
    const statistics = channelStatistics(x);
    if (!this.statisticsFrozen) {
      this.#track(this.runningMean, statistics.mean);
      this.#track(this.runningVariance, mul(statistics.variance, count / (count - 1)));
      assign(this.batchesTracked, add(this.batchesTracked, 1));
    }
    return statistics;
  }

  #track(running: Tensor, current: Tensor): void {
    assign(running, add(mul(running, 1 - this.#momentum), mul(current, this.#momentum)));
  }
}
