/**
 * The store of runs: a folder of run folders, each named by its method and the hash of its configuration.
 *
 *     config.json          the resolved configuration
 *     environment.json     versions, commit, device, its kernel variants, a digest of the images
 *     metrics.jsonl        one RunPoint a line; a value that is no number is null
 *     norms.jsonl          recorded norms, if the configuration asks for them (norm-recording.ts)
 *     checkpoints/         the newest two, until the run is done (checkpoint.ts)
 *     result.json          a RunResult without its points: the run is done
 *     weights.safetensors  the weights best in validation, once the run is done
 *     lock                 while a process works there (run-lock.ts)
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { configHash, type RunConfig, resolveConfig } from './config.ts';
import { readProblem } from './files.ts';
import { checkGrown } from './growing-files.ts';
import { parsedJson, parseJsonLines } from './json-lines.ts';
import { lockHolder } from './run-lock.ts';
import type { RunPoint, RunResult } from './run-training.ts';

export { recordedNorms } from './norm-recording.ts';

export type StoredResult = Omit<RunResult, 'points'>;

/** What is known of a run that may be under way. */
export interface SoundRun {
  readonly folder: string;
  readonly status: 'finished' | 'diverged' | 'interrupted' | 'running';
  readonly config: RunConfig;
  /** As in environment.json; empty before that is written. */
  readonly environment: Readonly<Record<string, unknown>>;
  readonly points: readonly RunPoint[];
  /** Of a run that is done. */
  readonly result?: StoredResult;
}

/** A folder that should hold a run, and does not. */
export interface DamagedRun {
  readonly folder: string;
  readonly status: 'damaged';
  /** A sentence. */
  readonly problem: string;
}

export type RunRecord = SoundRun | DamagedRun;

/** Where a run of this configuration is, below `root`. */
export function runFolder(root: string, config: RunConfig): string {
  return join(root, `${config.method.toLowerCase()}-${configHash(config)}`);
}

/** Reads a run folder, also one that a process works in. What is wrong with its files makes a damaged run, not an error. */
export async function readRun(folder: string): Promise<RunRecord> {
  try {
    const config = await readConfig(folder);
    const running = (await lockHolder(folder)) !== undefined;
    const result = await readResult(folder);
    return {
      folder,
      status: running ? 'running' : (result?.status ?? 'interrupted'),
      config,
      environment:
        (await readJson(join(folder, 'environment.json'), z.record(z.string(), z.unknown()))) ?? {},
      points: await readPoints(folder),
      result,
    };
  } catch (error) {
    return { folder, status: 'damaged', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** All run folders directly below `root`, by name: those that hold a config.json. */
export async function listRuns(root: string): Promise<RunRecord[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Error(
      `Could not look for runs in ${root}: ${missing ? 'there is no such folder; name the one given to --runs.' : readProblem(error)}`,
      { cause: error },
    );
  });
  const runs: RunRecord[] = [];
  for (const { name } of entries
    .filter((entry) => entry.isDirectory())
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = join(root, name);
    if ((await readdir(folder)).includes('config.json')) runs.push(await readRun(folder));
  }
  return runs;
}

export async function readConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, 'config.json');
  const config = await readJson(path, z.unknown());
  if (config === undefined) throw new Error(`${folder} is no run folder: it has no config.json.`);
  return resolveConfig(config, path);
}

/** The result of a run that is done. */
export async function readResult(folder: string): Promise<StoredResult | undefined> {
  return readJson(join(folder, 'result.json'), resultSchema);
}

/**
 * The points of metrics.jsonl, without a last line that was cut off.
 * @throws Error with a sentence if they are those of a run that is done, and not as they were written.
 */
export async function readPoints(folder: string): Promise<RunPoint[]> {
  await checkGrown(folder, 'metrics.jsonl');
  const path = join(folder, 'metrics.jsonl');
  const text = await readText(path);
  return text === undefined ? [] : parsePoints(text, path);
}

/** The points in the text of a metrics.jsonl, `path` by name. */
export function parsePoints(text: string, path: string): RunPoint[] {
  return parseJsonLines(text, path, pointSchema, 'a line of metrics');
}

/** JSON knows no NaN and no infinity: they are written as null. */
const number = z.nullable(z.number()).transform((value) => value ?? Number.NaN);

const pointFields = {
  step: z.int().min(1),
  epoch: number,
  trainLoss: number,
  penalty: number,
  validationLoss: number,
  validationAccuracy: number,
  microGradientNorm2: number,
  microGradientNorm: number,
  updateNorm: number,
  imagesPerSecond: number,
  peakBytes: number,
  seconds: number,
} satisfies Record<keyof RunPoint, z.ZodType>;

export const pointSchema = z.strictObject(pointFields);

const resultSchema = z.strictObject({
  status: z.enum(['finished', 'diverged']),
  bestStep: z.int().min(0),
  bestValidationAccuracy: number,
  testAccuracy: number,
  finalTestAccuracy: number,
  averageMicroGradientNorm2: number,
  seconds: number,
} satisfies Record<keyof StoredResult, z.ZodType>);

/** The JSON in a file, checked; undefined if there is no such file. Throws a sentence if it is not as expected. */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const value = parsedJson(text);
  if (value === undefined) {
    throw new Error(`${path} should hold JSON, but is cut off or was changed; the run is damaged.`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path: key }] = parsed.error.issues;
  throw new Error(
    `${path} is not as regrad writes it${key.length === 0 ? '' : ` at "${key.join('.')}"`}; the run is damaged.`,
  );
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Error(`Could not read ${path}: ${readProblem(error)}`, { cause: error });
  });
}
