/** The files in a run's folder, and the record of what the run's numbers depend on besides its configuration. */
import { execFile } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { currentDevice } from '../engine/index.ts';
import { packageRoot, packageVersion } from './data/locate.ts';
import { writeFileAtomic, writeProblem } from './files.ts';

/** Writes files of a run, each whole or not at all. */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFileAtomic(join(this.path, name), content);
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Adds one line to a JSON-lines file, and flushes it to disk. */
  async append(name: string, value: unknown): Promise<void> {
    const path = join(this.path, name);
    try {
      await appendFile(path, `${JSON.stringify(value)}\n`, { flush: true });
    } catch (error) {
      throw new Error(`Could not write ${path}: ${writeProblem(error, path)}`, { cause: error });
    }
  }
}

export interface EnvironmentRecord {
  readonly regrad: string;
  readonly commit: string | null;
  readonly node: string;
  readonly platform: string;
  readonly device: string;
  readonly executor: string;
  readonly startedAt: string;
}

/** What a run's numbers may depend on besides its configuration. */
export async function environmentRecord(): Promise<EnvironmentRecord> {
  const device = await currentDevice();
  const commit = await promisify(execFile)('git', ['-C', packageRoot(), 'rev-parse', 'HEAD'])
    .then(({ stdout }) => stdout.trim())
    .catch(() => null);
  return {
    regrad: packageVersion(),
    commit,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    device: device.name,
    executor: device.kind,
    startedAt: new Date().toISOString(),
  };
}

/**
 * Writes `environment.json`: the environment (by default as it is now), and `variants`, the kernels chosen so far for what
 * there was a choice of. The function returned writes it anew when more have been chosen; to continue the run with the same
 * ones, give them to the device (`GpuDeviceOptions.variants`).
 */
export async function recordEnvironment(
  run: RunFolder,
  environment?: Readonly<Record<string, unknown>> & { readonly variants?: Readonly<Record<string, string>> },
): Promise<() => Promise<void>> {
  const device = await currentDevice();
  const { variants: earlier, ...known } = environment ?? { variants: {}, ...(await environmentRecord()) };
  let written = -1;
  const write = async (): Promise<void> => {
    const variants = device.variants();
    if (variants.size === written) return;
    written = variants.size;
    await run.writeJson('environment.json', {
      ...known,
      variants: { ...earlier, ...Object.fromEntries(variants) },
    });
  };
  await write();
  return write;
}
