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
  /** Numbers of buffers, from and before, that may be no memory at all. */
  readonly #doubtful: (readonly [from: number, before: number])[] = [];
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
    if (unused > Math.max(keepUnused, this.#inUse) || this.#isDoubtful(buffer)) {
      this.#destroy(buffer);
      return;
    }
    const list = this.#free.get(buffer.size);
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }

  /** The buffers made when so many had been, and before so many had been, are not used again. */
  doubt(from: number, before: number): void {
    if (from === before) return;
    this.#doubtful.push([from, before]);
    for (const [size, list] of this.#free) {
      for (const buffer of list) if (this.#isDoubtful(buffer)) this.#destroy(buffer);
      this.#free.set(
        size,
        list.filter((buffer) => !this.#isDoubtful(buffer)),
      );
    }
  }

  /** Throws, with the sizes, where the device cannot bind so much. */
  checkSize(bytes: number, label: string): void {
    if (bytes <= this.#limit) return;
    throw new RangeError(
      `${label} needs a buffer of ${bytes} bytes; this adapter binds at most ${this.#limit}. ` +
        'Use smaller batches or split the tensor.',
    );
  }

  memory(): MemoryUse {
    return {
      bytesInUse: this.#inUse,
      peakBytes: this.#peak,
      bytesReserved: this.#reserved,
      buffers: this.#alive,
    };
  }

  get #limit(): number {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    return Math.min(maxStorageBufferBindingSize, maxBufferSize);
  }

  #isDoubtful({ id }: PooledBuffer): boolean {
    return this.#doubtful.some(([from, before]) => id >= from && id < before);
  }

  #destroy({ buffer, size }: PooledBuffer): void {
    this.#reserved -= size;
    this.#alive--;
    buffer.destroy();
  }

  #create(size: number, bytes: number, label: string): PooledBuffer {
    this.checkSize(bytes, label);
    const limit = this.#limit;
    const buffer = this.#device.createBuffer({
      label,
      size: Math.min(size, limit - (limit % 4)),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#alive++;
    this.#reserved += size;
    return { id: this.#created++, buffer, size };
  }
}
