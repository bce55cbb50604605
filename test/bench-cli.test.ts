/** `regrad bench` as people call it, and the one file that is made of it for machines without the checkout. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecords } from '../bench/records.ts';
import { addBench } from '../src/cli/bench.ts';
import { refusal, regrad } from './command-line.ts';

const hasGpu = process.env.REGRAD_ADAPTER !== 'reference';
const environment = process.env.REGRAD_ADAPTER ? { REGRAD_ADAPTER: process.env.REGRAD_ADAPTER } : undefined;
const once = { median: 1, lower: 1, upper: 1 };
const small = ['matmul 128x512x10', '--seconds', '0.001'];

describe('regrad bench', () => {
  it.skipIf(!hasGpu)('measures, and writes lines, a figure and tables', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const [out, svg] = [join(folder, 'results.jsonl'), join(folder, 'roofline.svg')];
    const first = regrad(['bench', ...small, '--out', out, '--svg', svg], environment);
    // Not at the very beginning: of some drivers Dawn writes lines, which regrad announces.
    expect(first.stderr).toMatch(/^(regrad: asking .*\n(.*\n)*)?adapter: /);
    expect(first.stdout).toMatch(/^Multiply-add peak: .* GFLOP\/s .*\nCopy peak: .* GB\/s /);
    expect(first.stdout).toMatch(/\| matmul 128x512x10 \| matmul\.direct \| \[128,512\] \[512,10\] +\| /);
    expect(first.status).toBe(0);
    const records = await readRecords(out);
    expect(records.filter(({ kind }) => kind === 'peak').length).toBe(8);
    const line = (await readFile(out, 'utf8')).split('\n', 1)[0];
    expect(Object.keys(JSON.parse(line))).toEqual(
      expect.arrayContaining(['device', 'driver', 'regrad', 'commit', 'node', 'webgpu', 'date']),
    );
    expect(await readFile(svg, 'utf8')).toContain('matmul 128x512x10</text>');
  });

  it.skipIf(!hasGpu)('measures what the engine runs', () => {
    const { stdout, status } = regrad(['bench', 'softmax', '--seconds', '0.01', '--json'], environment);
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({ kind: 'engine', case: 'softmax cross entropy' });
    for (const key of ['launches', 'firstCall', 'hostPerLaunch', 'peakBytes']) {
      expect(record[key], key).toBeGreaterThan(0);
    }
    expect(record.error).toBeLessThan(1e-5);
    expect(status).toBe(0);
  });

  it('refuses what it cannot use before it measures', async () => {
    expect(await refusal(addBench, ['bench', 'no such case'])).toMatch(
      /^No case has 'no such case' in its name, and it is no module's file; the cases are: matmul 256, /,
    );
    expect(await refusal(addBench, ['bench', 'matmul', '--compare', 'no/file'])).toBe(
      'Could not read the earlier results no/file: there is no such file; check the path.',
    );
    expect(await refusal(addBench, ['bench', 'matmul', '--seconds', '0'])).toMatch("argument '0' is invalid");
    expect(await refusal(addBench, ['bench', 'matmul', '--adapter', 'reference'])).toMatch(
      /^The bench needs a GPU, real or simulated\. /,
    );
  });
});

describe.skipIf(!hasGpu)('the bundle of the bench', () => {
  it('runs where there is nothing but Node and the adapter packages, and compares with an earlier run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const file = join(folder, 'bench.mjs');
    const made = spawnSync(process.execPath, ['scripts/bench-bundle.mjs', file], { encoding: 'utf8' });
    expect(made.stderr).toBe('');
    expect(made.stdout).toContain(file);
    await mkdir(join(folder, 'node_modules'));
    for (const name of ['webgpu', '@sparticuz']) {
      await symlink(resolve('node_modules', name), join(folder, 'node_modules', name));
    }
    const earlier = join(folder, 'earlier.jsonl');
    await writeFile(earlier, JSON.stringify({ case: 'old', variant: '', shape: '', wall: once, gpu: null }));
    const run = spawnSync(process.execPath, [file, ...small, '--json', '--compare', earlier], {
      ...{ cwd: folder, env: environment ?? {}, encoding: 'utf8' },
    });
    const records = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.some(({ kind, variant }) => kind === 'kernel' && variant === 'matmul.direct')).toBe(true);
    expect(records[0].commit).toMatch(/^([0-9a-f]{40}(-dirty)?|unknown)$/);
    expect(run.stderr).toContain(`Against ${earlier}; a ratio below 1 is faster now`);
    expect(run.stderr).toContain('Only there: old.');
    expect(run.status).toBe(0);
    const wrong = spawnSync(process.execPath, [file, '--nope'], { cwd: folder, env: {}, encoding: 'utf8' });
    expect([wrong.status, wrong.stderr]).toEqual([2, "error: unknown option '--nope'\n"]);
  });
});
