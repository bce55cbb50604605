/** Reports out of folders of made-up runs. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOMParser } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { experimentIds } from '../src/experiments/paper/experiment.ts';
import { writeReport } from '../src/experiments/report.ts';
import { planReproduction } from '../src/experiments/reproduce.ts';
import { type PlannedRun, writePlan } from '../src/experiments/run-plan.ts';
import { makeFolder } from './data-files.ts';
import { type Outcome, putRun } from './made-up-runs.ts';

/** By row; the seeds differ by what is added to all. */
const accuracies: Readonly<Record<string, number>> = { SB: 90, LB: 80, GN: 88, FT: 87, AJ: 81, UJ: 82 };

function outcome({ label }: PlannedRun, seed: number): Outcome {
  const [row] = label.split(', ');
  return { accuracy: (accuracies[row] ?? 84) + seed, early: 3, late: 0.5 };
}

/** A folder with the plan and the runs of all experiments, but for those that `changed` has something else for. */
async function makeRuns(
  changed: (run: PlannedRun) => Outcome | 'missing' | undefined = () => undefined,
): Promise<{ root: string; runs: readonly PlannedRun[] }> {
  const root = await makeFolder();
  const options = {
    ids: experimentIds,
    scale: 'quick',
    seeds: [0, 1, 2],
    data: [],
    selection: 'held-out',
    root,
  } as const;
  const { plan, runs } = planReproduction(options);
  await writePlan(root, plan);
  for (const run of runs) {
    const found = changed(run) ?? outcome(run, run.config.seed);
    if (found !== 'missing') await putRun(root, run, found);
  }
  return { root, runs };
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.includes('.'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'base64')));
  return Object.fromEntries(files.map((name, at) => [name, texts[at]]).sort());
}

describe('the report', () => {
  it('says of the settings what ran', async () => {
    const root = await makeFolder();
    const { plan } = planReproduction({
      ...{ ids: ['main', 'figure1', 'large'], scale: 'quick', seeds: [0], data: ['mnist:/images'] },
      ...{ selection: 'held-out', root, steps: 1234 },
    });
    await writePlan(root, plan);
    const { text, folder } = await writeReport(root);
    const settings =
      'ResNet[4,8]/mnist on 100 images, |B| = 48 and |M| = 16 unless a row has its own, 1,234 updates; ';
    expect(text.split(`Here: ${settings}`)).toHaveLength(3);
    expect(text).not.toMatch(/160 updates|8 x 8/);
    const subtitle = async (figure: string) =>
      /ResNet\[4,8\]\/mnist, .*?;/.exec(
        await readFile(join(folder, 'figures', `${figure}.svg`), 'utf8'),
      )?.[0];
    expect(await subtitle('figure-1')).toBe('ResNet[4,8]/mnist, |B| = 48 (SB: 16), |M| = 16;');
    expect(await subtitle('large-micro-batch')).toBe('ResNet[4,8]/mnist, |B| = 48 (SB: 16), |M| = 16, 24;');
  });

  it('is complete, and the same when it is made anew from the folders alone', async () => {
    const { root } = await makeRuns();
    const { text, folder } = await writeReport(root);
    expect(folder).toBe(join(root, 'report'));
    const first = await contents(folder);
    const tables = ['main', 'large-micro-batch', 'sample-micro-batch', 'grafting', 'hypotheses', 'runs'];
    const figures = ['figure-1', 'large-micro-batch', 'sample-micro-batch', 'grafting'];
    expect(Object.keys(first)).toEqual(
      [
        'report.md',
        ...tables.flatMap((name) => ['csv', 'md', 'tex'].map((kind) => `tables/${name}.${kind}`)),
        ...figures.flatMap((name) => ['png', 'svg'].map((kind) => `figures/${name}.${kind}`)),
      ].sort(),
    );
    expect(text).toBe(await readFile(join(folder, 'report.md'), 'utf8'));
    for (const name of figures) {
      expect(text).toContain(`(figures/${name}.svg)`);
      const svg = await readFile(join(folder, `figures/${name}.svg`), 'utf8');
      expect(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement.tagName).toBe('svg');
      expect(svg).not.toMatch(/NaN|undefined/);
      expect((await readFile(join(folder, `figures/${name}.png`))).subarray(1, 4).toString()).toBe('PNG');
    }
    // Somewhere else, without the report, and without anything that the first call may have left in memory or beside.
    const copy = join(await makeFolder(), 'copy');
    await cp(root, copy, { recursive: true });
    await rm(join(copy, 'report'), { recursive: true });
    await writeReport(copy);
    expect(await contents(join(copy, 'report'))).toEqual(first);
    expect(await readdir(copy)).toEqual(expect.not.arrayContaining([expect.stringContaining('partial')]));
  });

  it('has every row with accuracy, interval, difference to LB, n and the number of the README', async () => {
    const { root } = await makeRuns();
    const { text } = await writeReport(root);
    const cells = (row: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`| ${row} `))
        .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    // Accuracies 88, 89, 90: mean 89, deviation 1, half width 4.303 / sqrt(3) = 2.48; the difference is the same for each seed.
    expect(cells('GN')[0].slice(1, -1)).toEqual([
      'GN',
      '48',
      '16',
      '1',
      '0.05',
      '89.00 ± 2.48',
      '+8.00 ± 0.00',
      '1.750 ± 0.000',
      '3',
      '91.75',
      '+1.92',
    ]);
    // The end of training beside the best checkpoint where the README has both.
    expect(cells('\\|S\\| = 8')[0]).toEqual(
      expect.arrayContaining([
        '85.00 ± 2.48',
        '84.00 ± 2.48',
        '77.34',
        '76.57',
        'VGG-11/CIFAR-10, \\|S\\| = 50',
      ]),
    );
    expect(text).toMatch(
      /^† The README labels this row ResNet-18\/CIFAR-10\. It is almost certainly CIFAR-100/m,
    );
    expect(text).toContain('Numbers beside are from the README of the official code');
    expect(text).toContain('42 of 42 runs are done; they took 1 min 24 s in all, added up on made-up device');
    for (const id of ['H0', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'H7', 'H8']) {
      expect(text).toMatch(new RegExp(`^- ${id} \\*\\*`, 'm'));
    }
    expect(text).not.toMatch(/undefined|NaN|Infinity/);
  });

  it('tells runs that diverged, are missing or damaged, and leaves them out of the numbers', async () => {
    const { root, runs } = await makeRuns(({ label }) => {
      if (label === 'UJ, seed 1') return { accuracy: 10, status: 'diverged' };
      return label === 'AJ, seed 2' ? 'missing' : undefined;
    });
    const damaged = runs.find(({ label }) => label === 'FT, seed 0')?.name ?? '';
    await writeFile(join(root, damaged, 'result.json'), '{ "status": ');
    const { text } = await writeReport(root);
    const row = (name: string) => text.split('\n').find((line) => line.startsWith(`| ${name} `)) ?? '';
    expect(row('UJ')).toContain(' 2 (1 diverged) |');
    expect(row('AJ')).toContain(' 2 (1 not finished) |');
    expect(row('FT')).toContain(' 2 (1 not finished) |');
    expect(text).toMatch(/^- uj-[0-9a-f]{12}: UJ, seed 1, diverged at update 4\.$/m);
    expect(text).toMatch(/^- 1 not begun\.$/m);
    expect(text).toMatch(new RegExp(`^- ${damaged}: damaged\\. .*result\\.json`, 'm'));
  });

  it('is made of no runs at all too, and says so', async () => {
    const { root } = await makeRuns(() => 'missing');
    const { text } = await writeReport(root);
    expect(text).toContain('0 of 42 runs are done');
    expect(text).not.toMatch(/undefined|NaN|Infinity/);
  });

  it('is refused for a folder without a plan, or with a damaged one', async () => {
    const root = await makeFolder();
    await expect(writeReport(root)).rejects.toThrow(`There is no plan.json in ${root}; name a folder`);
    await writeFile(join(root, 'plan.json'), '{ "kind": "reproduce" }');
    await expect(writeReport(root)).rejects.toThrow(/plan\.json is not as regrad writes it/);
  });
});
