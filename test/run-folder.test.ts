/** A run's folder is there whole, or not at all. */
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { environmentRecord, withRunFolder } from '../src/experiments/run-folder.ts';
import { makeFolder, put } from './data-files.ts';
import { reference } from './devices.ts';

const notCalled = () => Promise.reject(new Error('The work was begun.'));

describe('a run folder', () => {
  it('appears under its name only when the work is done, with all files', async () => {
    const parent = await makeFolder();
    const target = join(parent, 'new', 'run');
    const result = await withRunFolder(target, async (run) => {
      await run.write('note.txt', 'hello');
      await run.writeJson('config.json', { seed: 3, list: [1] });
      await run.append('metrics.jsonl', { step: 1, loss: 0.5 });
      await run.append('metrics.jsonl', { step: 2, loss: Number.NaN, text: 'two\nlines' });
      await expect(stat(target)).rejects.toThrow(/ENOENT/);
      return 42;
    });
    expect(result).toBe(42);
    expect(await readdir(join(parent, 'new'))).toEqual(['run']);
    expect((await readdir(target)).sort()).toEqual(['config.json', 'metrics.jsonl', 'note.txt']);
    expect(await readFile(join(target, 'note.txt'), 'utf8')).toBe('hello');
    expect(JSON.parse(await readFile(join(target, 'config.json'), 'utf8'))).toEqual({ seed: 3, list: [1] });
    // One line each, every line JSON, which knows no NaN.
    const lines = (await readFile(join(target, 'metrics.jsonl'), 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { step: 1, loss: 0.5 },
      { step: 2, loss: null, text: 'two\nlines' },
    ]);
  });

  it('may be there before, empty', async () => {
    const target = join(await makeFolder(), 'run');
    await mkdir(target);
    await withRunFolder(target, (run) => run.write('a', 'b'));
    expect(await readdir(target)).toEqual(['a']);
  });

  it('with files in it is refused before any work, and not touched', async () => {
    const parent = await makeFolder();
    await mkdir(join(parent, 'run'));
    await put(join(parent, 'run'), 'old.txt', 'precious');
    await expect(withRunFolder(join(parent, 'run'), notCalled)).rejects.toThrow(
      `${join(parent, 'run')} is not empty; give the run a folder of its own, or remove that one.`,
    );
    expect(await readdir(parent)).toEqual(['run']);
    expect(await readFile(join(parent, 'run', 'old.txt'), 'utf8')).toBe('precious');
  });

  it('leaves nothing when the work fails, and the reason comes through', async () => {
    const parent = await makeFolder();
    const failure = new Error('The loss is odd.');
    const attempt = withRunFolder(join(parent, 'run'), async (run) => {
      await run.write('half.txt', 'half');
      throw failure;
    });
    await expect(attempt).rejects.toBe(failure);
    expect(await readdir(parent)).toEqual([]);
  });

  it('that another filled meanwhile keeps its files, and the run is kept beside it', async () => {
    const parent = await makeFolder();
    const target = join(parent, 'run');
    const attempt = withRunFolder(target, async (run) => {
      await run.write('mine.txt', 'mine');
      await mkdir(target);
      await put(target, 'theirs.txt', 'theirs');
    });
    await expect(attempt).rejects.toThrow(/run was filled during the run; its files are whole in .*partial/);
    expect(await readdir(target)).toEqual(['theirs.txt']);
    const [beside] = (await readdir(parent)).filter((name) => name !== 'run');
    expect(await readdir(join(parent, beside))).toEqual(['mine.txt']);
  });

  it('that is a file, or lies below one, is refused with a sentence', async () => {
    const parent = await makeFolder();
    await put(parent, 'file', 'x');
    for (const path of [
      join(parent, 'file'),
      join(parent, 'file', 'run'),
      join(parent, 'file', 'a', 'run'),
    ]) {
      await expect(withRunFolder(path, notCalled)).rejects.toThrow(
        `Could not use ${path} for the run: it is a file or lies below one; choose another folder.`,
      );
    }
    expect(await readdir(parent)).toEqual(['file']);
  });

  // The superuser may write everywhere.
  it.skipIf(process.getuid?.() === 0)('that may not be written is refused with a sentence', async () => {
    const parent = await makeFolder();
    await chmod(parent, 0o500);
    await expect(withRunFolder(join(parent, 'run'), notCalled)).rejects.toThrow(
      /^Could not create a run folder at .*: permission denied; choose a folder/,
    );
    await chmod(parent, 0o700);
    expect(await readdir(parent)).toEqual([]);
  });

  it('says what could not be written', async () => {
    const target = join(await makeFolder(), 'run');
    const attempt = withRunFolder(target, (run) => run.append('no/metrics.jsonl', {}));
    await expect(attempt).rejects.toThrow(/^Could not write .*metrics\.jsonl: there is no folder /);
    await expect(stat(target)).rejects.toThrow(/ENOENT/);
  });
});

describe('the environment', () => {
  it('names versions, commit, device and time', async () => {
    setDevice(reference);
    const record = await environmentRecord();
    expect(record).toMatchObject({
      regrad: expect.stringMatching(/^\d+\.\d+\.\d+/),
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      device: reference.name,
      executor: 'reference',
    });
    expect(record.commit === null || /^[0-9a-f]{40}$/.test(String(record.commit))).toBe(true);
    expect(Date.parse(String(record.startedAt))).not.toBeNaN();
  });
});
