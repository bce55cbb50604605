/** Where regrad keeps a user's files, by the XDG base directories: a path that is not absolute is to be ignored. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** For what can be made again. Undefined for a user without a home. */
export function cacheFolder(): string | undefined {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === 'win32' && LOCALAPPDATA) return named(XDG_CACHE_HOME) ?? LOCALAPPDATA;
  return named(XDG_CACHE_HOME) ?? inHome(process.platform === 'darwin' ? 'Library/Caches' : '.cache');
}

/** For what was fetched. Undefined for a user without a home. */
export function dataFolder(): string | undefined {
  return named(process.env.XDG_DATA_HOME) ?? inHome('.local/share');
}

function named(folder = ''): string | undefined {
  return isAbsolute(folder) ? folder : undefined;
}

function inHome(folder: string): string | undefined {
  try {
    return join(homedir(), folder);
  } catch {
    return undefined;
  }
}
