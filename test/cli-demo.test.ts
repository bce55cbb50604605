/** `regrad demo`, the main job, cut down to one update on the reference executor, and the verbs that go on from its folder. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mainMethods } from '../src/experiments/methods.ts';
import { listRuns } from '../src/experiments/run-store.ts';
import { machineFields } from '../src/experiments/run-training.ts';
import { regrad } from './command-line.ts';
import { makeFolder } from './data-files.ts';

const short = ['--steps', '1', '--seeds', '1', '--adapter', 'reference'];

/** What a folder's runs gave, by the runs' names, without what tells of the machine. */
async function numbers(root: string): Promise<Map<string, unknown>> {
  const machine: readonly string[] = machineFields;
  const records = await listRuns(root);
  return new Map(
    records.map((record) => {
      if (record.status !== 'finished') throw new Error(`${record.folder}: ${record.status}`);
      const points = record.points.map((point) =>
        Object.fromEntries(Object.entries(point).filter(([key]) => !machine.includes(key))),
      );
      const { seconds: _, ...result } = record.result ?? {};
      return [record.folder.slice(root.length), { points, result }];
    }),
  );
}

describe('regrad demo', () => {
  it('leaves runs and report; reproduce gives the same numbers one at a time; report makes the same again', async () => {
    const [out, other] = [join(await makeFolder(), 'main'), join(await makeFolder(), 'other')];
    const { status, stdout, stderr } = regrad(['demo', ...short, '--jobs', '2', '--out', out]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^adapter: .*\n/m);
    expect(stderr).toMatch(/^6 of 6 runs to make: about .* with 2 at once/m);
    expect(stderr).toMatch(/^UJ, seed 0: finished, test [\d.]+ %, \d+ s \(\d\/6 runs · \d+ %/m);
    const runs = await numbers(out);
    expect(runs.size).toBe(6);
    expect(await readdir(join(out, 'report'))).toEqual(['figures', 'report.md', 'tables']);

    const report = await readFile(join(out, 'report', 'report.md'), 'utf8');
    expect(stdout.startsWith(`${report}\nSaved in ${join(out, 'report')}: report.md, `)).toBe(true);
    for (const method of mainMethods) expect(report).toMatch(new RegExp(`^\\| ${method} +\\|`, 'm'));
    // One seed decides nothing about differences.
    expect(report).toMatch(/^- H0 \*\*not decidable\*\*/m);

    // Two of the methods, in a folder of their own.
    const again = regrad([
      'reproduce',
      'main',
      ...short,
      '--methods',
      'SB,GN',
      '--jobs',
      '1',
      '--out',
      other,
    ]);
    expect(again.status, again.stderr).toBe(0);
    const repeated = await numbers(other);
    expect([...repeated.keys()].map((name) => name.slice(1, 3)).sort()).toEqual(['gn', 'sb']);
    for (const [name, values] of repeated) expect(values).toEqual(runs.get(name));

    // All is done: nothing is trained, and the report is the same.
    const done = regrad(['demo', ...short, '--out', out]);
    expect(done.stderr).toContain('All runs are done.');
    expect(done.stdout).toBe(stdout);
    expect(regrad(['report', out]).stdout).toBe(stdout);
  }, 300_000);
});

describe('regrad reproduce', () => {
  it('shows the cost of the runs and makes none with --plan', async () => {
    const out = join(await makeFolder(), 'planned');
    const { status, stdout, stderr } = regrad([
      'reproduce',
      'graft',
      '--plan',
      '--steps',
      '160',
      '--out',
      out,
      '--adapter',
      'reference',
    ]);
    expect(status, stderr).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^\| ExterGraft +\| +3 \| +0 \| +7,680 \|/m);
    expect(stderr).toMatch(/^15 of 15 runs to make: about /m);
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });

  it('tells a run that failed in its own words, reports the others, and ends with 1', async () => {
    const out = join(await makeFolder(), 'failing');
    const { status, stdout, stderr } = regrad([
      'reproduce',
      'main',
      ...short,
      '--methods',
      'SB',
      '--out',
      out,
      '--data',
      'optdigits:/nowhere',
    ]);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/error: .*\/nowhere/);
  });
});
