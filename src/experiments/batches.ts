/** The order in which training images are seen, and images as tensors. */
import { type Tensor, tensor } from '../engine/index.ts';
import { philox } from '../engine/ops/random.ts';
import type { ImageSet } from './data/image-set.ts';

/** What a run takes images for: each purpose has orders of its own, whatever the seed. */
export const orders = { training: 0, measuring: 1, recording: 2 };

/**
 * An endless stream of image numbers: one seeded permutation after another, an epoch each. A pure function of
 * (seed, order, position).
 */
export class ImageOrder {
  readonly #count: number;
  readonly #seed: number;
  readonly #order: number;
  #epoch = -1;
  #permutation: Uint32Array = new Uint32Array();
  /** Images taken so far; set it to go elsewhere. */
  position = 0;

  constructor(count: number, seed: number, order = orders.training) {
    this.#count = count;
    this.#seed = seed;
    this.#order = order;
  }

  /** The next `count` image numbers. */
  take(count: number): number[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): number {
    const epoch = Math.floor(this.position / this.#count);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#permutation = permutationOf(this.#count, this.#seed, this.#order, epoch);
    }
    return this.#permutation[this.position++ % this.#count];
  }
}

/** What becomes of the images that are left at the end of an epoch; see `updateAt`. */
export const lastBatches = ['partial', 'nominal', 'full'] as const;
export type LastBatch = (typeof lastBatches)[number];

export interface Batching {
  /** Training images. */
  readonly count: number;
  /** |B|, a multiple of |M|. */
  readonly batch: number;
  /** |M| */
  readonly microBatch: number;
  readonly lastBatch: LastBatch;
}

export interface UpdateImages {
  /** Where in the order of images the update begins. */
  readonly position: number;
  /** Its micro-batches: how many images each holds, and by what its mean gradient is divided before all are summed. */
  readonly microBatches: readonly { readonly size: number; readonly divisor: number }[];
}

/**
 * The images of the update that follows `updates` updates. An epoch's last update is made of the images that are left, and
 * so is its last micro-batch M. The divisors are |B| / |M| with the true counts ('partial'), so that the gradient is the mean
 * over examples; or always the nominal K, as in the released code ('nominal'). With 'full' there is no end of an epoch:
 * the batch is filled from the next one.
 */
export function updateAt(updates: number, { count, batch, microBatch, lastBatch }: Batching): UpdateImages {
  const nominal = batch / microBatch;
  if (lastBatch === 'full') {
    const microBatches = Array.from({ length: batch / microBatch }, () => ({
      size: microBatch,
      divisor: nominal,
    }));
    return { position: updates * batch, microBatches };
  }
  const perEpoch = Math.ceil(count / batch);
  const begin = (updates % perEpoch) * batch;
  const images = Math.min(batch, count - begin);
  const microBatches = Array.from({ length: Math.ceil(images / microBatch) }, (_, k) => {
    const size = Math.min(microBatch, images - k * microBatch);
    return { size, divisor: lastBatch === 'nominal' ? nominal : images / size };
  });
  return { position: Math.floor(updates / perEpoch) * count + begin, microBatches };
}

/**
 * 0 to count - 1 ordered by Philox words keyed by the seed, one block per position; equal words in order. Word and
 * position are sorted as one whole number of at most 53 bits: beyond 2^21 images, the word's last bits make room.
 */
function permutationOf(count: number, seed: number, order: number, epoch: number): Uint32Array {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const positions = 2 ** Math.max(21, Math.ceil(Math.log2(count)));
  const words = Float64Array.from({ length: count }, (_, i) => {
    const [word] = philox([i, 1, epoch, order], key);
    return Math.floor(word * (2 ** 21 / positions)) * positions + i;
  });
  return Uint32Array.from(words.sort(), (word) => word % positions);
}

/** Raw pixels f32 [M,C,H,W] and labels i32 [M] of the given images. */
export function imageBatch(set: ImageSet, indices: readonly number[]): [pixels: Tensor, labels: Tensor] {
  const [c, h, w] = set.shape;
  const size = c * h * w;
  const pixels = new Float32Array(indices.length * size);
  indices.forEach((index, i) => {
    pixels.set(set.images.subarray(index * size, (index + 1) * size), i * size);
  });
  const labels = Int32Array.from(indices, (index) => set.labels[index]);
  return [tensor(pixels, { shape: [indices.length, c, h, w] }), tensor(labels)];
}
