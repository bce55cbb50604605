/** Dropout with random numbers of its own. */
import { optionsOf } from '../engine/arguments.ts';
import { dropout, type Generator, mul, ones, ShapeError, type Tensor } from '../engine/index.ts';
import { checkGenerator, checkProbability } from '../engine/ops/random.ts';
import { checkTensors } from '../engine/tensor.ts';
import { Module } from './module.ts';

/**
 * In training zeroes each element with probability p and scales the rest by 1 / (1 - p); in evaluation does nothing
 * (PyTorch's `Dropout`). Inside `repeatingPass` the masks of the last pass are taken again. To resume a run exactly, save
 * and assign `generator.state`: it is no part of the state dict, where PyTorch has nothing either.
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator;
  #mask: Tensor | undefined;

  constructor(p: number, options: { readonly generator: Generator }) {
    super();
    const { generator } = optionsOf('Dropout', options, ['generator']);
    checkGenerator('Dropout', generator);
    checkProbability('Dropout', 'p', p);
    this.p = p;
    this.generator = generator;
  }

  override forward(x: Tensor): Tensor {
    checkTensors('Dropout', { x });
    if (!this.training || this.p === 0) return x;
    const mask = this.repeating ? this.#lastMask(x) : this.#draw(x);
    this.#mask = mask;
    return mul(x, mask);
  }

  /** 1 / (1 - p) with probability 1 - p, else 0. */
  #draw({ shape }: Tensor): Tensor {
    return dropout(this.generator, ones(shape), this.p);
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
