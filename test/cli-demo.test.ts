/** `regrad demo`, the main job, cut down to two updates. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOMParser } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { mainMethods } from '../src/experiments/methods.ts';
import { regrad } from './command-line.ts';
import { makeFolder } from './data-files.ts';

describe('regrad demo', () => {
  it('leaves table, figure, verdicts, configuration, environment and metrics', async () => {
    const parent = await makeFolder();
    const out = join(parent, 'main');
    const { status, stdout, stderr } = regrad(['demo', '--steps', '2', '--seeds', '1', '--out', out]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^adapter: .*\n/m);
    expect(await readdir(parent)).toEqual(['main']);
    const names = [
      'config.json',
      'environment.json',
      'figure.svg',
      'metrics.jsonl',
      'report.md',
      'results.json',
    ];
    expect((await readdir(out)).sort()).toEqual(names);
    const text = (name: string) => readFile(join(out, name), 'utf8');

    const config = JSON.parse(await text('config.json'));
    expect(config).toMatchObject({ steps: 2, seeds: [0], evaluateEvery: 1 });
    expect(Object.keys(config.methods)).toEqual([...mainMethods]);
    expect(JSON.parse(await text('environment.json'))).toMatchObject({ node: process.version });

    const metrics = (await text('metrics.jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(metrics.map(({ method, seed, step }) => `${method} ${seed} ${step}`)).toEqual(
      mainMethods.flatMap((method) => [1, 2].map((step) => `${method} 0 ${step}`)),
    );
    const results = JSON.parse(await text('results.json'));
    expect(results.map(({ method }: { method: string }) => method)).toEqual([...mainMethods]);
    for (const { status, testAccuracy } of results) {
      expect(status).toBe('finished');
      expect(testAccuracy).toBeGreaterThanOrEqual(0);
    }

    const report = await text('report.md');
    expect(stdout).toBe(
      `${report}\nSaved in ${out}: report.md, figure.svg, metrics.jsonl, results.json, config.json, environment.json.\n`,
    );
    for (const method of mainMethods) expect(report).toMatch(new RegExp(`^\\| ${method} +\\|`, 'm'));
    const claims = report.split('\n').filter((line) => line.startsWith('- H'));
    expect(claims.map((line) => line.slice(2, 4))).toEqual(['H0', 'H1', 'H1', 'H2', 'H2', 'H3']);
    for (const claim of claims)
      expect(claim).toMatch(/^- H\d (HOLDS|DOES NOT HOLD|NOT DECIDABLE): .+\. .+\.$/);
    // One seed decides nothing about differences.
    for (const claim of claims.slice(0, 5)) expect(claim).toContain('NOT DECIDABLE');

    const svg = await text('figure.svg');
    const { documentElement } = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(documentElement.tagName).toBe('svg');
    for (const label of [...mainMethods, 'Validation accuracy', 'gradient norm'])
      expect(svg).toContain(label);
    expect(svg).not.toContain('NaN');
  });
});
