/** Sweeps: what a plan means, what is wrong with one, and what its report shows. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeReport } from '../src/experiments/report.ts';
import { writePlan } from '../src/experiments/run-plan.ts';
import { planSweep } from '../src/experiments/sweep.ts';
import { makeFolder } from './data-files.ts';
import { putRun } from './made-up-runs.ts';

const base =
  'base: { method: LB, data: optdigits, model: "mlp[4]", batch: 8, microBatch: 4, learningRate: 1, steps: 4 }';

async function planOf(text: string) {
  const path = join(await makeFolder(), 'plan.yaml');
  await writeFile(path, text);
  return planSweep(path);
}

describe('a sweep', () => {
  it('makes every combination of the grid, seed by seed', async () => {
    const { plan, runs } = await planOf(
      `title: Rates\n${base}\ngrid:\n  learningRate: [0.1, 1]\n  microBatch: [2, 4, 8]\nseeds: [3, 4]\n`,
    );
    expect(plan.title).toBe('Rates');
    expect(plan.keys).toEqual(['learningRate', 'microBatch']);
    expect(plan.combinations.map(({ values }) => values.join(' '))).toEqual([
      '0.1 2',
      '0.1 4',
      '0.1 8',
      '1 2',
      '1 4',
      '1 8',
    ]);
    expect(runs).toHaveLength(12);
    expect(runs.map(({ config }) => config.seed)).toEqual([...Array(6).fill(3), ...Array(6).fill(4)]);
    expect(runs[1]).toMatchObject({
      label: 'learningRate 0.1, microBatch 4, seed 3',
      config: { learningRate: 0.1, microBatch: 4, batch: 8, steps: 4 },
    });
  });

  it('takes a value that is written in several ways once, and a seed that is given twice', async () => {
    const { plan, runs } = await planOf(
      `${base}\ngrid: { learningRate: [1e-3, 1E-3, 0.001, 1.0, 1], steps: [4, 4] }\nseeds: [1, 0, 1]\n`,
    );
    expect(plan.combinations.map(({ values }) => values)).toEqual([
      ['0.001', '4'],
      ['1', '4'],
    ]);
    expect(plan.combinations[0].runs.map(({ seed }) => seed)).toEqual([1, 0]);
    expect(runs).toHaveLength(4);
    await expect(planOf(`${base}\ngrid: { steps: [4, 4] }\n`)).rejects.toThrow(
      'there is one combination only',
    );
    // Keys of a list in another order are the same combination.
    await expect(planOf(`${base}\nlist: [{ steps: 4, seed: 1 }, { seed: 1, steps: 4 }]\n`)).rejects.toThrow(
      'there is one combination only',
    );
  });

  it('goes along a list, crossed with the grid, and reaches nested keys', async () => {
    const { plan, runs } = await planOf(
      `${base}\ngrid: { selection: [held-out], norms.hold: [5, 10] }\nlist:\n` +
        '  - { method: ExterGraft, norms: { run: /runs/sb-0123456789ab } }\n' +
        '  - { method: ExterGraft, norms: { run: /runs/sb-0123456789ab }, steps: 8 }\n',
    );
    expect(plan.keys).toEqual(['method', 'norms', 'selection', 'norms.hold', 'steps']);
    expect(runs.map(({ config }) => [config.norms?.hold, config.steps])).toEqual([
      [5, 4],
      [10, 4],
      [5, 8],
      [10, 8],
    ]);
  });

  it('takes a preset, and makes equal configurations once', async () => {
    const { plan, runs } = await planOf(
      'preset: optdigits-resnet-gn\nlist: [{ lambda: 0.05 }, { steps: 160 }, { lambda: 0.1 }]\n',
    );
    expect(plan.combinations).toHaveLength(3);
    expect(runs).toHaveLength(2);
    expect(runs[0].config).toMatchObject({ method: 'GN', lambda: 0.05 });
  });

  it.each([
    [
      'an unknown key of the plan',
      `${base}\ngird: { steps: [1, 2] }`,
      /plan\.yaml: "gird" is not a key; did you mean "grid"\?/,
    ],
    [
      'an unknown key in the grid',
      `${base}\ngrid: { learningrat: [1, 2] }`,
      /plan\.yaml, grid: "learningrat" .*"learningRate"\?/,
    ],
    [
      'an unknown key in the list',
      `${base}\nlist: [{ steps: 1 }, { stepz: 2 }]`,
      /plan\.yaml, list\[1\]: "stepz" .*"steps"\?/,
    ],
    [
      'an unknown key in the base',
      'base: { lamda: 1 }\ngrid: { steps: [1, 2] }',
      /plan\.yaml, base: "lamda" .*"lambda"\?/,
    ],
    [
      'a grid without a list',
      `${base}\ngrid: { steps: 4 }`,
      /plan\.yaml: grid.steps should be a mapping of keys to lists/,
    ],
    [
      'a value that cannot be',
      `${base}\ngrid: { steps: [1, -2] }`,
      /plan\.yaml.*steps should be a whole number of 1 or more.*-2/,
    ],
    [
      'an unknown preset',
      'preset: optdigits-resnet-gm\ngrid: { steps: [1, 2] }',
      /did you mean "optdigits-resnet-gn"\?/,
    ],
    ['nothing to compare', base, /one combination only; give grid or list/],
    [
      'seeds that are none',
      `${base}\ngrid: { steps: [1, 2] }\nseeds: [a]`,
      /plan\.yaml: seeds.* should be a list of whole numbers/,
    ],
    [
      'more runs than anyone waits for',
      `${base}\ngrid: { ${['steps', 'seed', 'batch', 'microBatch', 'learningRate'].map((key) => `${key}: [1, 2, 3, 4, 5, 6]`)} }`,
      /plan\.yaml: grid, list and seeds make 1 × 6 × 6 × 6 × 6 × 6 × 1 = 7776 runs, but at most 1000/,
    ],
    [
      'a key that would be lost',
      `${base}\ngrid: { steps: [1, 2], __proto__: [1, 2] }`,
      /plan\.yaml: .* a key cannot be named __proto__\.$/,
    ],
    ['text that is not YAML', 'base: {', /plan\.yaml: this is not YAML/],
  ])('refuses %s', async (_, text, message) => {
    await expect(planOf(text)).rejects.toThrow(message);
  });

  it('is reported with all combinations, the best in validation first', async () => {
    const root = await makeFolder();
    const { plan, runs } = await planOf(
      `title: Rates\n${base}\ngrid: { learningRate: [0.1, 0.5, 1] }\nseeds: [0, 1]\n`,
    );
    await writePlan(root, plan);
    for (const run of runs) {
      const { learningRate, seed } = run.config;
      const accuracy = { 0.1: 60, 0.5: 80, 1: 70 }[learningRate] ?? 0;
      await putRun(root, run, {
        accuracy: accuracy + seed,
        status: learningRate === 1 && seed === 1 ? 'diverged' : 'finished',
      });
    }
    const { text, files } = await writeReport(root);
    expect(text).toContain('# Rates');
    expect(text).toContain('Best in validation: learningRate 0.5, with a test accuracy of 80.50 ± 6.35 %.');
    const rows = text.split('\n').filter((line) => /^\| *[\d.]+ \|/.test(line));
    expect(rows.map((row) => row.split('|')[1].trim())).toEqual(['0.5', '1', '0.1']);
    expect(rows[1]).toContain('1 (1 diverged)');
    expect(files).toEqual(expect.arrayContaining(['tables/combinations.csv', 'figures/sweep.svg']));
    expect(await readFile(join(root, 'report', 'tables/combinations.csv'), 'utf8')).toContain('0.5,80.5,');
  });
});
