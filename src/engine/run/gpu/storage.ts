/** Values in buffers of a device. */
import type { DeviceValue, SharedStorage } from '../../tape.ts';
import type { GpuDevice } from './device.ts';
import type { BufferPool, PooledBuffer } from './pool.ts';

/** A buffer of the pool, and how many values hold it. */
interface Held {
  readonly pooled: PooledBuffer;
  readonly bytes: number;
  holders: number;
}

/** Makes the values of a device, and gives their memory back when they are released or collected. */
export class Storages {
  readonly owner: GpuDevice;
  readonly pool: BufferPool;
  readonly #collected = new FinalizationRegistry<GpuStorage>((storage) => storage.release());

  constructor(owner: GpuDevice, pool: BufferPool) {
    this.owner = owner;
    this.pool = pool;
  }

  /** A value in memory of its own. */
  create(bytes: number): DeviceValue {
    return this.hold({ pooled: this.pool.acquire(bytes, 'A result'), bytes, holders: 0 });
  }

  /** One more value in this memory. */
  hold(held: Held): DeviceValue {
    held.holders++;
    const storage = new GpuStorage(this, held);
    const value: DeviceValue = { kind: 'device', storage };
    this.#collected.register(value, storage);
    return value;
  }

  /** The buffer of a value that lies on this device. */
  bufferOf({ storage }: DeviceValue): PooledBuffer | undefined {
    return storage instanceof GpuStorage && storage.owner === this.owner ? storage.pooled : undefined;
  }
}

class GpuStorage implements SharedStorage {
  readonly #storages: Storages;
  readonly #held: Held;
  #released = false;

  constructor(storages: Storages, held: Held) {
    this.#storages = storages;
    this.#held = held;
  }

  get owner(): GpuDevice {
    return this.#storages.owner;
  }

  get deviceName(): string {
    return this.owner.name;
  }

  get pooled(): PooledBuffer {
    return this.#held.pooled;
  }

  get bytes(): number {
    return this.#held.bytes;
  }

  share(): DeviceValue {
    return this.#storages.hold(this.#held);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (--this.#held.holders === 0) this.#storages.pool.release(this.pooled);
  }
}
