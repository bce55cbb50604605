/**
 * The scalars S_M whose gradient the penalty R_M = || dS_M/dtheta ||^2 is made of, after the authors' released code.
 * Each makes its random choices from the micro-batch, once, and gives S_M as a function of the logits z [M, classes].
 */
import { crossEntropy, mean, mul, sum } from '../../engine/index.ts';
import type { LogitScalar, MicroBatch } from './micro-batch.ts';

export type PenalisedScalar = (micro: MicroBatch) => LogitScalar;

/** Gradient norm (GN): S = mean over M of CE(z, y), the loss L_M itself. */
export const trueLoss: PenalisedScalar =
  ({ labels }) =>
  (z) =>
    crossEntropy(z, labels);

/** Fisher trace (FT): S = mean over M of CE(z, yhat), yhat ~ softmax(z), drawn as a constant. */
export const sampledLoss: PenalisedScalar = ({ logits, draws }) => {
  const drawn = draws.labels(logits.detach());
  return (z) => crossEntropy(z, drawn);
};

/** Average Jacobian (AJ): S = sum over classes of the mean over M of z; no 1/C. */
export const summedLogits: PenalisedScalar = () => (z) => sum(mean(z, 0));

/** Average Jacobian with 1/C (ours): S = mean over classes and M of z, so that R is C^2 times smaller than AJ's. */
export const averagedLogits: PenalisedScalar = () => (z) => mean(z);

/** Unit Jacobian (UJ): S = (mean over M of z) . u, u uniform on the unit sphere, one for the micro-batch. */
export const projectedLogits: PenalisedScalar = ({ logits, draws }) => {
  const direction = draws.direction(logits.shape[1]);
  return (z) => sum(mul(mean(z, 0), direction));
};
