/**
 * The methods of "Disentangling the Mechanisms Behind Implicit Regularization in SGD" (Novack et al., ICLR 2023), and
 * three for comparison. A mini-batch B is cut into K micro-batches M; one update is
 *
 *     theta <- theta - eta g,      g = sum over M of the micro-batch's share (`microStep`), then its length (`update`)
 *
 * LB takes g = d L_B / d theta. A method differs from it in how a micro-batch gives its share, in which micro-batches do
 * so, or in the length that g is brought to. Sources: [code] the authors' released code, [readme] its README, [ours] a
 * choice made here where neither says; see docs/decisions/0017-methods.md.
 */
import { crossEntropy, div, mul, type Operand, sqrt, type Tensor } from '../engine/index.ts';
import {
  centralDifference,
  doubleBackprop,
  forwardDifference,
  type GradientRule,
  gnp,
  lossGradient,
  type PenaltyRule,
  sam,
} from './methods/gradients.ts';
import type { MicroBatch } from './methods/micro-batch.ts';
import { rescaled, squaredNorm } from './methods/norm.ts';
import {
  averagedLogits,
  type PenalisedScalar,
  projectedLogits,
  sampledLoss,
  summedLogits,
  trueLoss,
} from './methods/scalars.ts';

export { type Draws, drawnMicroBatch, randomDraws } from './methods/draws.ts';
export { forwardPass, type MicroBatch } from './methods/micro-batch.ts';
export { squaredGradientNorm, squaredNorm } from './methods/norm.ts';
export { heldNorm, type RecordedNorm } from './methods/recorded-norms.ts';

interface Method {
  /** S_M of the penalty lambda R_M, R_M = || dS_M/dtheta ||^2. */
  readonly penalty?: PenalisedScalar;
  /** The gradient of a micro-batch, where it is neither the loss's nor the loss with penalty's. */
  readonly gradient?: GradientRule;
  /** The penalty is that of one drawn micro-batch of B, not the mean over all. */
  readonly one?: boolean;
  /** Length that g is brought to before the learning rate; its own by default. */
  readonly length?: 'drawn micro-batch' | 'mean of micro-batches' | 'recorded' | 'one';
}

const methods = {
  /** Plain SGD: small batches, K = 1 [code]. */
  SB: {},
  /** Plain SGD: large batches, accumulated over K micro-batches [code]. */
  LB: {},
  /** Gradient norm, Fisher trace, average Jacobian, unit Jacobian [code]. Large micro-batches are a larger |M| [readme]. */
  GN: { penalty: trueLoss },
  FT: { penalty: sampledLoss },
  AJ: { penalty: summedLogits },
  UJ: { penalty: projectedLogits },
  /** AJ with 1/C [ours]. */
  'AJ-mean': { penalty: averagedLogits },
  /** L_B + lambda R_S, S one micro-batch of B drawn for each update [readme]; lambda not divided by K [ours]. */
  SampleGN: { penalty: trueLoss, one: true },
  /** g = || g_M || g_B / || g_B ||, M one micro-batch of B drawn for each update [ours]; the name [readme]. */
  IterGraft: { length: 'drawn micro-batch' },
  /** The same with the mean over all M of || g_M || [ours, after a helper in the code]. */
  'IterGraft-mean': { length: 'mean of micro-batches' },
  /** g = n g_B / || g_B ||, n the norm that an SB run recorded, held for some updates [readme, code]. */
  ExterGraft: { length: 'recorded' },
  /** g = g_B / || g_B ||: a step of length eta [readme, ours]. */
  NGD: { length: 'one' },
  /** For comparison, not in the paper. */
  SAM: { gradient: sam },
  GNP: { gradient: gnp },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;
export const methodNames = Object.keys(methods) as MethodName[];

/** The six of the paper's main comparison. */
export const mainMethods = ['SB', 'LB', 'GN', 'FT', 'AJ', 'UJ'] as const satisfies MethodName[];
export type MainMethod = (typeof mainMethods)[number];

/** How the gradient of a penalty is computed: exactly, or by finite differences of gradients. */
const derivatives = {
  'double-backprop': doubleBackprop,
  'forward-difference': forwardDifference,
  'central-difference': centralDifference,
} as const satisfies Record<string, PenaltyRule>;
export type Derivative = keyof typeof derivatives;

export interface MethodSettings {
  readonly method: MethodName;
  /** Weight of the penalty. A tensor where it changes from step to step. */
  readonly lambda: Operand;
  /** For methods with a penalty; exact by default. */
  readonly derivative?: Derivative;
  /** Length of the displacement in parameter space: of finite differences, rho of SAM, r of GNP. A tensor where it changes. */
  readonly radius?: Operand;
}

/** True for the methods that add lambda R_M. */
export function hasPenalty(method: MethodName): boolean {
  return methodOf(method).penalty !== undefined;
}

/** True where gradients are taken at displaced parameters, so that `radius` must be given. */
export function needsRadius(method: MethodName, derivative: Derivative = 'double-backprop'): boolean {
  return methodOf(method).gradient !== undefined || (hasPenalty(method) && derivative !== 'double-backprop');
}

/** True for the methods that treat one drawn micro-batch of a mini-batch differently from the others. */
export function drawsMicroBatch(method: MethodName): boolean {
  const { one, length } = methodOf(method);
  return one === true || length === 'drawn micro-batch';
}

/** True for the method that needs norms recorded by another run. */
export function needsRecordedNorm(method: MethodName): boolean {
  return methodOf(method).length === 'recorded';
}

/** One micro-batch's share of an update: over the micro-batches of a mini-batch, each part is to be summed. */
export interface MicroStep {
  /** L_M / K, without the penalty. */
  readonly loss: Tensor;
  /** R_M / K (R_S where only one is drawn), before lambda; absent without a penalty. */
  readonly penalty?: Tensor;
  /** One per parameter. */
  readonly gradients: Tensor[];
  /** Of the length that g is brought to; absent where no norm of a micro-batch decides it. */
  readonly length?: Tensor;
}

/**
 * One micro-batch's share of the update, recorded with its forward pass done. `drawn` says whether it is the one drawn for
 * this update; it matters to the methods for which `drawsMicroBatch` holds.
 */
export function microStep(
  settings: MethodSettings & { readonly microBatches: number },
  micro: MicroBatch,
  { drawn = false }: { readonly drawn?: boolean } = {},
): MicroStep {
  const { method, lambda, microBatches, derivative = 'double-backprop', radius } = settings;
  const { penalty, gradient = lossGradient, one = false, length } = methodOf(method);
  const share = 1 / microBatches;
  const rule = penalty && (!one || drawn) ? derivatives[derivative](penalty) : gradient;
  // What is summed is a share of 1/K; the one micro-batch that is penalised stands for all K.
  const weight = one ? microBatches : 1;
  const heavier = typeof lambda === 'number' ? lambda * weight : mul(lambda, weight);
  const result = rule(micro, { lambda: heavier, radius, share });
  /** || g_M ||: the gradients are share g_M. */
  const norm = () => div(sqrt(squaredNorm(result.gradients)), share);
  return {
    loss: mul(crossEntropy(micro.logits, micro.labels), share),
    penalty: result.penalty && mul(result.penalty, share * weight),
    gradients: result.gradients,
    length: length && lengthShares[length]({ drawn, share, norm }),
  };
}

/** A micro-batch's part of the length that g is brought to. */
const lengthShares: Record<
  NonNullable<Method['length']>,
  (micro: { drawn: boolean; share: number; norm: () => Tensor }) => Tensor | undefined
> = {
  'drawn micro-batch': ({ drawn, norm }) => (drawn ? norm() : undefined),
  'mean of micro-batches': ({ share, norm }) => mul(norm(), share),
  recorded: () => undefined,
  one: () => undefined,
};

/**
 * What the optimiser steps along: `gradients`, summed over the micro-batches, at the length that the method gives them.
 * `length` is the sum of the micro-batches' `length`; `recorded` the norm recorded elsewhere, a tensor.
 */
export function update(
  method: MethodName,
  gradients: readonly Tensor[],
  { length, recorded }: { readonly length?: Tensor; readonly recorded?: Tensor } = {},
): Tensor[] {
  const rule = methodOf(method).length;
  if (rule === undefined) return [...gradients];
  if (rule === 'one') return rescaled(gradients, 1);
  const to = rule === 'recorded' ? recorded : length;
  if (to === undefined) {
    const source = rule === 'recorded' ? 'a norm recorded by a small-batch run' : 'the norm of a micro-batch';
    throw new Error(`${method} needs ${source} for the length of its step; none was given.`);
  }
  return rescaled(gradients, to);
}

function methodOf(method: MethodName): Method {
  return methods[method];
}
