/** One process for each run folder: a file `lock` with the process that works there. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { writeProblem } from './files.ts';
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
  const mine: LockHolder = { pid: process.pid, host: hostname(), started: processStart(process.pid) ?? '' };
  // A file of one's own that is linked to the name appears whole, and only where there is none.
  const own = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(own, JSON.stringify(mine)).catch((error: unknown) => {
      throw new Error(`Could not write ${own}: ${writeProblem(error, own)}`, { cause: error });
    });
    const giveUpAt = Date.now() + patience;
    while (!(await linked(own, path))) {
      const holder = await lockHolder(folder);
      if (holder?.host === mine.host && Date.now() < giveUpAt) {
        await setTimeout(100);
        continue;
      }
      if (holder) {
        throw new Error(
          `${folder} is in use by process ${holder.pid}${holder.host === mine.host ? '' : ` on ${holder.host}`}; ` +
            'wait for it, or end it first.',
        );
      }
      // Renamed, not removed: of two processes that find it stale, one gets it.
      const stale = `${own}.stale`;
      await rename(path, stale).catch(() => undefined);
      await rm(stale, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(path, { force: true });
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

/** The living process that works in a run folder. One on another host is taken to live. */
export async function lockHolder(folder: string): Promise<LockHolder | undefined> {
  const text = await readFile(join(folder, 'lock'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = holderSchema.safeParse(parse(text));
  if (!parsed.success) return undefined;
  const { pid, host, started } = parsed.data;
  return host !== hostname() || (started === processStart(pid) && isAlive(pid)) ? parsed.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
