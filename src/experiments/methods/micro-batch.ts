/** A micro-batch as a method sees it: one forward pass, and the same pass again at other parameters. */
import { grad, type Tensor, withValues } from '../../engine/index.ts';
import type { Module } from '../../nn/index.ts';
import type { Draws } from './draws.ts';

/** A function of the logits [M, classes] that gives a scalar. */
export type LogitScalar = (logits: Tensor) => Tensor;

export interface MicroBatch {
  /** theta. */
  readonly parameters: readonly Tensor[];
  /** [M, classes], at theta. */
  readonly logits: Tensor;
  /** i32 [M] */
  readonly labels: Tensor;
  readonly draws: Draws;
  /**
   * The gradient of a scalar of the logits at `point` instead of theta. It is the same pass: the same images,
   * augmentation and dropout masks, with batch norm's running statistics left alone.
   */
  gradientAt(point: readonly Tensor[], scalar: LogitScalar): Tensor[];
}

/** The micro-batch x [M,...] with labels [M], after its forward pass through the model. */
export function forwardPass(model: Module, x: Tensor, labels: Tensor, draws: Draws): MicroBatch {
  const parameters = model.parameters();
  return {
    parameters,
    logits: model.forward(x),
    labels,
    draws,
    gradientAt: (point, scalar) =>
      withValues(parameters, point, () =>
        model.repeatingPass(() => grad(scalar(model.forward(x)), parameters)),
      ),
  };
}
