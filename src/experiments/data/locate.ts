/** Finds data files, and says which ones were looked for when there are none. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, dataFolder } from '../../engine/user-folders.ts';
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

/** Where `regrad data fetch` puts a set, and where a set is looked for that is named without a folder. */
export function fetchedFolder(name: string): string {
  return join(dataFolder() ?? tmpdir(), 'regrad', name);
}

/** Where files of a kind are kept that can be made again. */
export function cacheFolderOf(kind: string): string {
  return join(cacheFolder() ?? tmpdir(), 'regrad', kind);
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
