/** Bringing results to the host: one mapped buffer per read in flight, reused by size. */
import { roundedSize } from '../../plan/memory.ts';

interface Source {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

/** Unused memory beyond this goes back to the driver, what has waited longest first. */
const keepUnused = 16 * 2 ** 20;

export class Staging {
  readonly #device: GPUDevice;
  readonly #free: GPUBuffer[] = [];
  #created = 0;
  #unused = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get created(): number {
    return this.#created;
  }

  /**
   * Encodes copies of the first `bytes` bytes of each buffer. The function returned resolves, once submitted, to their
   * contents.
   */
  copyOut(encoder: GPUCommandEncoder, sources: readonly Source[]): () => Promise<ArrayBuffer[]> {
    const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total === 0) return async () => sources.map(() => new ArrayBuffer(0));
    const size = roundedSize(total);
    const buffer = this.#take(size);
    const offsets: number[] = [];
    let offset = 0;
    for (const source of sources) {
      offsets.push(offset);
      if (source.bytes > 0) encoder.copyBufferToBuffer(source.buffer, 0, buffer, offset, source.bytes);
      offset += source.bytes;
    }
    return async () => {
      try {
        await buffer.mapAsync(GPUMapMode.READ, 0, total);
      } catch (error) {
        buffer.destroy();
        throw error;
      }
      const mapped = buffer.getMappedRange(0, total);
      const copies = sources.map(({ bytes }, i) => mapped.slice(offsets[i], offsets[i] + bytes));
      buffer.unmap();
      this.#giveBack(buffer);
      return copies;
    };
  }

  /** The last is kept whatever its size: it may be read into at every step. */
  #giveBack(buffer: GPUBuffer): void {
    this.#free.push(buffer);
    this.#unused += buffer.size;
    while (this.#unused > keepUnused && this.#free.length > 1) {
      const [oldest] = this.#free.splice(0, 1);
      this.#unused -= oldest.size;
      oldest.destroy();
    }
  }

  #take(size: number): GPUBuffer {
    const at = this.#free.findLastIndex((buffer) => buffer.size === size);
    if (at >= 0) {
      this.#unused -= size;
      return this.#free.splice(at, 1)[0];
    }
    this.#created++;
    return this.#device.createBuffer({
      label: 'staging',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }
}
