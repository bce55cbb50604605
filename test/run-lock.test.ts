/** The lock of a run folder: never held twice, and no process that is gone bars the folder. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { processStart } from '../src/experiments/process-start.ts';
import { lockHolder, lockRun } from '../src/experiments/run-lock.ts';
import { makeFolder } from './data-files.ts';

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  return { ...actual, rename: vi.fn(actual.rename) };
});

const { rename: promptly } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises');
beforeEach(() => void vi.mocked(rename).mockImplementation(promptly));

const host = hostname();
const gone = JSON.stringify({ pid: 2 ** 22 + 1, host, started: '1' });
const alive = JSON.stringify({ pid: process.pid, host, started: processStart(process.pid) });

const folderWith = async (files: Record<string, string>): Promise<string> => {
  const folder = await makeFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
};

describe('a stale lock', () => {
  it.each([1, 2, 3])(
    'is taken by one of three, whichever file system call of number %i is slow',
    async (slow) => {
      const folder = await folderWith({ lock: gone });
      let calls = 0;
      vi.mocked(rename).mockImplementation(async (from, to) => {
        if (++calls === slow) await setTimeout(300);
        return promptly(from, to);
      });
      const takers = await Promise.allSettled([lockRun(folder), lockRun(folder), lockRun(folder)]);
      const held = takers.filter(({ status }) => status === 'fulfilled');
      expect(held).toHaveLength(1);
      expect(await lockHolder(folder)).toMatchObject({ pid: process.pid, host });
      expect(await readdir(folder)).toEqual(['lock']);
    },
  );

  it('is taken although a process was killed while it took it over', async () => {
    const folder = await folderWith({ lock: gone, 'lock.takeover': gone, 'lock.takeover.takeover': gone });
    const unlock = await lockRun(folder);
    expect(await readdir(folder)).toEqual(['lock']);
    await unlock();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a lock', () => {
  it('is given back once, and is not taken from who holds it since', async () => {
    const folder = await makeFolder();
    const unlock = await lockRun(folder);
    await rm(join(folder, 'lock'));
    await lockRun(folder);
    const theirs = await readFile(join(folder, 'lock'), 'utf8');
    await unlock();
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(theirs);
  });

  it.each<[string, string, RegExp]>([
    [
      'another host',
      JSON.stringify({ pid: 1, host: 'elsewhere', started: '' }),
      /^\S+ is in use by process 1 on elsewhere; wait for it, or end it first\. If that process is gone, remove \S+lock\.$/,
    ],
    ['this host', alive, /^\S+ is in use by process \d+; wait for it, or end it first\.$/],
  ])('of a process on %s says what can be done', async (_, lock, sentence) => {
    const folder = await folderWith({ lock });
    await expect(lockRun(folder)).rejects.toThrow(sentence);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('that is a folder is told, and counts for nobody', async () => {
    const folder = await makeFolder();
    await mkdir(join(folder, 'lock'));
    const sentence =
      /^Could not read the lock \S+lock: it is a folder, but a file was expected\. If no process works there, remove it\.$/;
    await expect(lockRun(folder)).rejects.toThrow(sentence);
    await expect(lockHolder(folder)).rejects.toThrow(sentence);
    expect(await readdir(folder)).toEqual(['lock']);
  });
});
