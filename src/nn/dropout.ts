/** Dropout with random numbers of its own. */
import { dropout, type Generator, type Tensor } from '../engine/index.ts';
import { Module } from './module.ts';
import { checkRange } from './specification.ts';

/**
 * In training zeroes each element with probability p and scales the rest by 1 / (1 - p); in evaluation does nothing
 * (PyTorch's `Dropout`). To resume a run exactly, save and assign `generator.state`: it is no part of the state dict,
 * where PyTorch has nothing either.
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator;

  constructor(p: number, { generator }: { readonly generator: Generator }) {
    super();
    checkRange('Dropout', 'p', p, 0, 1);
    this.p = p;
    this.generator = generator;
  }

  override forward(x: Tensor): Tensor {
    return this.training ? dropout(this.generator, x, this.p) : x;
  }
}
