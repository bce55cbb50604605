/** Making folders on disk, for Node. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are not there. Node's own `recursive` never ends where the system answers ENOENT
 * although the folder above is there, as it does in /proc: it is for an error with the code EPERM here.
 */
export function makeFolder(folder: string, mode?: number): void {
  if (statOf(folder)?.isDirectory()) return;
  const parent = dirname(folder);
  if (parent !== folder && !statOf(parent)) makeFolder(parent, mode);
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (statOf(folder)?.isDirectory()) return;
    const isHere = error instanceof Error && 'code' in error && error.code === 'ENOENT' && statOf(parent);
    throw isHere
      ? Object.assign(new Error(`No folder can be made in ${parent}`, { cause: error }), { code: 'EPERM' })
      : error;
  }
}

/** What lies there; undefined where nothing does, or nothing that can be reached. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
