/** GPU memory: buffers by size class, reused rather than freed, and counted. */
import type { MemoryUse } from '../../device.ts';
import { roundedSize } from '../../plan/memory.ts';

/** Unused memory beyond this, and beyond what is in use, goes back to the driver. */
const keepUnused = 64 * 2 ** 20;

/** A buffer with an identity for cache keys; `size` is what it was rounded up to. */
export interface PooledBuffer {
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly size: number;
}

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #slots = new Map<number, PooledBuffer[]>();
  #nextId = 0;
  #inUse = 0;
  #peak = 0;
  #reserved = 0;
  #alive = 0;
  #created = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get created(): number {
    return this.#created;
  }

  /** A buffer of at least `bytes`. Throws, with the sizes, where the device cannot bind so much. */
  acquire(bytes: number, label: string): PooledBuffer {
    const size = roundedSize(bytes);
    const found = this.#free.get(size)?.pop();
    const buffer = found ?? this.#create(size, bytes, label);
    this.#inUse += size;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return buffer;
  }

  release(buffer: PooledBuffer): void {
    this.#inUse -= buffer.size;
    const unused = this.#reserved - this.#inUse;
    if (unused > Math.max(keepUnused, this.#inUse)) {
      this.#reserved -= buffer.size;
      this.#alive--;
      buffer.buffer.destroy();
      return;
    }
    const list = this.#free.get(buffer.size);
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }

  /**
   * Buffers for the slots of a plan. Plans run one after the other, and no slot's content outlives a run, so all plans
   * share them: the n-th slot of a size is always the same buffer, and bind groups over slots stay valid.
   */
  slots(sizes: readonly number[], label: string): PooledBuffer[] {
    const taken = new Map<number, number>();
    return sizes.map((size) => {
      const at = taken.get(size) ?? 0;
      taken.set(size, at + 1);
      const list = this.#slots.get(size) ?? [];
      this.#slots.set(size, list);
      list[at] ??= this.acquire(size, label);
      return list[at];
    });
  }

  memory(): MemoryUse {
    return {
      bytesInUse: this.#inUse,
      peakBytes: this.#peak,
      bytesReserved: this.#reserved,
      buffers: this.#alive,
    };
  }

  #create(size: number, bytes: number, label: string): PooledBuffer {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (bytes > limit) {
      throw new RangeError(
        `${label} needs a buffer of ${bytes} bytes; this adapter binds at most ${limit}. ` +
          'Use smaller batches or split the tensor.',
      );
    }
    const buffer = this.#device.createBuffer({
      label,
      size: Math.min(size, limit - (limit % 4)),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#created++;
    this.#alive++;
    this.#reserved += size;
    return { id: this.#nextId++, buffer, size };
  }
}
