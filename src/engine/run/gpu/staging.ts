/** Bringing results to the host: one mapped buffer per read in flight, reused by size. */
import { roundedSize } from '../../plan/memory.ts';

interface Source {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
}

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
   * Encodes copies of the first `bytes` bytes of each buffer. The function returned resolves, once submitted, to their
   * contents.
   */
  copyOut(encoder: GPUCommandEncoder, sources: readonly Source[]): () => Promise<ArrayBuffer[]> {
    const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total === 0) return async () => sources.map(() => new ArrayBuffer(0));
    const size = roundedSize(total);
    const buffer = this.#free.get(size)?.pop() ?? this.#create(size);
    const offsets: number[] = [];
    let offset = 0;
    for (const source of sources) {
      offsets.push(offset);
      if (source.bytes > 0) encoder.copyBufferToBuffer(source.buffer, 0, buffer, offset, source.bytes);
      offset += source.bytes;
    }
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ, 0, total);
      const mapped = buffer.getMappedRange(0, total);
      const copies = sources.map(({ bytes }, i) => mapped.slice(offsets[i], offsets[i] + bytes));
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
