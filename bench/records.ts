/** What the bench writes: one JSON object a line, each complete in itself. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { version } from '../package.json';
import type { AdapterResult } from '../src/engine/node.ts';
import { packageRoot } from '../src/experiments/data/locate.ts';
import { readProblem } from '../src/experiments/files.ts';
import type { Summary } from './samples.ts';

/** Where and with what something was measured. */
export interface Environment {
  /** When the bench began, in ISO 8601. */
  readonly date: string;
  readonly device: string;
  readonly driver: string;
  readonly adapter: AdapterResult['kind'];
  readonly regrad: string;
  /** Ends in -dirty if files differ from it; null outside a git checkout. */
  readonly commit: string | null;
  readonly node: string;
  readonly webgpu: string | null;
  readonly platform: string;
}

/** One thing measured. Times are milliseconds of one launch or step. */
export interface Measured {
  readonly kind: 'peak' | 'kernel' | 'engine';
  readonly case: string;
  /** The kernel; empty for what the engine runs. */
  readonly variant: string;
  readonly shape: string;
  readonly flops: number;
  /** That must be moved at least; null where that is not known. */
  readonly bytes: number | null;
  /** Launches in a sample. */
  readonly repeats: number;
  /** By the device's clock; null where it has none. */
  readonly gpu: Summary | null;
  readonly wall: Summary;
  readonly gflops: number;
  /** Bytes in 1e9 a second. */
  readonly gigabytes: number | null;
  /** Shares of this run's peaks, and of what the lower of the two roofs allows; null where not known. */
  readonly ofFma: number | null;
  readonly ofCopy: number | null;
  readonly ofRoof: number | null;
  /** The largest difference from float64, relative to the largest number, and how many numbers were compared. */
  readonly error: number;
  readonly checked: number;
  /** Of a step that the engine runs. */
  readonly launches?: number;
  /** Recording, planning, compiling and running, as the first call does. */
  readonly firstCall?: number;
  /** Microseconds of the host for each launch, once a step is planned. */
  readonly hostPerLaunch?: number;
  readonly peakBytes?: number;
}

/** Something that could not be measured, with the sentence that says why. */
export interface Failed {
  readonly kind: 'failure';
  readonly case: string;
  readonly variant: string;
  readonly reason: string;
}

export type BenchRecord = Environment & (Measured | Failed);

/** What was measured apart from the machine; its versions are asked for here. */
export async function environmentOf({ name, driver, kind }: AdapterResult): Promise<Environment> {
  return {
    date: new Date().toISOString(),
    device: name,
    driver,
    adapter: kind,
    regrad: version,
    commit: await commit(),
    node: process.version,
    webgpu: webgpuVersion(),
    platform: `${process.platform} ${process.arch}`,
  };
}

/**
 * Reads the lines that an earlier run wrote, without its failures.
 * @throws Error, a sentence, if the file cannot be read or a line is not such a record.
 */
export async function readRecords(path: string): Promise<Measured[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`Could not read the earlier results ${path}: ${readProblem(error)}`, { cause: error });
  });
  const lines = text.split('\n').map((line, at) => ({ line, at }));
  return lines
    .filter(({ line }) => line.trim() !== '')
    .flatMap(({ line, at }) => {
      const record = parse(line);
      if (isMeasured(record)) return [record];
      if (record?.kind === 'failure') return [];
      throw new Error(
        `Line ${at + 1} of ${path} is no result of this bench; give a file written with --out.`,
      );
    });
}

function parse(line: string): Partial<BenchRecord> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMeasured(record: Partial<BenchRecord> | undefined): record is Measured {
  if (!record || !('wall' in record)) return false;
  const isSummary = (summary: Partial<Summary> | null | undefined) =>
    [summary?.lower, summary?.median, summary?.upper].every((value) => typeof value === 'number');
  return (
    typeof record.case === 'string' &&
    typeof record.variant === 'string' &&
    typeof record.shape === 'string' &&
    isSummary(record.wall) &&
    (record.gpu === null || isSummary(record.gpu))
  );
}

/** A bundle for a machine without the checkout knows its commit from when it was made. */
async function commit(): Promise<string | null> {
  if (process.env.REGRAD_COMMIT) return process.env.REGRAD_COMMIT;
  try {
    const describe = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
    const { stdout } = await promisify(execFile)('git', ['-C', packageRoot(), ...describe]);
    return stdout.trim();
  } catch {
    return null;
  }
}

function webgpuVersion(): string | null {
  try {
    const manifest: { version: string } = createRequire(import.meta.url)('webgpu/package.json');
    return manifest.version;
  } catch {
    return null;
  }
}
