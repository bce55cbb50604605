/** The files that a run appends to, known to its checkpoints by length and digest: what lies before that must not change. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readProblem } from './files.ts';
import { parsedJson } from './json-lines.ts';

export const growingFiles = ['metrics.jsonl', 'norms.jsonl'] as const;
export type GrowingFile = (typeof growingFiles)[number];

/** What checkpoints hold on them. Those of earlier versions have no digests. */
export const growthFields = {
  lengths: z.strictObject({ 'metrics.jsonl': z.int().min(0), 'norms.jsonl': z.int().min(0) }),
  /** SHA-256 of the first so many bytes. */
  digests: z.strictObject({ 'metrics.jsonl': z.string(), 'norms.jsonl': z.string() }).optional(),
};
const growthSchema = z.object(growthFields);
export type Growth = z.output<typeof growthSchema>;

/** How far the files of a run folder have grown. */
export async function growthOf(folder: string): Promise<Required<Growth>> {
  const growth = {
    lengths: { 'metrics.jsonl': 0, 'norms.jsonl': 0 },
    digests: { 'metrics.jsonl': '', 'norms.jsonl': '' },
  };
  for (const name of growingFiles) {
    const bytes = await readBytes(join(folder, name));
    growth.lengths[name] = bytes.length;
    growth.digests[name] = sha256(bytes);
  }
  return growth;
}

/**
 * The start of a file that a checkpoint knows.
 * @throws Error with a sentence if it is not as it was when the checkpoint was written.
 */
export async function knownStart(
  folder: string,
  name: GrowingFile,
  { lengths, digests }: Growth,
): Promise<Buffer> {
  const bytes = await readBytes(join(folder, name));
  const length = lengths[name];
  if (bytes.length < length) {
    throw new Error(`${name} has ${bytes.length} bytes, but had ${length} when it was written.`);
  }
  const start = bytes.subarray(0, length);
  if (digests && sha256(start) !== digests[name]) {
    throw new Error(`the first ${length} bytes of ${name} are not those there were when it was written.`);
  }
  return start;
}

/**
 * Holds a file of a run that is done against its last checkpoint.
 * @throws Error with a sentence if it is not as it was written.
 */
export async function checkGrown(folder: string, name: GrowingFile): Promise<void> {
  const done = existsSync(join(folder, 'result.json'));
  const checkpoints: string[] = await readdir(join(folder, 'checkpoints')).catch(() => []);
  const last = checkpoints.filter(isCheckpoint).sort(byStep).at(-1);
  if (!done || last === undefined) return;
  const text = await readFile(join(folder, 'checkpoints', last, 'state.json'), 'utf8').catch(() => '{}');
  const growth = growthSchema.safeParse(parsedJson(text));
  if (!growth.success) return;
  await knownStart(folder, name, growth.data).catch((error: Error) => {
    throw new Error(
      `${join(folder, name)} was changed: by the checkpoint ${last}, ${error.message} Restore it, or remove ${folder} ` +
        'to make the run anew.',
    );
  });
}

export function isCheckpoint(name: string): boolean {
  return /^step-\d+$/.test(name);
}

export function byStep(a: string, b: string): number {
  return Number(a.slice(5)) - Number(b.slice(5));
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The bytes of a file; none if there is no such file. */
async function readBytes(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw new Error(`could not read ${path}: ${readProblem(error)}`, { cause: error });
  });
}
