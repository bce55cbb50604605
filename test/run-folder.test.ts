/** The files in a run's folder, and the environment's record. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { environmentRecord, RunFolder } from '../src/experiments/run-folder.ts';
import { makeFolder } from './data-files.ts';
import { reference } from './devices.ts';

describe('a run folder', () => {
  it('holds text, JSON and lines of JSON', async () => {
    const path = await makeFolder();
    const run = new RunFolder(path);
    await run.write('note.txt', 'hello');
    await run.writeJson('config.json', { seed: 3, list: [1] });
    await run.append('metrics.jsonl', { step: 1, loss: 0.5 });
    await run.append('metrics.jsonl', { step: 2, loss: Number.NaN, text: 'two\nlines' });
    expect((await readdir(path)).sort()).toEqual(['config.json', 'metrics.jsonl', 'note.txt']);
    expect(await readFile(join(path, 'note.txt'), 'utf8')).toBe('hello');
    expect(JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))).toEqual({ seed: 3, list: [1] });
    // One line each, every line JSON, which knows no NaN.
    const lines = (await readFile(join(path, 'metrics.jsonl'), 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { step: 1, loss: 0.5 },
      { step: 2, loss: null, text: 'two\nlines' },
    ]);
  });

  it('says what could not be written', async () => {
    const run = new RunFolder(await makeFolder());
    await expect(run.append('no/metrics.jsonl', {})).rejects.toThrow(
      /^Could not write .*metrics\.jsonl: there is no folder /,
    );
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
