/** Functions composed of other operations, and so differentiable to any order without a rule of their own. */
import { checkNumber, checkOneOf, optionsOf } from '../arguments.ts';
import { formatShape, type Shape, ShapeError, sameShape, wrapDim } from '../shape.ts';
import { checkTensors, type Tensor } from '../tensor.ts';
import { checkChannels, checkFloat } from './checks.ts';
import { add, div, exp, log, mul, neg, rsqrt, square, sub } from './elementwise.ts';
import { oneHot } from './indexing.ts';
import { reshape } from './movement.ts';
import { max, mean, sum } from './reduction.ts';
import { greaterEqual, less, logicalAnd, notEqual, where } from './selection.ts';

/** exp(x) / sum(exp(x)) along one dim; 1 for a scalar, as in PyTorch. */
export function softmax(x: Tensor, dim = -1): Tensor {
  checkFloat('softmax', x);
  const at = wrapDim('softmax', dim, x.shape);
  const exponentials = exp(belowZero(x, at));
  return div(exponentials, sum(exponentials, at, true));
}

/** log softmax(x) along one dim, without overflow: (x - max) - log(sum(exp(x - max))). */
export function logSoftmax(x: Tensor, dim = -1): Tensor {
  checkFloat('logSoftmax', x);
  const at = wrapDim('logSoftmax', dim, x.shape);
  const shifted = belowZero(x, at);
  return sub(shifted, log(sum(exp(shifted), at, true)));
}

/** x - max(x) along a dim, so that no exponential overflows; an empty dim has no largest element, and needs none. */
function belowZero(x: Tensor, dim: number): Tensor {
  return x.shape[dim] === 0 ? x : sub(x, max(x, dim, true).detach());
}

/** How a loss per example becomes the result. */
export type LossReduction = 'mean' | 'sum' | 'none';

function checkReduction(operation: string, reduction: LossReduction): void {
  checkOneOf(operation, 'reduction', reduction, ['mean', 'sum', 'none']);
}

function reduced(losses: Tensor, reduction: LossReduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/**
 * Cross entropy of logits [N, classes] and integer labels [N]: -log softmax(z)[label], reduced (PyTorch's
 * `cross_entropy`). labelSmoothing e mixes the one-hot target with e / classes everywhere. A label out of range makes the loss and its
 * gradient NaN: a GPU cannot throw.
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: { readonly reduction?: LossReduction; readonly labelSmoothing?: number } = {},
): Tensor {
  checkTensors('crossEntropy', { logits, labels });
  const { reduction = 'mean', labelSmoothing = 0 } = optionsOf('crossEntropy', options, [
    'reduction',
    'labelSmoothing',
  ]);
  checkReduction('crossEntropy', reduction);
  checkNumber('crossEntropy', 'labelSmoothing', labelSmoothing);
  const [count, classes] = logits.shape;
  const fits = logits.shape.length === 2 && labels.shape.length === 1 && labels.shape[0] === count;
  if (!fits || logits.dtype !== 'f32' || (labels.dtype !== 'i32' && labels.dtype !== 'u32')) {
    throw new ShapeError(
      'crossEntropy: expected f32 logits [N,classes] and i32 or u32 labels [N], got ' +
        `${logits.dtype}${formatShape(logits.shape)} and ${labels.dtype}${formatShape(labels.shape)}.`,
    );
  }
  if (classes === 0 && count > 0) {
    throw new ShapeError(
      `crossEntropy: logits ${formatShape(logits.shape)} have no classes that a label could name; expected one or more.`,
    );
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`crossEntropy: labelSmoothing is ${labelSmoothing}, expected 0 to 1.`);
  }
  const column = reshape(labels, [count, 1]);
  const named = logicalAnd(greaterEqual(column, 0), less(column, classes));
  const hit = where(named, oneHot(labels, classes), Number.NaN);
  const target = labelSmoothing === 0 ? hit : add(mul(hit, 1 - labelSmoothing), labelSmoothing / classes);
  // A log probability of -infinity under a target of 0 must not become NaN.
  const weighted = where(notEqual(target, 0), mul(target, logSoftmax(logits, 1)), 0);
  return reduced(mul(sum(weighted, 1), -1), reduction);
}

/** Mean (or sum, or none) of squared differences. */
export function mseLoss(prediction: Tensor, target: Tensor, reduction: LossReduction = 'mean'): Tensor {
  checkTensors('mseLoss', { prediction, target });
  checkReduction('mseLoss', reduction);
  if (!sameShape(prediction.shape, target.shape) || prediction.dtype !== 'f32' || target.dtype !== 'f32') {
    throw new ShapeError(
      `mseLoss: expected f32 tensors of one shape, got ${prediction.dtype}${formatShape(prediction.shape)} and ` +
        `${target.dtype}${formatShape(target.shape)}.`,
    );
  }
  return reduced(square(sub(prediction, target)), reduction);
}

/**
 * (x - mean) / sqrt(variance + epsilon) * weight + bias per channel (dim 1) of [N,C,...]. `mean` and `variance`
 * are [C]; derivatives pass through them if they depend on x.
 *
 * Computed as (x - c) scale + shift with the constant c = mean, so that all that is derived from mean, variance,
 * weight and bias has C elements, and a backward pass needs two sums over x: of g and of g (x - c).
 */
export function normalizeChannels(
  x: Tensor,
  statistics: { readonly mean: Tensor; readonly variance: Tensor },
  affine: { readonly weight?: Tensor; readonly bias?: Tensor },
  epsilon: number,
): Tensor {
  const { mean, variance } = optionsOf('normalizeChannels', statistics, ['mean', 'variance'], 'statistics');
  const { weight, bias } = optionsOf('normalizeChannels', affine, ['weight', 'bias'], 'affine');
  checkTensors('normalizeChannels', { mean, variance });
  checkNumber('normalizeChannels', 'epsilon', epsilon);
  checkChannels('normalizeChannels', x, { mean, variance, weight, bias });
  const along: Shape = x.shape.map((size, dim) => (dim === 1 ? size : 1));
  const { centered, moved } = centeredOn(mean, x);
  const deviation = rsqrt(add(variance, epsilon));
  const scale = weight ? mul(weight, deviation) : deviation;
  const shift = bias ? sub(bias, mul(moved, scale)) : neg(mul(moved, scale));
  return add(mul(centered, reshape(scale, along)), reshape(shift, along));
}

/** Mean and biased variance of each channel (dim 1) of [N,C,...], each [C]. */
export function channelStatistics(x: Tensor): { mean: Tensor; variance: Tensor } {
  checkChannels('channelStatistics', x);
  const others = x.shape.flatMap((_, dim) => (dim === 1 ? [] : [dim]));
  const center = mean(x, others);
  const { centered, moved } = centeredOn(center, x);
  return { mean: center, variance: sub(mean(square(centered), others), square(moved)) };
}

/**
 * x - c and center - c for the constant c = center: the second is zero, but carries the derivatives of the center.
 * x - center = (x - c) - (center - c), and var x = mean (x - c)^2 - (center - c)^2.
 */
function centeredOn(center: Tensor, x: Tensor): { centered: Tensor; moved: Tensor } {
  const constant = center.detach();
  const along = x.shape.map((size, dim) => (dim === 1 ? size : 1));
  return { centered: sub(x, reshape(constant, along)), moved: sub(center, constant) };
}

/**
 * Batch normalisation with the batch's own statistics (PyTorch's `batch_norm` in training): x [N,C,...], weight and
 * bias [C]. Composed, so that derivatives of any order pass through mean and variance.
 */
export function batchNorm(
  x: Tensor,
  options: { readonly weight?: Tensor; readonly bias?: Tensor; readonly epsilon?: number } = {},
): Tensor {
  const { weight, bias, epsilon = 1e-5 } = optionsOf('batchNorm', options, ['weight', 'bias', 'epsilon']);
  checkNumber('batchNorm', 'epsilon', epsilon);
  checkChannels('batchNorm', x, { weight, bias });
  return normalizeChannels(x, channelStatistics(x), { weight, bias }, epsilon);
}
