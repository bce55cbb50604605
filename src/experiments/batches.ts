/** The order in which training images are seen, and images as tensors. */
import { type Tensor, tensor } from '../engine/index.ts';
import { philox } from '../engine/ops/random.ts';
import type { ImageSet } from './data/image-set.ts';

/**
 * An endless stream of image numbers: one seeded permutation after another, an epoch each. Batches are cut from the
 * stream, so every one is full and an epoch's remainder opens the next batch. A pure function of (seed, position).
 */
export class ImageOrder {
  readonly #count: number;
  readonly #seed: number;
  #epoch = -1;
  #permutation: Uint32Array = new Uint32Array();
  /** Images taken so far. */
  position = 0;

  constructor(count: number, seed: number) {
    this.#count = count;
    this.#seed = seed;
  }

  /** The next `count` image numbers. */
  take(count: number): number[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): number {
    const epoch = Math.floor(this.position / this.#count);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#permutation = permutationOf(this.#count, this.#seed, epoch);
    }
    return this.#permutation[this.position++ % this.#count];
  }
}

/** 0 to count - 1 ordered by Philox words keyed by the seed, one block per position. */
function permutationOf(count: number, seed: number, epoch: number): Uint32Array {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const words = Float64Array.from(
    { length: count },
    (_, i) => philox([i, 1, epoch, 0], key)[0] * 2 ** 21 + i,
  );
  return Uint32Array.from(words.sort(), (word) => word % 2 ** 21);
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
