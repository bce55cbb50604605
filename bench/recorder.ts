/** Takes what is measured as it comes: keeps it, writes it, and counts what failed. */
import { writeFile } from 'node:fs/promises';
import { writeProblem } from '../src/experiments/files.ts';
import { type KernelMeasurement, kernelTime } from './measure.ts';
import type { EngineMeasurement } from './measure-engine.ts';
import { type Peaks, roof } from './peaks.ts';
import type { BenchRecord, Environment, Failed, Measured } from './records.ts';

export class Recorder {
  readonly measured: Measured[] = [];
  readonly failed: Failed[] = [];
  readonly #environment: Environment;
  readonly #out: string | undefined;
  readonly #json: boolean;

  /**
   * @param out a file that gets each record as a line at once, so that an interrupted bench leaves what it had.
   * @param json whether standard output gets the lines too.
   */
  constructor(environment: Environment, out: string | undefined, json: boolean) {
    this.#environment = environment;
    this.#out = out;
    this.#json = json;
  }

  /** Begins the file. @throws Error, a sentence, if it cannot be written. */
  async open(): Promise<void> {
    if (this.#out !== undefined) await this.#write(this.#out, '', 'w');
  }

  async add(measured: Measured): Promise<void> {
    this.measured.push(measured);
    await this.#record({ ...this.#environment, ...measured });
  }

  /** Notes what could not be measured, and says so on standard error. */
  async fail(name: string, variant: string, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const failed: Failed = { kind: 'failure', case: name, variant, reason };
    this.failed.push(failed);
    console.error(`failed: ${name}: ${reason}`);
    await this.#record({ ...this.#environment, ...failed });
  }

  async #record(record: BenchRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    if (this.#json) process.stdout.write(line);
    if (this.#out !== undefined) await this.#write(this.#out, line, 'a');
  }

  /** @param flag 'w' begins the file anew, 'a' adds to it. */
  async #write(path: string, text: string, flag: 'w' | 'a'): Promise<void> {
    await writeFile(path, text, { flag }).catch((error: unknown) => {
      throw new Error(`Could not write the results to ${path}: ${writeProblem(error, path)}`, {
        cause: error,
      });
    });
  }
}

/** A kernel's measurement as a record. `peaks` are absent while they are being measured. */
export function kernelRecord(
  kind: 'peak' | 'kernel',
  { name, shape }: { readonly name: string; readonly shape: string },
  variant: string,
  measurement: KernelMeasurement,
  peaks?: Peaks,
): Measured {
  const { repeats, gpu = null, wall, flops, bytes, error, checked } = measurement;
  const perSecond = 1000 / kernelTime(measurement).median;
  const known = peaks && kind === 'kernel';
  return {
    ...{ kind, case: name, variant, shape, flops, bytes, repeats, gpu, wall },
    gflops: (flops * perSecond) / 1e9,
    gigabytes: (bytes * perSecond) / 1e9,
    ofFma: known ? (flops * perSecond) / peaks.flops : null,
    ofCopy: known ? (bytes * perSecond) / peaks.bandwidth : null,
    ofRoof: known ? (flops * perSecond) / roof(peaks, flops, bytes) : null,
    ...{ error, checked },
  };
}

/** An engine's measurement as a record: its rate is what a user gets, by the wall clock. */
export function engineRecord(
  { name, shape }: { readonly name: string; readonly shape: string },
  measurement: EngineMeasurement,
  peaks?: Peaks,
): Measured {
  const perSecond = (1000 * measurement.flops) / measurement.wall.median;
  return {
    ...{ kind: 'engine', case: name, variant: '', shape, bytes: null, repeats: 1 },
    ...{ gflops: perSecond / 1e9, gigabytes: null },
    ...{ ofFma: peaks ? perSecond / peaks.flops : null, ofCopy: null, ofRoof: null },
    ...measurement,
    gpu: measurement.gpu ?? null,
  };
}
