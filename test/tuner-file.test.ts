/** The file that remembers what was measured: whatever lies there, and whoever else writes it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VariantFile, variantFilePath } from '../src/engine/variant-file.ts';
import { cacheFolderOf, fetchedFolder } from '../src/experiments/data/locate.ts';
import { makeFolder } from './data-files.ts';

const warn = vi.spyOn(console, 'warn');

beforeEach(() => {
  warn.mockReset().mockReturnValue();
});

afterAll(() => {
  warn.mockRestore();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function makePath(): Promise<string> {
  return join(await makeFolder(), 'regrad', 'variants-v1.json');
}

describe('the file of measured kernels', () => {
  it('remembers for each device on its own, in a folder that it makes', async () => {
    const path = await makePath();
    const file = new VariantFile(path, 'one');
    expect([file.size, file.recall('a')]).toEqual([0, undefined]);
    file.remember(new Map([['a', 'direct']]));
    file.remember(new Map([['b', 'tiled']]));
    new VariantFile(path, 'two').remember(new Map([['a', 'quads']]));
    const again = new VariantFile(path, 'one');
    expect([again.size, again.recall('a'), again.recall('b')]).toEqual([2, 'direct', 'tiled']);
    expect(new VariantFile(path, 'two').recall('a')).toBe('quads');
    expect(warn).not.toHaveBeenCalled();
    expect(await readdir(join(path, '..'))).toEqual(['variants-v1.json']);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"format":1,"devices":{"one":{"a":"dir'],
    ['binary', '\u0000\u0001'],
    ['of another format', '{"format":2,"devices":{"one":{"a":"direct"}}}'],
    ['of another kind', '[1,2]'],
    ['without devices', '{"format":1}'],
    ['with a device that is none', '{"format":1,"devices":{"one":7}}'],
    ['with a variant that is none', '{"format":1,"devices":{"one":{"a":{}}}}'],
  ])('is ignored with one sentence, and replaced, if %s', async (_, text) => {
    const path = await makePath();
    await mkdir(join(path, '..'));
    await writeFile(path, text);
    const file = new VariantFile(path, 'one');
    expect(file.size).toBe(0);
    file.remember(new Map([['b', 'tiled']]));
    expect(warn.mock.calls).toEqual([
      [`regrad: ${path} does not hold measured kernels as it should; it is ignored, and replaced.`],
    ]);
    const again = new VariantFile(path, 'one');
    expect([again.size, again.recall('b')]).toEqual([1, 'tiled']);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('does without, and says so once, where it cannot be kept', async () => {
    // A file where the folder should be: refused to the superuser too.
    const blocked = join(await makeFolder(), 'file');
    await writeFile(blocked, '');
    const file = new VariantFile(join(blocked, 'regrad', 'variants-v1.json'), 'one');
    file.remember(new Map([['a', 'direct']]));
    file.remember(new Map([['b', 'tiled']]));
    expect([file.recall('a'), file.recall('b')]).toEqual(['direct', 'tiled']);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toMatch(
      /^regrad: what was measured cannot be kept in .* \(ENOTDIR\), and is measured again/,
    );
    expect(await readFile(blocked, 'utf8')).toBe('');
  });

  it('does without where it cannot be read', async () => {
    const path = await makePath();
    await mkdir(path, { recursive: true });
    expect(new VariantFile(path, 'one').size).toBe(0);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/cannot be read \(EISDIR\), so nothing is remembered from before\.$/)],
    ]);
  });

  it('is whole at every moment while several processes write', async () => {
    const path = await makePath();
    const outfile = resolve(`node_modules/.cache/regrad-test/variant-file-${process.pid}.mjs`);
    const contents = `
      import { VariantFile } from './src/engine/variant-file.ts';
      const [path, name] = process.argv.slice(2);
      const file = new VariantFile(path, 'one');
      for (let i = 0; i < 60; i++) file.remember(new Map([[name + i, 'direct']]));`;
    try {
      const stdin = { contents, resolveDir: process.cwd() };
      buildSync({ stdin, outfile, bundle: true, format: 'esm', platform: 'node', packages: 'external' });
      const writers = ['a', 'b', 'c', 'd'].map((name) => spawn(process.execPath, [outfile, path, name]));
      let told = '';
      for (const { stderr } of writers) {
        stderr.on('data', (text) => {
          told += text;
        });
      }
      const ends = writers.map((writer) => once(writer, 'close'));
      let running = true;
      const finished = Promise.all(ends).finally(() => {
        running = false;
      });
      let seen = 0;
      while (running) {
        seen = Math.max(seen, new VariantFile(path, 'one').size);
        await new Promise((done) => setTimeout(done, 1));
      }
      expect((await finished).map(([code]) => code)).toEqual([0, 0, 0, 0]);
      expect(seen).toBeGreaterThan(0);
      expect(told, 'what the writers say of a torn file').toBe('');
    } finally {
      await rm(outfile, { force: true });
    }
    expect(warn, 'what the reader says of a torn file').not.toHaveBeenCalled();
    // All that the last to write has added, at least.
    expect(new VariantFile(path, 'one').size).toBeGreaterThanOrEqual(60);
    expect(await readdir(join(path, '..'))).toEqual(['variants-v1.json']);
  });
});

describe('where it lies', () => {
  it.runIf(process.platform === 'linux')(
    'is the cache folder that the user names, else the usual one',
    () => {
      vi.stubEnv('XDG_CACHE_HOME', '/caches');
      expect(variantFilePath()).toBe('/caches/regrad/variants-v1.json');
      for (const useless of ['', 'relative']) {
        vi.stubEnv('XDG_CACHE_HOME', useless);
        expect(variantFilePath()).toBe(join(homedir(), '.cache/regrad/variants-v1.json'));
      }
    },
  );

  it.runIf(process.platform === 'linux')(
    'is the same for pixels and fetched sets: a path that is not absolute is ignored',
    () => {
      for (const [folder, cache, data] of [
        ['/mine', '/mine/regrad/pixels', '/mine/regrad/mnist'],
        ['mine', join(homedir(), '.cache/regrad/pixels'), join(homedir(), '.local/share/regrad/mnist')],
        ['', join(homedir(), '.cache/regrad/pixels'), join(homedir(), '.local/share/regrad/mnist')],
      ]) {
        vi.stubEnv('XDG_CACHE_HOME', folder);
        vi.stubEnv('XDG_DATA_HOME', folder);
        expect([cacheFolderOf('pixels'), fetchedFolder('mnist')]).toEqual([cache, data]);
      }
    },
  );
});
