import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readBytes, readProblem, writeFileAtomic, writeProblem } from '../src/experiments/files.ts';
import { makeFolder, put } from './data-files.ts';

describe('files', () => {
  it('writes a file whole and replaces the old one', async () => {
    const folder = await makeFolder();
    const path = join(folder, 'a.txt');
    await writeFileAtomic(path, 'a long first content');
    await writeFileAtomic(path, Uint8Array.of(104, 105));
    expect(await readFile(path, 'utf8')).toBe('hi');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('leaves nothing behind when it cannot write', async () => {
    const folder = await makeFolder();
    await mkdir(join(folder, 'taken', 'inside'), { recursive: true });
    await put(folder, 'plain', 'x');
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(
      /taken is a folder, but a file/,
    );
    await expect(writeFileAtomic(join(folder, 'no', 'x'), 'x')).rejects.toThrow(
      /there is no folder .*no; create it/,
    );
    await expect(writeFileAtomic(join(folder, 'plain', 'x'), 'x')).rejects.toThrow(
      /there is no folder .*plain/,
    );
    expect((await readdir(folder)).sort()).toEqual(['plain', 'taken']);
    if (existsSync('/proc')) {
      await expect(writeFileAtomic('/proc/x', 'x')).rejects.toThrow(/nothing can be made in \/proc; choose/);
    }
  });

  it('decompresses a file whose name ends in .gz, and no other', async () => {
    const folder = await makeFolder();
    const packed = gzipSync('hello');
    await put(folder, 'a.gz', packed);
    await put(folder, 'a.bin', packed);
    expect(new TextDecoder().decode(await readBytes(join(folder, 'a.gz'), 'a word'))).toBe('hello');
    expect(Buffer.compare(await readBytes(join(folder, 'a.bin'), 'bytes'), packed)).toBe(0);
  });

  it('explains what it cannot read', async () => {
    const folder = await makeFolder();
    await expect(readBytes(join(folder, 'x'), 'weights')).rejects.toThrow(
      `Could not read weights from ${join(folder, 'x')}: there is no such file; check the path.`,
    );
    await expect(readBytes(folder, 'weights')).rejects.toThrow(/it is a folder, but a file was expected/);
  });

  it('has a sentence for each error of the system', () => {
    const failure = (code: string) => Object.assign(new Error('raw words'), { code });
    expect(readProblem(failure('EACCES'))).toMatch(/permission denied; allow this user to read/);
    expect(writeProblem(failure('EROFS'), '/a/b')).toMatch(/file system is read-only; choose a folder/);
    expect(writeProblem(failure('ENOSPC'), '/a/b')).toMatch(/disk is full/);
    expect(writeProblem(failure('EIO'), '/a/b')).toBe('raw words.');
  });

  // The superuser may read everything.
  it.skipIf(process.getuid?.() === 0)('explains a file that it may not read', async () => {
    const folder = await makeFolder();
    await put(folder, 'secret', 'x');
    await chmod(join(folder, 'secret'), 0);
    await expect(readBytes(join(folder, 'secret'), 'weights')).rejects.toThrow(/permission denied/);
  });
});
