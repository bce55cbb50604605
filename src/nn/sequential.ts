/** Modules that arrange others. */
import { refuse } from '../engine/arguments.ts';
import { flatten, type Tensor } from '../engine/index.ts';
import { checkTensors } from '../engine/tensor.ts';
import { checkModule, Module } from './module.ts';

/** Applies modules one after the other; they are named '0', '1', ... Without any it is the identity. */
export class Sequential extends Module {
  readonly #steps: readonly Module[];

  constructor(...steps: readonly Module[]) {
    super();
    steps.forEach((step, at) => void checkModule('Sequential', `step ${at}`, step));
    this.#steps = steps.map((step, at) => this.child(String(at), step));
  }

  override forward(x: Tensor): Tensor {
    checkTensors('Sequential', { x });
    return this.#steps.reduce((value, step) => step.forward(value), x);
  }
}

/** Merges all dims from `start` on: [N,C,H,W] -> [N,C*H*W] by default. */
export class Flatten extends Module {
  readonly start: number;

  constructor(start = 1) {
    super();
    if (!Number.isInteger(start)) refuse('Flatten', 'start', start, 'a dim');
    this.start = start;
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.start);
  }
}

/** x. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    checkTensors('Identity', { x });
    return x;
  }
}
