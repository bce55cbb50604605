/** Bringing results to the host: one mapped buffer per read in flight, reused by size. */
import { roundedSize } from '../../plan/memory.ts';
import type { PooledBuffer } from './pool.ts';

export class Staging {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  #created = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get created(): number {
    return this.#created;
  }

  /**
   * Encodes copies of the first `bytes[i]` bytes of each source. The function returned resolves, once submitted, to
   * their contents.
   */
  copyOut(
    encoder: GPUCommandEncoder,
    sources: readonly PooledBuffer[],
    bytes: readonly number[],
  ): () => Promise<ArrayBuffer[]> {
    const total = bytes.reduce((sum, size) => sum + size, 0);
    if (total === 0) return async () => bytes.map(() => new ArrayBuffer(0));
    const size = roundedSize(total);
    const buffer = this.#free.get(size)?.pop() ?? this.#create(size);
    const offsets: number[] = [];
    let offset = 0;
    sources.forEach((source, i) => {
      offsets.push(offset);
      if (bytes[i] > 0) encoder.copyBufferToBuffer(source.buffer, 0, buffer, offset, bytes[i]);
      offset += bytes[i];
    });
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ, 0, total);
      const mapped = buffer.getMappedRange(0, total);
      const copies = bytes.map((length, i) => mapped.slice(offsets[i], offsets[i] + length));
      buffer.unmap();
      this.#free.set(size, [...(this.#free.get(size) ?? []), buffer]);
      return copies;
    };
  }

  #create(size: number): GPUBuffer {
    this.#created++;
    return this.#device.createBuffer({
      label: 'staging',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }
}
