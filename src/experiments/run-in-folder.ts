/** A run in its folder: begun, or taken up where its newest checkpoint left it, to the same bits. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../engine/make-folder.ts';
import { saveWeights } from '../nn/index.ts';
import { pruneCheckpoints, readNewestCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { configHash, type RunConfig } from './config.ts';
import { writeProblem } from './files.ts';
import { growingFiles } from './growing-files.ts';
import { environmentRecord, RunFolder, recordEnvironment } from './run-folder.ts';
import type { RunInputs } from './run-inputs.ts';
import { lockRun } from './run-lock.ts';
import { readConfig, readJson, readResult, type StoredResult } from './run-store.ts';
import { type RunImages, type RunWatcher, runTraining } from './run-training.ts';

/** That a run was asked to stop, and did so with a checkpoint. */
export class InterruptedRun extends Error {
  readonly step: number;

  constructor(folder: string, step: number) {
    super(`The run in ${folder} was interrupted after step ${step}; its checkpoint is there.`);
    this.step = step;
  }
}

export interface FolderRunOptions extends Pick<RunWatcher, 'onStep' | 'onEpoch' | 'onPoint'> {
  /** Asks the run to write a checkpoint after the update under way and to stop with an InterruptedRun. */
  readonly signal?: AbortSignal;
  /** Before the first update: the updates that are done already. */
  onStart?(step: number): void;
  /** A sentence on something that is not as it should be, and does not matter to the numbers. */
  onWarning?(text: string): void;
}

/** What is known of a run before a device is chosen for it. */
export interface KnownRun {
  /** Of a run that is done: there is nothing left to do. */
  readonly result?: StoredResult;
  /** Kernel variants that the run has used so far, for the device; undefined if it was not begun. */
  readonly variants?: ReadonlyMap<string, string>;
}

/**
 * Looks for a run of this configuration in `folder`, and changes nothing.
 * @throws Error with a sentence if the folder holds anything else.
 */
export async function findRun(folder: string, config: RunConfig): Promise<KnownRun> {
  if (!(await holdsRun(folder))) return {};
  const found = configHash(await readConfig(folder));
  if (found !== configHash(config)) {
    throw new Error(
      `${folder} holds a run with another configuration, ${found}, not ${configHash(config)}; ` +
        'choose another folder, or remove that one.',
    );
  }
  const result = await readResult(folder);
  const environment = await readJson(join(folder, 'environment.json'), environmentSchema);
  return { result, variants: environment && new Map(Object.entries(environment.variants)) };
}

/**
 * Begins the run of a configuration in `folder`, on the device in use, or takes it up where its newest checkpoint left it;
 * one that is done is left alone. If a run fails before anything came of it, its folder is removed.
 * @throws InterruptedRun, if the signal asked for it; Error with a sentence if the folder holds anything else, another
 *   process works there, its checkpoints are damaged, or the device or the images are others than before.
 */
export async function runInFolder(
  folder: string,
  config: RunConfig,
  inputs: RunInputs,
  options: FolderRunOptions = {},
): Promise<StoredResult> {
  const created = await createFolder(folder, config);
  const unlock = await lockRun(folder);
  try {
    const { result } = await findRun(folder, config);
    return result ?? (await trainIn(folder, config, inputs, options));
  } catch (error) {
    const files: string[] = created ? await readdir(folder) : [];
    if (created && !files.some((name) => name === 'metrics.jsonl' || name === 'checkpoints')) {
      await rm(folder, { recursive: true, force: true });
    }
    throw error;
  } finally {
    await unlock();
  }
}

const environmentSchema = z.looseObject({
  device: z.string(),
  executor: z.string(),
  images: z.string(),
  variants: z.record(z.string(), z.string()),
  resumedAt: z.array(z.string()).optional(),
});
type Environment = z.output<typeof environmentSchema>;

/** Whether there is a run in the folder. Throws a sentence if there is something else. */
async function holdsRun(folder: string): Promise<boolean> {
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    const problem =
      error.code === 'ENOTDIR'
        ? 'it is a file or lies below one; choose another.'
        : writeProblem(error, folder);
    throw new Error(`Could not use ${folder} for the run: ${problem}`, { cause: error });
  });
  if (present.length === 0 || present.includes('config.json')) return present.length > 0;
  throw new Error(`${folder} is not empty; give the run a folder of its own, or remove that one.`);
}

/** Makes the folder with its config.json in one step, unless it is there. Says whether it did. */
async function createFolder(folder: string, config: RunConfig): Promise<boolean> {
  if (await holdsRun(folder)) return false;
  const temporary = `${folder}.partial-${randomBytes(4).toString('hex')}`;
  try {
    makeFolder(temporary);
    await new RunFolder(temporary).writeJson('config.json', config);
    await rename(temporary, folder);
    return true;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process may have made it meanwhile: the lock decides.
    if (await holdsRun(folder).catch(() => false)) return false;
    throw new Error(`Could not create a run folder at ${folder}: ${writeProblem(error, folder)}`, {
      cause: error,
    });
  }
}

async function trainIn(
  folder: string,
  config: RunConfig,
  { images, settings, decoder }: RunInputs,
  { signal, onStep, onEpoch, onPoint, onStart, onWarning }: FolderRunOptions,
): Promise<StoredResult> {
  const run = new RunFolder(folder);
  const hash = configHash(config);
  const earlier = await readJson(join(folder, 'environment.json'), environmentSchema);
  const environment = { ...(await environmentRecord()), images: digestOf(images), decoder };
  if (earlier) checkSame(folder, earlier, environment);
  const resumed = earlier && { ...earlier, resumedAt: [...(earlier.resumedAt ?? []), environment.startedAt] };
  const checkpoint = await readNewestCheckpoint(folder, hash);
  for (const problem of checkpoint?.problems ?? []) {
    onWarning?.(`${problem} The one of step ${checkpoint?.state.step} is taken.`);
  }
  for (const name of growingFiles) await cut(join(folder, name), checkpoint?.lengths[name] ?? 0);
  const keepEnvironment = await recordEnvironment(run, resumed ?? environment);
  onStart?.(checkpoint?.state.step ?? 0);
  const watcher: RunWatcher = {
    onStep,
    onEpoch,
    onPoint: async (point) => {
      await run.append('metrics.jsonl', point);
      await onPoint?.(point);
    },
    onNorm: (norm) => run.append('norms.jsonl', norm),
    onPause: async (step, state) => {
      const stopping = signal?.aborted && step < config.steps;
      if (!stopping && step % config.checkpointEvery !== 0 && step !== config.steps) return;
      await keepEnvironment();
      await writeCheckpoint(folder, hash, await state());
      if (stopping) throw new InterruptedRun(folder, step);
    },
    onFinish: async (model) => run.write('weights.safetensors', await saveWeights(model)),
  };
  const { points: _, ...result } = await runTraining(settings, images, watcher, checkpoint?.state);
  await keepEnvironment();
  await run.writeJson('result.json', result);
  await pruneCheckpoints(folder, 1);
  return result;
}

/** Bits can only be the same on the same device with the same images. */
function checkSame(folder: string, before: Environment, now: Record<string, unknown>): void {
  if (before.device !== now.device || before.executor !== now.executor) {
    throw new Error(
      `The run in ${folder} was begun on ${before.device}, but this is ${now.device}; continue it there (--adapter), or ` +
        'remove the folder to begin anew.',
    );
  }
  if (before.images !== now.images) {
    throw new Error(
      `The run in ${folder} was begun with other images: the files of the data set have changed since.`,
    );
  }
}

/** Shortens a file to what it was, if it is longer. */
async function cut(path: string, length: number): Promise<void> {
  await truncate(path, length).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') {
      throw new Error(`Could not shorten ${path}: ${writeProblem(error, path)}`, { cause: error });
    }
  });
}

/** The start of the SHA-256 of all that a run reads of its images. */
function digestOf({ train, validation, test, mean, std }: RunImages): string {
  const hash = createHash('sha256').update(JSON.stringify([mean, std]));
  for (const { images, labels } of [train, validation, test]) hash.update(images).update(labels);
  return hash.digest('hex').slice(0, 12);
}
