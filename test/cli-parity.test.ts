/** `regrad parity` as people call it: what it prints, and when it fails. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { regrad } from './command-line.ts';
import { makeFolder, put } from './data-files.ts';

/** A folder with two of the fixtures, and a file that is none. */
async function fixtures(): Promise<string> {
  const folder = await makeFolder();
  for (const name of ['mlp-uj', 'mlp-ft']) {
    await copyFile(`test/parity/${name}.safetensors`, join(folder, `${name}.safetensors`));
  }
  await put(folder, 'notes.txt', 'not a fixture');
  return folder;
}

describe('regrad parity', () => {
  it('--json prints one object per case, sorted, and nothing else', async () => {
    const args = ['parity', await fixtures(), '--json', '--adapter', 'reference'];
    const { status, stdout, stderr } = regrad(args);
    expect(status, stderr).toBe(0);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => [row.case, row.method, row.adapter, row.ok])).toEqual([
      ['mlp-ft', 'FT', 'reference', true],
      ['mlp-uj', 'UJ', 'reference', true],
    ]);
    for (const row of rows) {
      const measures = ['loss', 'penalty', 'microNorm2', 'grad', 'after'];
      expect(Object.keys(row)).toEqual(['case', 'method', 'adapter', ...measures, 'ok']);
      for (const measure of measures) {
        expect(row[measure]).toBeGreaterThanOrEqual(0);
        expect(row[measure]).toBeLessThanOrEqual(1e-6);
      }
    }
    expect(stderr).toMatch(/^2 of 2 cases are within 0\.000001 on reference\.$/m);
  });

  it('exits with 1 where a case exceeds the tolerance, and marks it', async () => {
    const args = ['parity', await fixtures(), '--adapter', 'reference', '--tolerance', '1e-12'];
    const { status, stdout, stderr } = regrad(args);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^\| case +\| method \| +loss \| +penalty \| +microNorm2 \| +grad \| +after \| ok +\|$/m,
    );
    expect(stdout).toMatch(/^\| mlp-ft \| FT .* \| NO +\|$/m);
    expect(stderr).toMatch(/^0 of 2 cases are within 1e-12 on reference\.$/m);
    const json = regrad([...args, '--json']);
    expect(json.status).toBe(1);
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).ok),
    ).toEqual([false, false]);
  });

  it('exits with 1 and names the file that is cut off', async () => {
    const folder = await fixtures();
    const whole = await readFile(join(folder, 'mlp-ft.safetensors'));
    await put(folder, 'mlp-ft.safetensors', whole.subarray(0, whole.length - 40));
    const { status, stderr } = regrad(['parity', folder, '--adapter', 'reference']);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^error: .*mlp-ft\.safetensors: .*\.$/);
  });

  it('computes on the best adapter there is unless told', async () => {
    const { status, stdout, stderr } = regrad(['parity', await fixtures(), '--json']);
    expect(status, stderr).toBe(0);
    const [row] = stdout.split('\n').map((line) => JSON.parse(line || 'null'));
    expect(stderr).toContain(
      row.adapter === 'reference' ? 'reference executor' : `adapter: ${row.adapter} (`,
    );
    expect(stderr).toMatch(row.adapter === 'reference' ? /within 0\.000001 on/ : /within 0\.0002 on/);
  });
});
