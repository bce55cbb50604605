/** The random choices of the methods. */
import { categorical, div, type Generator, norm, normal, type Tensor } from '../../engine/index.ts';
import { philox } from '../../engine/ops/random.ts';

/** What a method draws for a micro-batch, so that a test can give it. */
export interface Draws {
  /** One label per example, drawn from softmax(logits): i32 [M]. */
  labels(logits: Tensor): Tensor;
  /** One unit vector for the micro-batch, uniform on the sphere: f32 [classes]. */
  direction(classes: number): Tensor;
}

/** Draws from a generator, fresh for every micro-batch. */
export function randomDraws(generator: Generator): Draws {
  return {
    labels: (logits) => categorical(generator, logits),
    direction: (classes) => {
      const v = normal(generator, [classes]);
      return div(v, norm(v));
    },
  };
}

/** One of the `microBatches` of an update, 0 to K - 1, uniform: a pure function of (seed, update). */
export function drawnMicroBatch(seed: number, update: number, microBatches: number): number {
  // The second word keeps these apart from the order of images, which is drawn with the same key.
  const [word] = philox([update, 2, 0, 0], [seed >>> 0, Math.floor(seed / 2 ** 32)]);
  return Math.floor((word / 2 ** 32) * microBatches);
}
