/**
 * Checkpoints of a run: `checkpoints/step-000123/` holds a RunState, in `state.safetensors` (the tensors, with the elements of
 * the executor: float64 on the reference) and `state.json` (the rest, the lengths of the run's growing files, and digests of all).
 * A checkpoint appears whole or not at all, and is read only if every byte is as it was written.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { NumberArray } from '../engine/index.ts';
import { makeFolder } from '../engine/make-folder.ts';
import {
  parseSafetensors,
  type RawData,
  type RawDtype,
  type RawTensor,
  serializeSafetensors,
} from '../nn/index.ts';
import { writeProblem } from './files.ts';
import {
  byStep,
  type GrowingFile,
  growthFields,
  growthOf,
  isCheckpoint,
  knownStart,
  sha256,
} from './growing-files.ts';
import { parsePoints, pointSchema, readJson } from './run-store.ts';
import type { HostTensors, RunState } from './run-training.ts';

/** Checkpoints that are kept. */
const kept = 2;

const content = {
  format: z.literal(1),
  /** The hash of the run's configuration. */
  config: z.string(),
  step: z.int().min(1),
  measured: z.int().min(0),
  seconds: z.number(),
  best: pointSchema.nullable(),
  lengths: growthFields.lengths,
  /** SHA-256 of state.safetensors. */
  tensors: z.string(),
  digests: growthFields.digests,
  /** Of the epoch under way; earlier versions did not keep it. */
  inEpoch: z.strictObject({ losses: z.number(), updates: z.int().min(0) }).optional(),
};
const contentSchema = z.strictObject(content);
const fileSchema = z.strictObject({ ...content, digest: z.string() });
type Content = z.output<typeof contentSchema>;

/** A checkpoint that was read, and what was wrong with newer ones. */
export interface Checkpoint {
  readonly state: RunState;
  readonly lengths: Content['lengths'];
  /** One sentence for each newer checkpoint that is damaged. */
  readonly problems: readonly string[];
}

/**
 * Writes a checkpoint into a run folder, and removes all but the newest. If the process is killed meanwhile, the older ones
 * are as they were. `config` is the hash of the run's configuration.
 */
export async function writeCheckpoint(folder: string, config: string, state: RunState): Promise<void> {
  const all = join(folder, 'checkpoints');
  const target = join(all, nameOf(state.step));
  const temporary = join(all, `.${nameOf(state.step)}-${randomBytes(4).toString('hex')}.tmp`);
  try {
    const tensors = serializeSafetensors(rawTensors(state.tensors));
    const { step, measured, seconds, best = null, inEpoch } = state;
    const { lengths, digests } = await growthOf(folder);
    const about: Content = {
      format: 1,
      config,
      step,
      measured,
      seconds,
      best,
      lengths,
      tensors: sha256(tensors),
      digests,
      inEpoch,
    };
    const text = JSON.stringify({ ...about, digest: digestOf(about) }, null, 2);
    makeFolder(temporary);
    await writeFile(join(temporary, 'state.safetensors'), tensors, { flush: true });
    await writeFile(join(temporary, 'state.json'), `${text}\n`, { flush: true });
    await syncFolder(temporary);
    // There may be a damaged one of this step, which an older one was taken for.
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await syncFolder(all);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw new Error(`Could not write the checkpoint ${target}: ${writeProblem(error, target)}`, {
      cause: error,
    });
  }
  await prune(all, kept);
}

/** Removes all but the newest `count` checkpoints, and what a killed process left half-written. */
export async function pruneCheckpoints(folder: string, count: number): Promise<void> {
  await prune(join(folder, 'checkpoints'), count);
}

async function prune(all: string, count: number): Promise<void> {
  const names = await readdir(all).catch(() => []);
  const old = names.filter(isCheckpoint).sort(byStep).slice(0, -count);
  for (const name of [...old, ...names.filter((each) => each.endsWith('.tmp'))]) {
    await rm(join(all, name), { recursive: true, force: true });
  }
}

/**
 * The newest sound checkpoint of a run folder; undefined if there is none at all.
 * @throws Error that names what is wrong with each, if all are damaged.
 */
export async function readNewestCheckpoint(folder: string, config: string): Promise<Checkpoint | undefined> {
  const all = join(folder, 'checkpoints');
  const names = (await readdir(all).catch(() => [])).filter(isCheckpoint).sort(byStep).reverse();
  const problems: string[] = [];
  for (const name of names) {
    try {
      return { ...(await readCheckpoint(folder, join(all, name), config)), problems };
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length === 0) return undefined;
  throw new Error(`No checkpoint can be used. ${problems.join(' ')} Remove ${all} to begin the run anew.`);
}

async function readCheckpoint(
  folder: string,
  path: string,
  config: string,
): Promise<Omit<Checkpoint, 'problems'>> {
  const fail = (problem: string): never => {
    throw new Error(`The checkpoint ${path} is damaged: ${problem}`);
  };
  const file = join(path, 'state.json');
  const read = await readJson(file, fileSchema).catch((error: Error) => fail(error.message));
  if (read === undefined) return fail('it has no state.json.');
  const { digest, ...about } = read;
  if (digest !== digestOf(about)) fail('state.json was changed.');
  if (about.config !== config) fail('it is of a run with another configuration.');
  const bytes = await readFile(join(path, 'state.safetensors')).catch(() =>
    fail('it has no state.safetensors.'),
  );
  if (sha256(bytes) !== about.tensors) fail('state.safetensors is not as it was written.');
  const { tensors } = parseSafetensors(bytes, join(path, 'state.safetensors'));
  const { step, measured, seconds, best, lengths, inEpoch } = about;
  const start = (name: GrowingFile): Promise<Buffer> =>
    knownStart(folder, name, about).catch((error: Error) => fail(error.message));
  const metrics = await start('metrics.jsonl');
  await start('norms.jsonl');
  const points = parsePoints(metrics.toString('utf8'), join(folder, 'metrics.jsonl'));
  return {
    lengths,
    state: {
      step,
      measured,
      seconds,
      points,
      best: best ?? undefined,
      tensors: hostTensors(tensors),
      inEpoch,
    },
  };
}

function nameOf(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

function rawTensors(tensors: HostTensors): Map<string, RawTensor> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { dtype: dtypeOf(data), shape, data: data as RawData },
    ]),
  );
}

function hostTensors(tensors: ReadonlyMap<string, RawTensor>): HostTensors {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data as NumberArray }]));
}

/** Every array of values keeps all its bits. */
function dtypeOf(data: NumberArray): RawDtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Int32Array) return 'I32';
  return data instanceof Uint32Array ? 'U32' : 'U8';
}

function digestOf(about: Content): string {
  return sha256(JSON.stringify(about));
}

/** Flushes the names in a folder to disk, where the system can. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
