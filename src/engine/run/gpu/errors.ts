/** GPU errors as rejected promises whose sentences name the kernel, and a lost device noticed everywhere. */
import { formatShape } from '../../shape.ts';
import type { Node } from '../../tape.ts';

interface Scopes {
  readonly what: () => string;
}

export class ErrorGuard {
  readonly #device: GPUDevice;
  #lost: GPUDeviceLostInfo | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
    device.lost.then((info) => {
      this.#lost = info;
    });
  }

  throwIfLost(): void {
    if (this.#lost) throw this.#lostError(this.#lost);
  }

  /** Begins to watch; `what` names the work in an error. Every `open` needs its `close`, in the same turn. */
  open(what: () => string): Scopes {
    this.#device.pushErrorScope('validation');
    this.#device.pushErrorScope('out-of-memory');
    return { what };
  }

  /** Resolves if nothing went wrong since `open`. */
  async close({ what }: Scopes): Promise<void> {
    const memory = this.#device.popErrorScope();
    const validation = this.#device.popErrorScope();
    const [outOfMemory, invalid] = await Promise.all([memory, validation]);
    if (outOfMemory) throw new Error(`The GPU ran out of memory while ${what()}: ${outOfMemory.message}`);
    if (invalid) throw new Error(`The GPU refused ${what()}: ${invalid.message}`);
    this.throwIfLost();
  }

  /** The error to show: that the device is lost explains whatever failed because of it. */
  explain(error: unknown): Error {
    if (this.#lost) return this.#lostError(this.#lost);
    return error instanceof Error ? error : new Error(String(error));
  }

  #lostError(info: GPUDeviceLostInfo): Error {
    const why =
      info.reason === 'destroyed' ? 'it was destroyed' : info.message || 'the driver gave no reason';
    return new Error(
      `The GPU device is lost (${why}). Values that lay on it are gone; request a new device and start again.`,
    );
  }
}

/** A node for error texts and buffer labels. */
export function describe(node: Node): string {
  return `${node.operation.name} ${node.dtype}${formatShape(node.shape)}`;
}
