/** One process for each run folder: a file `lock` with the process that works there. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { readProblem, writeProblem } from './files.ts';
import { parsedJson } from './json-lines.ts';
import { processStart } from './process-start.ts';

const holderSchema = z.object({ pid: z.int(), host: z.string(), started: z.string() });
export type LockHolder = z.output<typeof holderSchema>;

/** Milliseconds in which a holder on this host may still end: a process that was just killed takes a while to be gone. */
const patience = 2000;

/**
 * Takes the lock of a folder, also from a process that is gone. Resolves to what gives it back.
 * @throws Error with a sentence if a living process holds it.
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const holder: LockHolder = { pid: process.pid, host: hostname(), started: processStart(process.pid) ?? '' };
  // The id tells this lock from any other of this process.
  const mine = JSON.stringify({ ...holder, id: randomBytes(4).toString('hex') });
  await take(path, mine, Date.now() + patience);
  return async () => {
    if ((await readLock(path)) === mine) await rm(path, { force: true });
  };
}

/** Puts `mine` at `path`, in place of nothing or of what a process left there that is gone. */
async function take(path: string, mine: string, giveUpAt: number): Promise<void> {
  // A file of one's own that is linked to the name appears whole, and only where there is none.
  const own = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(own, mine).catch((error: unknown) => {
      throw new Error(`Could not write ${own}: ${writeProblem(error, own)}`, { cause: error });
    });
    while (!(await linked(own, path))) {
      const found = await readLock(path);
      const holder = found === undefined ? undefined : livingHolder(found);
      if (found !== undefined && holder === undefined) {
        if (await replaced(own, path, mine, giveUpAt)) return;
      } else if (Date.now() < giveUpAt && (holder?.host ?? hostname()) === hostname()) {
        await setTimeout(100);
      } else {
        throw new Error(inUse(path, holder));
      }
    }
  } finally {
    await rm(own, { force: true });
  }
}

/**
 * Puts `own` in the place of a lock that was found to be stale, and says whether it did. That is done by one process at a time,
 * which looks again: one that was slow to act on what it found would take the lock from who has replaced it since. What keeps
 * others out meanwhile is a lock like any other, also when its holder is killed.
 */
async function replaced(own: string, path: string, mine: string, giveUpAt: number): Promise<boolean> {
  const guard = `${path}.takeover`;
  await take(guard, mine, giveUpAt);
  try {
    const found = await readLock(path);
    if (found === undefined || livingHolder(found)) return false;
    await rename(own, path);
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  return link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw new Error(`Could not lock ${to}: ${writeProblem(error, to)}`, { cause: error });
    },
  );
}

function inUse(path: string, holder: LockHolder | undefined): string {
  if (!holder) return `Could not lock ${path}: what is there cannot be read; remove it.`;
  const { pid, host, started } = holder;
  const elsewhere = host !== hostname();
  // Of these it cannot be known whether they live.
  const cure = elsewhere || started === '' ? ` If that process is gone, remove ${path}.` : '';
  return `${join(path, '..')} is in use by process ${pid}${elsewhere ? ` on ${host}` : ''}; wait for it, or end it first.${cure}`;
}

/** The living process that works in a run folder. One on another host is taken to live. */
export async function lockHolder(folder: string): Promise<LockHolder | undefined> {
  const text = await readLock(join(folder, 'lock'));
  return text === undefined ? undefined : livingHolder(text);
}

/** The text of a lock; undefined if there is none. */
async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Error(
      `Could not read the lock ${path}: ${readProblem(error)} If no process works there, remove it.`,
      {
        cause: error,
      },
    );
  });
}

function livingHolder(lock: string): LockHolder | undefined {
  const parsed = holderSchema.safeParse(parsedJson(lock));
  if (!parsed.success) return undefined;
  const { pid, host, started } = parsed.data;
  return host !== hostname() || (started === processStart(pid) && isAlive(pid)) ? parsed.data : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
