/** Dropout with random numbers of its own. */
import { bernoulli, type Generator, mul, ShapeError, type Tensor } from '../engine/index.ts';
import { Module } from './module.ts';
import { checkRange } from './specification.ts';

/**
 * In training zeroes each element with probability p and scales the rest by 1 / (1 - p); in evaluation does nothing
 * (PyTorch's `Dropout`). Inside `repeatingPass` the masks of the last pass are taken again. To resume a run exactly, save
 * and assign `generator.state`: it is no part of the state dict, where PyTorch has nothing either.
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator;
  #mask: Tensor | undefined;

  constructor(p: number, { generator }: { readonly generator: Generator }) {
    super();
    checkRange('Dropout', 'p', p, 0, 1);
    this.p = p;
    this.generator = generator;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    const mask = this.repeating ? this.#lastMask(x) : this.#draw(x);
    this.#mask = mask;
    return mul(x, mask);
  }

  /** 1 / (1 - p) with probability 1 - p, else 0. */
  #draw({ shape }: Tensor): Tensor {
    return mul(bernoulli(this.generator, shape, 1 - this.p), 1 / (1 - this.p));
  }

  #lastMask({ shape }: Tensor): Tensor {
    if (this.#mask?.shape.join() !== shape.join()) {
      throw new ShapeError(
        `Dropout: a repeated pass of shape [${shape}] needs the mask of a pass before it; the last one ` +
          `${this.#mask ? `had shape [${this.#mask.shape}]` : 'has not been'}.`,
      );
    }
    return this.#mask;
  }
}
