/** Memory of intermediates. Plans run one after the other, and no intermediate outlives a run: all plans share it. */
import type { BufferPool, PooledBuffer } from './pool.ts';

/** After so many runs, what none of them needed goes back to the pool. */
const period = 64;

export class Slots {
  readonly #pool: BufferPool;
  /** The largest first. Another list when another buffer is in it. */
  #buffers: readonly PooledBuffer[] = [];
  /** The size that each had to have since the last look. */
  #needed: number[] = [];
  #runs = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /**
   * Buffers for a run: the n-th at least as large as the n-th of `sizes`, which begin with the largest. As long as the
   * list is the same, so are the buffers. Throws, naming `label`, where the device cannot bind so much.
   */
  fit(sizes: readonly number[], label: string): readonly PooledBuffer[] {
    if (this.#runs++ % period === 0) {
      const unneeded = this.#buffers.some(({ size }, i) => size > (this.#needed[i] ?? 0));
      if (unneeded) this.#resize(this.#needed, label);
      this.#needed = [];
    }
    sizes.forEach((size, i) => {
      this.#needed[i] = Math.max(this.#needed[i] ?? 0, size);
    });
    const fits = sizes.every((size, i) => i < this.#buffers.length && this.#buffers[i].size >= size);
    if (!fits) {
      const count = Math.max(sizes.length, this.#buffers.length);
      this.#resize(
        Array.from({ length: count }, (_, i) => Math.max(sizes[i] ?? 0, this.#buffers[i]?.size ?? 0)),
        label,
      );
    }
    return this.#buffers;
  }

  /** Gives everything back: the next run takes memory anew. */
  clear(): void {
    this.#resize([], '');
  }

  #resize(sizes: readonly number[], label: string): void {
    if (sizes.length > 0) this.#pool.checkSize(sizes[0], label);
    const before = this.#buffers;
    const stays = (i: number) => before[i]?.size === sizes[i];
    before.forEach((buffer, i) => {
      if (!stays(i)) this.#pool.release(buffer);
    });
    this.#buffers = sizes.map((size, i) => (stays(i) ? before[i] : this.#pool.acquire(size, label)));
  }
}
