/** The norms that a run recorded for another run's external grafting, on disk: `norms.jsonl`. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { readProblem } from './files.ts';
import { checkGrown } from './growing-files.ts';
import { parseJsonLines } from './json-lines.ts';
import type { RecordedNorm } from './methods.ts';

const recordSchema = z.strictObject({ step: z.int().min(0), norm: z.number().min(0) });

/**
 * What identifies the recording at `path`, in 12 hexadecimal digits: for the folder of a run the hash in its name, which is
 * that of its configuration (the run need not be there yet); for a file, or a folder of another name, the start of the
 * SHA-256 of the norms.
 * @throws Error with a sentence if there is nothing at `path` to tell by.
 */
export function recordingIdentity(path: string): string {
  const [, hash] = /-([0-9a-f]{12})$/.exec(basename(path)) ?? [];
  if (hash !== undefined) return hash;
  try {
    return createHash('sha256')
      .update(readFileSync(normsFile(path)))
      .digest('hex')
      .slice(0, 12);
  } catch (error) {
    throw new Error(`Could not read recorded norms from ${path}: ${readProblem(error)}`, { cause: error });
  }
}

/**
 * The norms of `path`, the folder of a run or a file such as its norms.jsonl: one line { step, norm } each, the norm being
 * that of a micro-batch's gradient, not squared, before the update that follows `step` updates.
 */
export async function recordedNorms(path: string): Promise<RecordedNorm[]> {
  const file = normsFile(path);
  await checkGrown(dirname(file), 'norms.jsonl');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(
      `Could not read recorded norms from ${file}: ${readProblem(error)} A run records them with recordNormsEvery.`,
      { cause: error },
    );
  });
  return parseJsonLines(text, file, recordSchema, '{ "step": 0, "norm": 1.5 }');
}

function normsFile(path: string): string {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? !path.endsWith('.jsonl');
  return folder ? join(path, 'norms.jsonl') : path;
}
