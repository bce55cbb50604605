/** Optimisers: from gradients to the next values of the parameters, recorded as assignments. */
import { checkFlag, checkNumber, optionsOf, refuse } from '../engine/arguments.ts';
import {
  add,
  assign,
  div,
  eq,
  expm1,
  mul,
  neg,
  ShapeError,
  sqrt,
  square,
  sub,
  type Tensor,
  tensor,
  where,
} from '../engine/index.ts';
import { checkTensorList } from '../engine/tensor.ts';
import { checkRange } from './specification.ts';
import { type LoadResult, loadState, type StateValues } from './state.ts';

export interface Optimizer {
  /** f32 scalar. A schedule assigns it, so nothing is recorded or planned anew. */
  readonly learningRate: Tensor;
  setLearningRate(value: number): void;
  /** Assigns the next values of the parameters and of the optimiser's state; one gradient per parameter, in order. */
  step(gradients: readonly Tensor[]): void;
  /** The live tensors: learning_rate, step (f32, steps taken), and per parameter PyTorch's names, as 0.momentum_buffer. */
  stateDict(): Map<string, Tensor>;
  loadStateDict(values: StateValues, options?: { readonly strict?: boolean }): LoadResult;
}

export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum?: number;
  /** Added to the gradient, times the parameter. */
  readonly weightDecay?: number;
  /** How much of a gradient does not enter the momentum buffer. */
  readonly dampening?: number;
  readonly nesterov?: boolean;
}

const sgdOptions = ['learningRate', 'momentum', 'weightDecay', 'dampening', 'nesterov'] as const;

/**
 * Stochastic gradient descent as PyTorch's `SGD`: with d = g + weightDecay p,
 *
 *     buffer <- momentum buffer + (1 - dampening) d     (the first step: buffer <- d)
 *     p <- p - learningRate buffer                      (nesterov: d + momentum buffer; no momentum: d)
 */
export function sgd(parameters: readonly Tensor[], options: SgdOptions): Optimizer {
  const given = optionsOf('sgd', options, sgdOptions);
  const { learningRate, momentum = 0, weightDecay = 0, dampening = 0, nesterov = false } = given;
  checkRange('sgd', 'momentum', momentum, 0);
  checkRange('sgd', 'weightDecay', weightDecay, 0);
  checkNumber('sgd', 'dampening', dampening);
  checkFlag('sgd', 'nesterov', nesterov);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new RangeError(
      `sgd: nesterov needs a momentum and no dampening, got momentum ${momentum}, dampening ${dampening}.`,
    );
  }
  const slots = momentum === 0 ? [] : ['momentum_buffer'];
  return optimizer('sgd', parameters, learningRate, slots, (p, g, [buffer], { rate, steps }) => {
    const d = weightDecay === 0 ? g : add(g, mul(p, weightDecay));
    if (buffer === undefined) return [sub(p, mul(rate, d))];
    const fresh = dampening === 0 ? d : mul(d, where(eq(steps, 0), 1, 1 - dampening));
    const next = add(mul(buffer, momentum), fresh);
    return [sub(p, mul(rate, nesterov ? add(d, mul(next, momentum)) : next)), next];
  });
}

export interface AdamOptions {
  readonly learningRate?: number;
  /** Decay of the mean of gradients and of the mean of their squares. */
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
  /** Added to the gradient, times the parameter. */
  readonly weightDecay?: number;
}

const adamOptions = ['learningRate', 'betas', 'epsilon', 'weightDecay'] as const;

/**
 * Adam as PyTorch's `Adam`: with d = g + weightDecay p and t the number of this step, from 1,
 *
 *     m <- beta1 m + (1 - beta1) d,   v <- beta2 v + (1 - beta2) d^2
 *     p <- p - learningRate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
 */
export function adam(parameters: readonly Tensor[], options: AdamOptions = {}): Optimizer {
  const given = optionsOf('adam', options, adamOptions);
  const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = given;
  if (!Array.isArray(betas) || betas.length !== 2) refuse('adam', 'betas', betas, 'a list of two numbers');
  const [beta1, beta2] = betas;
  checkRange('adam', 'betas[0]', beta1, 0, 1);
  checkRange('adam', 'betas[1]', beta2, 0, 1);
  checkRange('adam', 'epsilon', epsilon, 0);
  checkRange('adam', 'weightDecay', weightDecay, 0);
  return optimizer(
    'adam',
    parameters,
    learningRate,
    ['exp_avg', 'exp_avg_sq'],
    (p, g, [m, v], { rate, steps }) => {
      const d = weightDecay === 0 ? g : add(g, mul(p, weightDecay));
      const nextM = add(mul(m, beta1), mul(d, 1 - beta1));
      const nextV = add(mul(v, beta2), mul(square(d), 1 - beta2));
      // 1 - beta^t = -expm1(t log beta): beta^t is near 1 at first, and the difference would lose its digits.
      const correction = (beta: number) => neg(expm1(mul(add(steps, 1), Math.log(beta))));
      const deviation = add(sqrt(div(nextV, correction(beta2))), epsilon);
      return [sub(p, mul(rate, div(div(nextM, correction(beta1)), deviation))), nextM, nextV];
    },
  );
}

/** From a parameter, its gradient and its slots to the parameter's next value, followed by the slots'. */
type Rule = (
  parameter: Tensor,
  gradient: Tensor,
  slots: readonly Tensor[],
  common: { readonly rate: Tensor; readonly steps: Tensor },
) => readonly Tensor[];

function optimizer(
  name: string,
  parameters: readonly Tensor[],
  initialRate: number,
  slotNames: readonly string[],
  rule: Rule,
): Optimizer {
  checkTensorList(name, 'parameters', parameters);
  checkRange(name, 'learningRate', initialRate, 0);
  checkDistinct(name, parameters);
  const learningRate = tensor(initialRate);
  const steps = tensor(0);
  const slots = parameters.map(({ size, shape }) =>
    slotNames.map(() => tensor(new Float32Array(size), { shape })),
  );

  const stateDict = () =>
    new Map([
      ['learning_rate', learningRate],
      ['step', steps],
      ...slots.flatMap((own, at) => own.map((slot, i) => [`${at}.${slotNames[i]}`, slot] as const)),
    ]);

  return {
    learningRate,
    setLearningRate(value) {
      checkRange(name, 'learningRate', value, 0);
      assign(learningRate, tensor(value));
    },
    step(gradients) {
      checkGradients(name, parameters, gradients);
      parameters.forEach((parameter, at) => {
        const [next, ...nextSlots] = rule(parameter, gradients[at], slots[at], { rate: learningRate, steps });
        assign(parameter, next);
        nextSlots.forEach((value, i) => void assign(slots[at][i], value));
      });
      assign(steps, add(steps, 1));
    },
    stateDict,
    loadStateDict: (values, options) => loadState(name, stateDict(), values, options),
  };
}

/** A parameter given twice would be moved twice by each step. */
function checkDistinct(name: string, parameters: readonly Tensor[]): void {
  const first = new Map<Tensor, number>();
  parameters.forEach((parameter, at) => {
    const before = first.get(parameter);
    if (before !== undefined) {
      throw new Error(
        `${name}: expected every parameter once, got the same tensor of shape [${parameter.shape}] as parameters ` +
          `${before} and ${at}; pass it once, as a module's parameters() does.`,
      );
    }
    first.set(parameter, at);
  });
}

function checkGradients(name: string, parameters: readonly Tensor[], gradients: readonly Tensor[]): void {
  checkTensorList(name, 'gradients', gradients);
  if (gradients.length !== parameters.length) {
    throw new RangeError(`${name}: ${gradients.length} gradients for ${parameters.length} parameters.`);
  }
  gradients.forEach(({ shape }, at) => {
    if (shape.join() !== parameters[at].shape.join()) {
      throw new ShapeError(
        `${name}: gradient ${at} has shape [${shape}], its parameter has [${parameters[at].shape}].`,
      );
    }
  });
}
