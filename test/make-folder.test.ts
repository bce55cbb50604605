/** Folders made on disk, also where the system says that there can be none. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../src/engine/make-folder.ts';
import { createFolder } from '../src/experiments/files.ts';
import { regrad } from './command-line.ts';
import { put, makeFolder as temporaryFolder } from './data-files.ts';

describe('folders', () => {
  it('are made with those above them, and are left alone where they are', async () => {
    const folder = await temporaryFolder();
    for (const path of ['a/b/c', 'a/b/c', 'a/d/', 'a/../e', '.']) {
      makeFolder(join(folder, path));
      expect(statSync(join(folder, path)).isDirectory()).toBe(true);
    }
    await mkdir(join(folder, 'real'));
    await symlink(join(folder, 'real'), join(folder, 'link'));
    makeFolder(join(folder, 'link', 'x'));
    expect(existsSync(join(folder, 'real', 'x'))).toBe(true);
  });

  it('say what is in their way', async () => {
    const folder = await temporaryFolder();
    await put(folder, 'file', '');
    await symlink(join(folder, 'gone'), join(folder, 'dangling'));
    expect(() => createFolder(join(folder, 'file'))).toThrow(/file: a file of that name is there\.$/);
    expect(() => createFolder(join(folder, 'file', 'x'))).toThrow(/x: there is no folder \S*file; create it/);
    expect(() => createFolder(join(folder, 'file', 'x', 'y'))).toThrow(/there is no folder/);
    expect(() => createFolder(join(folder, 'dangling'))).toThrow(/dangling: a file of that name is there\.$/);
    expect(() => createFolder(join(folder, 'dangling', 'x'))).toThrow(/a file of that name is there\.$/);
  });

  // Node's own recursive mkdir never returns from these.
  it.runIf(existsSync('/proc/self'))('are refused where the system makes none', () => {
    for (const path of ['/proc/x', '/proc/x/y/z', '/proc/self/x']) {
      expect(() => createFolder(path)).toThrow(
        /^Could not create the folder \S+: permission denied; choose a folder/,
      );
    }
    const args = [
      'train',
      '--preset',
      'optdigits-resnet-gn',
      '--steps',
      '1',
      '--adapter',
      'reference',
      '--runs',
    ];
    for (const runs of ['/proc', '/proc/x']) {
      expect(regrad([...args, runs])).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(
          /^error: Could not create a run folder at \/proc\S*: permission denied; choose a folder/m,
        ),
      });
    }
  });
});
