/** GPU errors as rejected promises whose sentences name the kernel, and a lost device noticed everywhere. */
import { DeviceLostError } from '../../device-lost.ts';
import { formatShape } from '../../shape.ts';
import type { Node } from '../../tape.ts';

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
    if (this.#lost) throw lostError(this.#lost);
  }

  /** Does `work`, which `what` names in an error; `accepted` resolves if the device finds nothing wrong with it. */
  watch<T>(what: () => string, work: () => T): { readonly result: T; readonly accepted: Promise<void> } {
    this.#device.pushErrorScope('validation');
    this.#device.pushErrorScope('out-of-memory');
    const close = () => {
      const accepted = this.#close(what);
      accepted.catch(() => {});
      return accepted;
    };
    let result: T;
    try {
      result = work();
    } catch (error) {
      // Scopes are a stack: they are closed whatever happens.
      close();
      throw error;
    }
    return { result, accepted: close() };
  }

  /** The error to show: that the device is lost explains whatever failed because of it. */
  explain(error: unknown): Error {
    if (this.#lost) return lostError(this.#lost);
    return error instanceof Error ? error : new Error(String(error));
  }

  async #close(what: () => string): Promise<void> {
    const memory = this.#device.popErrorScope();
    const validation = this.#device.popErrorScope();
    const [outOfMemory, invalid] = await Promise.all([memory, validation]);
    if (outOfMemory) throw new Error(`The GPU ran out of memory while ${what()}: ${outOfMemory.message}`);
    if (invalid) throw new Error(`The GPU refused ${what()}: ${invalid.message}`);
    this.throwIfLost();
  }
}

function lostError({ reason, message }: GPUDeviceLostInfo): DeviceLostError {
  return new DeviceLostError(
    reason === 'destroyed' ? 'it was destroyed' : message || 'the driver gave no reason',
  );
}

/** A node for error texts and buffer labels. */
export function describe(node: Node): string {
  return `${node.operation.name} ${node.dtype}${formatShape(node.shape)}`;
}
