/** The folder of a run: written under a temporary name, and given its own when it is whole. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { currentDevice } from '../engine/index.ts';
import { packageRoot, packageVersion } from './data/locate.ts';
import { writeFileAtomic, writeProblem } from './files.ts';

/**
 * Creates the folder for a run's files at `path`, runs `work` with it, and renames it to `path` when work is done. If
 * work throws, nothing is left. Throws a sentence, before any work, if `path` holds files or cannot be written.
 */
export async function withRunFolder<T>(path: string, work: (folder: RunFolder) => Promise<T>): Promise<T> {
  const target = resolve(path);
  const present = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    const problem =
      error.code === 'ENOTDIR'
        ? 'it is a file or lies below one; choose another folder.'
        : writeProblem(error, target);
    throw new Error(`Could not use ${target} for the run: ${problem}`, { cause: error });
  });
  if (present.length > 0) {
    throw new Error(`${target} is not empty; give the run a folder of its own, or remove that one.`);
  }
  const temporary = `${target}.partial-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(temporary);
  } catch (error) {
    throw new Error(`Could not create a run folder at ${target}: ${writeProblem(error, temporary)}`, {
      cause: error,
    });
  }
  const result = await work(new RunFolder(temporary)).catch(async (error: unknown) => {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  });
  // An empty folder gives way; one that another filled meanwhile stays.
  await rmdir(target).catch(() => undefined);
  await rename(temporary, target).catch((error: unknown) => {
    throw new Error(`${target} was filled during the run; its files are whole in ${temporary}.`, {
      cause: error,
    });
  });
  return result;
}

export class RunFolder {
  /** Where the files are while the run is under way. */
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
