/** `regrad sweep`: a grid or a list of configurations, with the runner and the folders of everything else. */
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { readPlan } from '../experiments/run-plan.ts';
import { planSweep } from '../experiments/sweep.ts';
import { addRunsOptions, makePlannedRuns, type RunsOptions } from './experiment-runs.ts';

interface Options extends RunsOptions {
  readonly out?: string;
}

export function addSweep(program: Command): void {
  const command = program
    .command('sweep')
    .description('Train every combination of a grid or a list of settings, and compare them.')
    .argument('<plan>', 'a YAML file with base or preset, grid or list, and seeds')
    .option(
      '--out <folder>',
      'the folder of the runs and their report (default: runs/ and the name of the plan)',
    );
  addRunsOptions(command).action(sweep);
}

async function sweep(path: string, options: Options): Promise<void> {
  const { plan, runs } = await planSweep(path);
  const root = options.out ?? `runs/${basename(path, extname(path))}`;
  const earlier = await readPlan(root);
  if (earlier?.kind === 'reproduce') {
    throw new Error(`${root} holds experiments of the paper; give --out another folder for the sweep.`);
  }
  const names = new Set(runs.map(({ name }) => name));
  const lost = (earlier?.combinations ?? []).filter((each) => each.runs.some(({ name }) => !names.has(name)));
  if (earlier && lost.length > 0) {
    throw new Error(
      `${root} holds a report of the sweep "${earlier.title}" with ${lost.length} of its ` +
        `${earlier.combinations.length} combinations, or some of their seeds, not in ${path}. It is kept: give --out another folder.`,
    );
  }
  await makePlannedRuns(root, plan, runs, options);
}
