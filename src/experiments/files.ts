/** Files on disk: whole or not at all when written, and errors as sentences when read. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { makeFolder } from '../engine/make-folder.ts';
import { UnpacksToTooMuch, unpack } from './unpacking.ts';

/**
 * Writes `content` so that `path` holds either its old content or all of the new, even if the process is killed:
 * a temporary file beside it, flushed to disk, then renamed. On failure the temporary file is removed and an Error says why.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(`Could not write ${path}: ${writeProblem(error, path)}`, { cause: error });
  }
}

/** Makes a folder and those above it. Throws a sentence. */
export function createFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const problem =
      codeOf(error) === 'EEXIST' ? 'a file of that name is there.' : writeProblem(error, folder);
    throw new Error(`Could not create the folder ${folder}: ${problem}`, { cause: error });
  }
}

/**
 * Reads a whole file; one whose name ends in `.gz` comes back decompressed.
 *
 * `what` says in an error what the file was for: "CIFAR-10 training images". Throws an Error with a sentence for a file
 * that is missing, a folder, unreadable, or a gzip stream that is cut off, damaged, or more than it may be: `allowed` bytes,
 * or what is in proportion to the file.
 */
export async function readBytes(path: string, what: string, allowed?: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new Error(`Could not read ${what} from ${path}: ${readProblem(error)}`, { cause: error });
  }
  if (!path.endsWith('.gz')) {
    return bytes;
  }
  try {
    return await unpack(bytes, 'gzip', allowed);
  } catch (error) {
    throw new Error(`Could not decompress ${what} from ${path}: ${gzipProblem(error)}`, { cause: error });
  }
}

/** A piece of a file for an error: no more of it than one can read. */
export function excerpt(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What went wrong when reading, as the end of a sentence. `error` is what Node's file functions throw. */
export function readProblem(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file; check the path.';
    case 'EISDIR':
      return 'it is a folder, but a file was expected.';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; allow this user to read it.';
    case 'ERR_FS_FILE_TOO_LARGE':
      return 'it has more than 2 GiB, which is more than is read at once; take a smaller one.';
    default:
      return `${error instanceof Error ? error.message : error}.`;
  }
}

/** What went wrong when writing `path`, as the end of a sentence. */
export function writeProblem(error: unknown, path: string): string {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      // What is there and says that it is not takes nothing new, as /proc.
      return codeOf(error) === 'ENOENT' && existsSync(dirname(path))
        ? `nothing can be made in ${dirname(path)}; choose another folder.`
        : `there is no folder ${dirname(path)}; create it first.`;
    case 'EISDIR':
    case 'ENOTEMPTY':
    case 'EEXIST':
      return `${basename(path)} is a folder, but a file was expected.`;
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; choose a folder that this user may write to.';
    case 'EROFS':
      return 'the file system is read-only; choose a folder on another.';
    case 'ENOSPC':
      return 'the disk is full; free some space.';
    default:
      return `${error instanceof Error ? error.message : error}.`;
  }
}

function gzipProblem(error: unknown): string {
  if (error instanceof UnpacksToTooMuch) return `${error.message}.`;
  return codeOf(error) === 'Z_BUF_ERROR'
    ? 'the gzip data is cut off; fetch the file again.'
    : `it is not a sound gzip file (${error instanceof Error ? error.message : error}); fetch it again.`;
}
