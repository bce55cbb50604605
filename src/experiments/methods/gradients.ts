/**
 * How a method turns one micro-batch into a gradient. theta are the parameters, L the micro-batch's mean cross entropy, S
 * the scalar that is penalised, R = ||dS/dtheta||^2; all norms are over all parameters jointly. Every result is already a
 * share of the mini-batch's: multiplied by `share` = 1/K. Number-valued settings may be tensors, and must be where they
 * change from step to step.
 */
import {
  add,
  crossEntropy,
  div,
  full,
  grad,
  mul,
  type Operand,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../../engine/index.ts';
import type { LogitScalar, MicroBatch } from './micro-batch.ts';
import { rescaled, squaredGradientNorm, squaredNorm } from './norm.ts';
import type { PenalisedScalar } from './scalars.ts';

export interface GradientSettings {
  /** Weight of the penalty. */
  readonly lambda: Operand;
  /** Length of the displacement in parameter space: of the finite differences, rho of SAM, r of GNP. */
  readonly radius?: Operand;
  /** 1/K. */
  readonly share: number;
}

export interface MicroGradient {
  readonly gradients: Tensor[];
  /** R, not multiplied by lambda or share; absent where the rule has none. */
  readonly penalty?: Tensor;
}

export type GradientRule = (micro: MicroBatch, settings: GradientSettings) => MicroGradient;
export type PenaltyRule = (scalar: PenalisedScalar) => GradientRule;

/** g = dL/dtheta (SB, LB). */
export const lossGradient: GradientRule = ({ logits, labels, parameters }, { share }) => ({
  gradients: grad(mul(crossEntropy(logits, labels), share), parameters),
});

/** d(L + lambda R)/dtheta by differentiating a gradient: exact, as in the released code. */
export const doubleBackprop: PenaltyRule =
  (scalar) =>
  (micro, { lambda, share }) => {
    const { logits, labels, parameters } = micro;
    const penalty = squaredGradientNorm(scalar(micro)(logits), parameters);
    const total = add(crossEntropy(logits, labels), mul(penalty, lambda));
    return { penalty, gradients: grad(mul(total, share), parameters) };
  };

/**
 * The gradient of R without a gradient of a gradient: dR/dtheta = 2 H g with g = dS/dtheta, H = dg/dtheta, n = g / ||g||, and
 *
 *     forward: H g = (g(theta + r n) - g) ||g|| / r + O(r)
 *     central: H g = (g(theta + r n) - g(theta - r n)) ||g|| / (2 r) + O(r^2)
 *
 * It costs one or two gradients of S at displaced parameters, and one at theta where S is not L.
 */
const finiteDifference =
  (scheme: 'forward' | 'central'): PenaltyRule =>
  (scalar) =>
  (micro, settings) => {
    const { lambda, share } = settings;
    const r = radiusOf(`A ${scheme} difference`, settings);
    const s = scaled(scalar(micro), share);
    const g = grad(s(micro.logits), micro.parameters);
    const at = (length: Operand) => micro.gradientAt(displaced(micro, g, length), s);
    const [ahead, behind, step] = scheme === 'forward' ? [at(r), g, r] : [at(r), at(mul(r, -1)), mul(r, 2)];
    // s is share S, so that the norm of S's own gradient is that of g over share.
    const norm = div(sqrt(squaredNorm(g)), share);
    const factor = mul(div(mul(norm, 2), step), lambda);
    const own = lossGradient(micro, settings).gradients;
    return {
      penalty: square(norm),
      gradients: own.map((value, i) => add(value, mul(sub(ahead[i], behind[i]), factor))),
    };
  };

export const forwardDifference = finiteDifference('forward');
export const centralDifference = finiteDifference('central');

/**
 * Sharpness-aware minimisation (Foret et al. 2021): g(theta + rho n), g = dL/dtheta, n = g / ||g||. The displacement is
 * the micro-batch's own ("m-sharpness" with m = |M|), and nothing is differentiated through it.
 */
export const sam: GradientRule = (micro, settings) => {
  const rho = radiusOf('SAM', settings);
  const { loss, g } = scaledLoss(micro, settings);
  return { gradients: micro.gradientAt(displaced(micro, g, rho), loss) };
};

/**
 * Gradient norm penalty (Zhao et al. 2022), for L + lambda ||dL/dtheta||, not squared:
 * (1 - alpha) g + alpha g(theta + r n), alpha = lambda / r. With alpha = 1 it is SAM.
 */
export const gnp: GradientRule = (micro, settings) => {
  const r = radiusOf('GNP', settings);
  const alpha = div(settings.lambda, r);
  const { loss, g } = scaledLoss(micro, settings);
  const ahead = micro.gradientAt(displaced(micro, g, r), loss);
  return { gradients: g.map((here, i) => add(mul(here, sub(1, alpha)), mul(ahead[i], alpha))) };
};

/** share L as a function of the logits, and its gradient. */
function scaledLoss(micro: MicroBatch, { share }: GradientSettings): { loss: LogitScalar; g: Tensor[] } {
  const loss = scaled((z) => crossEntropy(z, micro.labels), share);
  return { loss, g: grad(loss(micro.logits), micro.parameters) };
}

function scaled(scalar: LogitScalar, factor: number): LogitScalar {
  return (z) => mul(scalar(z), factor);
}

/** theta + length g / ||g||. */
function displaced({ parameters }: MicroBatch, g: readonly Tensor[], length: Operand): Tensor[] {
  return rescaled(g, length).map((move, i) => add(parameters[i], move));
}

function radiusOf(what: string, { radius }: GradientSettings): Tensor {
  if (radius === undefined) {
    throw new Error(
      `${what} needs a radius, the length of its displacement in parameter space; none was given.`,
    );
  }
  return typeof radius === 'number' ? full([], radius) : radius;
}
