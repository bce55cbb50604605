/** Finds data files, and says which ones were looked for when there are none. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readProblem } from '../files.ts';

/** The folder of regrad's package.json, found from this module upwards, so it works from source and bundled. */
export function packageRoot(): string {
  const here = fileURLToPath(import.meta.url);
  let folder = dirname(here);
  while (!isPackageRoot(folder)) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error(
        `regrad's package.json was looked for above ${here}, but is not there; install regrad again.`,
      );
    }
    folder = parent;
  }
  return folder;
}

/** The folder `data/NAME` shipped with regrad. */
export function shippedFolder(name: string): string {
  return join(packageRoot(), 'data', name);
}

/** regrad's version, from its package.json. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).version;
}

function isPackageRoot(folder: string): boolean {
  const file = join(folder, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'regrad';
}

/** A folder that a person named, with a leading `~` as the home folder (no shell expands it after a colon). */
export function expandHome(folder: string): string {
  return folder === '~' || folder.startsWith('~/') ? join(homedir(), folder.slice(1)) : folder;
}

/** The names of all entries of a folder, sorted. */
export async function listFolder(folder: string, what: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const problem =
      code === 'ENOENT'
        ? 'there is no such folder; check the path.'
        : code === 'ENOTDIR'
          ? 'it is a file, but a folder was expected.'
          : readProblem(error);
    throw new Error(`Could not look for ${what} in ${folder}: ${problem}`, { cause: error });
  }
}

/** `names` that are not in the folder become one sentence naming them all. */
export async function requireFiles(folder: string, names: readonly string[], what: string): Promise<void> {
  const present = await listFolder(folder, what);
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length > 0) {
    throw new Error(
      `${what}: ${folder} should hold ${names.join(', ')}, but has no ${missing.join(', ')}; ` +
        'name the folder that the official archive unpacks to.',
    );
  }
}
