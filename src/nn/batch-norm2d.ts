/** Batch normalisation with running statistics. */
import { checkNumber, optionsOf } from '../engine/arguments.ts';
import {
  add,
  assign,
  channelStatistics,
  expand,
  mul,
  normalizeChannels,
  ones,
  permute,
  reshape,
  type Shape,
  ShapeError,
  slice,
  type Tensor,
  zeros,
} from '../engine/index.ts';
import { checkTensors } from '../engine/tensor.ts';
import { checkModule, Module } from './module.ts';
import { checkCount } from './specification.ts';

/**
 * (x - mean) / sqrt(variance + epsilon) * weight + bias per channel of [N,C,H,W] (PyTorch's `BatchNorm2d`).
 *
 * In training mean and (biased) variance are the batch's own, and each forward pass moves the running ones:
 * r <- (1 - momentum) r + momentum * batch's, with the unbiased variance. In evaluation the running ones are used.
 * Inside `withFrozenStatistics` training passes do not move them. A batch without values counts as a pass, but has no
 * statistics to move them by.
 *
 * With a `normBatch` (ghost batch norm, Hoffer et al. 2017) training takes the statistics of each `normBatch` consecutive
 * images apart, as if they had passed one after the other: the running ones move once for each part.
 */
export class BatchNorm2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  /** i32 (PyTorch: int64): training passes so far. */
  readonly batchesTracked: Tensor;
  /** Images whose statistics are taken together; all of the batch if undefined. */
  normBatch: number | undefined;
  readonly #epsilon: number;
  readonly #momentum: number;

  constructor(channels: number, options: { readonly epsilon?: number; readonly momentum?: number } = {}) {
    super();
    checkCount('BatchNorm2d', 'channels', channels);
    const { epsilon = 1e-5, momentum = 0.1 } = optionsOf('BatchNorm2d', options, ['epsilon', 'momentum']);
    checkNumber('BatchNorm2d', 'epsilon', epsilon);
    checkNumber('BatchNorm2d', 'momentum', momentum);
    this.#epsilon = epsilon;
    this.#momentum = momentum;
    this.weight = this.parameter('weight', ones([channels]));
    this.bias = this.parameter('bias', zeros([channels]));
    this.runningMean = this.buffer('running_mean', zeros([channels]));
    this.runningVariance = this.buffer('running_var', ones([channels]));
    this.batchesTracked = this.buffer('num_batches_tracked', zeros([], 'i32'));
  }

  override forward(x: Tensor): Tensor {
    checkTensors('BatchNorm2d', { x });
    const channels = this.weight.size;
    if (x.shape.length !== 4 || x.shape[1] !== channels) {
      throw new ShapeError(`BatchNorm2d: expected [N,${channels},H,W], got shape [${x.shape}].`);
    }
    const affine = { weight: this.weight, bias: this.bias };
    const tracks = this.training && !this.statisticsFrozen;
    if (!this.training || x.size === 0) {
      if (tracks) this.#count(1);
      const running = { mean: this.runningMean, variance: this.runningVariance };
      return normalizeChannels(x, running, affine, this.#epsilon);
    }
    const [n, c, h, w] = x.shape;
    const images = this.normBatch ?? n;
    const parts = n / images;
    const count = images * h * w;
    if (!Number.isInteger(parts) || count < 2) {
      throw new ShapeError(this.#misfit(x, images));
    }
    // The parts become channels of their own: [parts, images, C, H, W] -> [images, parts C, H, W].
    const apart = parts === 1 ? x : movedParts(x, [parts, images, c, h, w], [images, parts * c, h, w]);
    const statistics = channelStatistics(apart);
    if (tracks) this.#trackParts(statistics, parts, count);
    const y = normalizeChannels(apart, statistics, repeated(affine, parts), this.#epsilon);
    return parts === 1 ? y : movedParts(y, [images, parts, c, h, w], x.shape);
  }

  #misfit({ shape }: Tensor, images: number): string {
    return shape[0] % images === 0
      ? `BatchNorm2d: training needs two values or more per channel, got shape [${shape}] in parts of ${images}.`
      : `BatchNorm2d: normBatch is ${images}, which does not divide the ${shape[0]} images of shape [${shape}].`;
  }

  /** Moves the running statistics by those of each part, in order: r <- (1 - momentum) r + momentum * part's. */
  #trackParts({ mean, variance }: { mean: Tensor; variance: Tensor }, parts: number, count: number): void {
    const channels = this.weight.size;
    const part = (all: Tensor, k: number) => slice(all, 0, k * channels, (k + 1) * channels);
    for (let k = 0; k < parts; k++) {
      this.#track(this.runningMean, part(mean, k));
      this.#track(this.runningVariance, mul(part(variance, k), count / (count - 1)));
    }
    this.#count(parts);
  }

  #count(passes: number): void {
    assign(this.batchesTracked, add(this.batchesTracked, passes));
  }

  #track(running: Tensor, current: Tensor): void {
    assign(running, add(mul(running, 1 - this.#momentum), mul(current, this.#momentum)));
  }
}

/** Reshapes x to five dims `from`, exchanges the first two, and reshapes to `to`. */
function movedParts(x: Tensor, from: Shape, to: Shape): Tensor {
  return reshape(permute(reshape(x, from), [1, 0, 2, 3, 4]), to);
}

/** Weight and bias [C] for each of `parts` side by side: [parts C]. */
function repeated(affine: { weight: Tensor; bias: Tensor }, parts: number): { weight: Tensor; bias: Tensor } {
  if (parts === 1) return affine;
  const repeat = (x: Tensor) => reshape(expand(x, [parts, x.size]), [parts * x.size]);
  return { weight: repeat(affine.weight), bias: repeat(affine.bias) };
}

/** Sets `normBatch` on every batch norm of a model. */
export function setNormBatch(model: Module, images: number | undefined): void {
  checkModule('setNormBatch', 'model', model);
  if (images !== undefined) checkCount('setNormBatch', 'images', images);
  for (const module of model.modules()) if (module instanceof BatchNorm2d) module.normBatch = images;
}
