/**
 * The methods of "Disentangling the Mechanisms Behind Implicit Regularization in SGD" (Novack et al., ICLR 2023).
 *
 * A mini-batch B is cut into K micro-batches M. The update follows the gradient of
 *
 *     L_B + lambda (1/K) sum over M of R_M,      R_M = || d S_M / d theta ||^2
 *
 * with the squared Euclidean norm over all parameters jointly, and S_M a scalar of the same forward pass as the loss (so
 * of the same batch-norm statistics). The methods differ in S_M alone. Definitions as in the authors' released code.
 */
import {
  add,
  categorical,
  crossEntropy,
  div,
  type Generator,
  grad,
  mean,
  mul,
  norm,
  normal,
  square,
  sum,
  type Tensor,
} from '../engine/index.ts';

/** SB and LB: plain SGD with small and large batches. The others penalise the gradient of their S_M. */
export const methodNames = ['SB', 'LB', 'GN', 'FT', 'AJ', 'UJ'] as const;
export type MethodName = (typeof methodNames)[number];

/** The random choices of a method, so that a test can give them. */
export interface Draws {
  /** One label per example, drawn from softmax(logits): i32 [M]. */
  labels(logits: Tensor): Tensor;
  /** One unit vector for the micro-batch, uniform on the sphere: f32 [classes]. */
  direction(classes: number): Tensor;
}

interface MicroBatch {
  /** [M, classes] */
  readonly logits: Tensor;
  /** i32 [M] */
  readonly labels: Tensor;
  readonly draws: Draws;
}

/** S_M by method; SB and LB have none. */
const penalised: Record<MethodName, ((micro: MicroBatch) => Tensor) | undefined> = {
  SB: undefined,
  LB: undefined,

  /** Gradient norm: S = mean over M of CE(z, y). */
  GN: ({ logits, labels }) => crossEntropy(logits, labels),

  /** Fisher trace: S = mean over M of CE(z, yhat), yhat ~ softmax(z), drawn as a constant. */
  FT: ({ logits, draws }) => crossEntropy(logits, draws.labels(logits.detach())),

  /** Average Jacobian: S = sum over classes of the mean over M of z. */
  AJ: ({ logits }) => sum(mean(logits, 0)),

  /** Unit Jacobian: S = (mean over M of z) . u, u uniform on the unit sphere. */
  UJ: ({ logits, draws }) => sum(mul(mean(logits, 0), draws.direction(logits.shape[1]))),
};

/** True for the methods with a penalty, which need a gradient of a gradient. */
export function hasPenalty(method: MethodName): boolean {
  return penalised[method] !== undefined;
}

/** || d scalar / d theta ||^2 over all parameters jointly. */
export function squaredGradientNorm(scalar: Tensor, parameters: readonly Tensor[]): Tensor {
  return grad(scalar, parameters)
    .map((g) => sum(square(g)))
    .reduce((a, b) => add(a, b));
}

export interface MicroStep {
  /** L_M, without the penalty. */
  readonly loss: Tensor;
  /** R_M, before lambda; undefined for SB and LB. */
  readonly penalty?: Tensor;
  /** d (L_M + lambda R_M) / d theta / K, one per parameter. */
  readonly gradients: Tensor[];
}

/** One micro-batch's share of the update, from its logits and labels. */
export function microStep(
  {
    method,
    lambda,
    microBatches,
  }: { readonly method: MethodName; readonly lambda: number; readonly microBatches: number },
  parameters: readonly Tensor[],
  micro: MicroBatch,
): MicroStep {
  const loss = crossEntropy(micro.logits, micro.labels);
  const scalar = penalised[method]?.(micro);
  const penalty = scalar && squaredGradientNorm(scalar, parameters);
  const total = penalty ? add(loss, mul(penalty, lambda)) : loss;
  return { loss, penalty, gradients: grad(mul(total, 1 / microBatches), parameters) };
}

/** Draws from a generator, fresh for every micro-batch. */
export function randomDraws(generator: Generator): Draws {
  return {
    labels: (logits) => categorical(generator, logits),
    direction: (classes) => {
      const v = normal(generator, [classes]);
      return div(v, norm(v));
    },
  };
}
