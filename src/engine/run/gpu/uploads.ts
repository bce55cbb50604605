/** Copies of host values on a device. Each belongs to its value and goes with it, or before: it can be made again. */
import { toDeviceWords } from '../../dtype.ts';
import { roundedSize } from '../../plan/memory.ts';
import type { DeviceStorage, HostValue, Node } from '../../tape.ts';
import { describe } from './errors.ts';
import type { BufferPool, PooledBuffer } from './pool.ts';

/** Runs that a copy outlasts without being used, at most. */
const patience = 64;

export class Uploads {
  readonly pool: BufferPool;
  readonly deviceName: string;
  /** Those that have a buffer. They do not hold their values. */
  readonly present = new Set<Upload>();
  readonly #queue: GPUQueue;
  readonly #collected = new FinalizationRegistry<Upload>((upload) => upload.release());
  #run = 0;

  constructor(queue: GPUQueue, pool: BufferPool, deviceName: string) {
    this.#queue = queue;
    this.pool = pool;
    this.deviceName = deviceName;
  }

  /**
   * The buffers of the host values among `nodes`, for a run; written where they are not there yet. A copy gives its
   * memory back when it has been idle for twice as many runs as between its last two uses. One that was used once does
   * so in the next run, and the new batch of every step lies where the last one was.
   */
  buffers(nodes: readonly Node[]): (PooledBuffer | undefined)[] {
    const run = ++this.#run;
    const uploads = nodes.map(({ value }) => (value?.kind === 'host' ? this.#uploadOf(value) : undefined));
    for (const upload of uploads) upload?.use(run);
    const idle = [...this.present].filter((upload) => upload.isIdle(run));
    uploads.forEach((upload, i) => {
      if (upload && !upload.buffer) this.#fill(upload, nodes[i], idle);
    });
    for (const upload of idle) upload.release();
    return uploads.map((upload) => upload?.buffer);
  }

  /** Drops all copies. */
  clear(): void {
    for (const upload of this.present) upload.release();
  }

  #uploadOf(value: HostValue): Upload {
    const known = value.copies?.find((copy) => copy instanceof Upload && copy.uploads === this);
    if (known instanceof Upload) return known;
    const upload = new Upload(this);
    value.copies ??= [];
    value.copies.push(upload);
    this.#collected.register(value, upload);
    return upload;
  }

  #fill(upload: Upload, node: Node, idle: Upload[]): void {
    const { dtype, value } = node;
    if (value?.kind !== 'host') return;
    const words = toDeviceWords(dtype, value.data);
    const bytes = Math.max(4, words.byteLength);
    const at = idle.findIndex(({ buffer }) => buffer?.size === roundedSize(bytes));
    const taken = at < 0 ? undefined : idle.splice(at, 1)[0].giveUp();
    upload.buffer = taken ?? this.pool.acquire(bytes, describe(node));
    this.present.add(upload);
    if (words.byteLength > 0) {
      this.#queue.writeBuffer(upload.buffer.buffer, 0, words as ArrayBufferView<ArrayBuffer>);
    }
  }
}

class Upload implements DeviceStorage {
  readonly uploads: Uploads;
  buffer: PooledBuffer | undefined;
  /** The run of the last use, and how many runs it came after the one before. */
  #last = 0;
  #pause = 0;

  constructor(uploads: Uploads) {
    this.uploads = uploads;
  }

  get deviceName(): string {
    return this.uploads.deviceName;
  }

  get bytes(): number {
    return this.buffer?.size ?? 0;
  }

  use(run: number): void {
    if (this.#last > 0 && run > this.#last) this.#pause = run - this.#last;
    this.#last = run;
  }

  isIdle(run: number): boolean {
    return run - this.#last > Math.min(2 * this.#pause, patience);
  }

  giveUp(): PooledBuffer | undefined {
    const { buffer } = this;
    this.buffer = undefined;
    this.uploads.present.delete(this);
    return buffer;
  }

  release(): void {
    const buffer = this.giveUp();
    if (buffer) this.uploads.pool.release(buffer);
  }
}
