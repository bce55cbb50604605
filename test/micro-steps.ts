/** One micro-batch of a tiny smooth model with one of the methods, for tests. */
import { assign, read, type Tensor, tensor } from '../src/engine/index.ts';
import {
  type Draws,
  forwardPass,
  hasPenalty,
  type MethodName,
  type MethodSettings,
  type MicroStep,
  mainMethods,
  microStep,
} from '../src/experiments/methods.ts';
import type { ModelSpec } from '../src/experiments/models.ts';
import type { Module } from '../src/nn/index.ts';

export const classes = 3;
export const smooth: ModelSpec = { family: 'mlp', inputs: 3, hidden: [4], classes, activation: 'tanh' };
export const penalised = mainMethods.filter(hasPenalty);

/** Draws that a test knows. */
export const fixedDraws: Draws = {
  labels: ({ shape: [n] }) => tensor(Int32Array.from({ length: n }, (_, i) => (2 * i + 1) % classes)),
  direction: () => tensor([2 / 3, -1 / 3, 2 / 3]),
};

export function inputs(count: number): { x: Tensor; y: Tensor } {
  const values = Float64Array.from({ length: 3 * count }, (_, i) => Math.sin(2.3 * i + 0.4));
  return {
    x: tensor(values, { shape: [count, 3] }),
    y: tensor(Int32Array.from({ length: count }, (_, i) => (i * i) % classes)),
  };
}

/** What one micro-batch gives: all examples of x. */
export function stepOf(
  model: Module,
  method: MethodName,
  { x, y }: { x: Tensor; y: Tensor },
  {
    lambda = 1,
    microBatches = 1,
    draws = fixedDraws,
    drawn,
    ...settings
  }: Partial<MethodSettings> & { microBatches?: number; draws?: Draws; drawn?: boolean } = {},
): MicroStep {
  return microStep({ method, microBatches, lambda, ...settings }, forwardPass(model, x, y, draws), { drawn });
}

/** The value of R_M. */
export async function penaltyOf({ penalty }: MicroStep): Promise<number> {
  if (!penalty) throw new Error('The method has no penalty.');
  return penalty.item();
}

/** The elements of all tensors, one after the other. */
export async function flat(tensors: readonly Tensor[]): Promise<number[]> {
  return (await read(...tensors)).flatMap((values) => Array.from(values));
}

export function squaredNorm(values: readonly number[]): number {
  return values.reduce((total, value) => total + value ** 2, 0);
}

/** Runs `evaluate` with the parameters moved by `amount` along `direction`, and moves them back. */
export async function moved<T>(
  model: Module,
  direction: readonly number[],
  amount: number,
  evaluate: () => Promise<T>,
): Promise<T> {
  const parameters = model.parameters();
  const before = (await read(...parameters)).map((values) => Float64Array.from(values));
  let at = 0;
  parameters.forEach((parameter, i) => {
    const values = before[i].map((value) => value + amount * direction[at++]);
    assign(parameter, tensor(values, { shape: parameter.shape }));
  });
  const result = await evaluate();
  parameters.forEach((parameter, i) => {
    assign(parameter, tensor(before[i], { shape: parameter.shape }));
  });
  return result;
}
