/** What people type wrong after reproduce, sweep and report: a sentence before anything is computed or written. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addReport } from '../src/cli/report.ts';
import { addReproduce } from '../src/cli/reproduce.ts';
import { addSweep } from '../src/cli/sweep.ts';
import { planReproduction } from '../src/experiments/reproduce.ts';
import { writePlan } from '../src/experiments/run-plan.ts';
import { refusal } from './command-line.ts';
import { makeFolder, put } from './data-files.ts';

const grid = 'preset: optdigits-resnet-lb\ngrid: { steps: [1, 2] }\n';

describe('refused are', () => {
  it('an experiment, a scale, seeds and jobs that are none', async () => {
    const reproduce = (...args: string[]) => refusal(addReproduce, ['reproduce', ...args]);
    expect(await reproduce('everything')).toContain(
      'Allowed choices are main, figure1, large, sample, graft, all.',
    );
    expect(await reproduce('main', '--scale', 'huge')).toContain('Allowed choices are quick, small, paper.');
    expect(await reproduce('main', '--seeds', '0')).toContain('Expected a whole number of 1 or more.');
    expect(await reproduce('main', '--jobs', 'all')).toContain('Expected a whole number of 1 or more.');
  });

  it('data that a scale has no use for', async () => {
    const folder = join(await makeFolder(), 'runs');
    const text = await refusal(addReproduce, [
      'reproduce',
      'main',
      '--scale',
      'small',
      '--data',
      'mnist:/x',
      '--out',
      folder,
    ]);
    expect(text).toContain("it has no use for 'mnist'");
    await expect(readdir(folder)).rejects.toThrow('ENOENT');
  });

  it('a folder that is for something else', async () => {
    const root = await makeFolder();
    const { plan } = planReproduction({
      ids: ['main'],
      scale: 'quick',
      seeds: [0],
      data: [],
      selection: 'held-out',
      root,
    });
    await writePlan(root, plan);
    await put(root, 'sweep.yaml', grid);
    expect(await refusal(addSweep, ['sweep', join(root, 'sweep.yaml'), '--out', root])).toBe(
      `${root} holds experiments of the paper; give --out another folder for the sweep.`,
    );
    const combination = { values: ['1'], runs: [{ seed: 0, name: 'lb-0123456789ab' }] };
    await writePlan(root, { kind: 'sweep', title: 'Rates', keys: ['steps'], combinations: [combination] });
    const kept = await readFile(join(root, 'plan.json'), 'utf8');
    expect(await refusal(addSweep, ['sweep', join(root, 'sweep.yaml'), '--out', root])).toMatch(
      /holds a report of the sweep "Rates" with 1 of its 1 combinations, .* It is kept: give --out another folder\.$/,
    );
    expect(await readFile(join(root, 'plan.json'), 'utf8')).toBe(kept);
    await writePlan(root, { kind: 'sweep', title: 'Rates', keys: [], combinations: [] });
    expect(await refusal(addReproduce, ['reproduce', 'main', '--out', root])).toBe(
      `${root} holds a sweep, "Rates"; give --out another folder.`,
    );
  });

  it('a plan that is not there, and a folder without one', async () => {
    const root = await makeFolder();
    expect(await refusal(addSweep, ['sweep', join(root, 'no.yaml')])).toMatch(
      /no\.yaml: there is no such file/,
    );
    expect(await refusal(addReport, ['report', root])).toContain(`There is no plan.json in ${root}`);
  });
});
