/** The multi-layer perceptron. */
import { optionsOf, shown } from '../../engine/arguments.ts';
import { flatten, type Generator, type Tensor } from '../../engine/index.ts';
import { checkGenerator } from '../../engine/ops/random.ts';
import { GELU, ReLU, Tanh } from '../activations.ts';
import { Linear } from '../layers.ts';
import { Module } from '../module.ts';
import { Sequential } from '../sequential.ts';
import { checkCount, checkCounts } from '../specification.ts';

const activations = { relu: ReLU, tanh: Tanh, gelu: GELU };

export interface MlpSpecification {
  /** Elements of one example; images are flattened. */
  readonly inputs: number;
  /** Widths of the hidden layers; none is a linear model. */
  readonly hidden: readonly number[];
  readonly classes: number;
  readonly activation: keyof typeof activations;
}

const fields = ['inputs', 'hidden', 'classes', 'activation'] as const;

/** linear, activation, linear, ..., linear: x [N,...] -> logits [N,classes]. Names: net.0.weight, net.0.bias, ... */
export function mlp(specification: MlpSpecification, generator: Generator): Module {
  return new Mlp(specification, generator);
}

class Mlp extends Module {
  readonly net: Sequential;

  constructor(specification: MlpSpecification, generator: Generator) {
    super();
    const { inputs, hidden, classes, activation } = optionsOf('mlp', specification, fields, 'specification');
    checkGenerator('mlp', generator);
    checkCount('mlp', 'inputs', inputs);
    checkCounts('mlp', 'hidden', hidden);
    checkCount('mlp', 'classes', classes);
    if (!Object.hasOwn(activations, activation)) {
      const known = Object.keys(activations).join(', ');
      throw new RangeError(`mlp: activation is ${shown(activation)}, expected one of ${known}.`);
    }
    const Activation = activations[activation];
    const widths = [inputs, ...hidden];
    const body = hidden.flatMap((width, at) => [
      new Linear(widths[at], width, { generator }),
      new Activation(),
    ]);
    const head = new Linear(widths[hidden.length], classes, { generator });
    this.net = this.child('net', new Sequential(...body, head));
  }

  override forward(x: Tensor): Tensor {
    return this.net.forward(flatten(x, 1));
  }
}
