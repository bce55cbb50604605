/** `regrad demo`, the main job: the paper's main comparison at a size for two cores, with its table and figure. */
import type { Command } from 'commander';
import { addRunsOptions, type RunsOptions } from './experiment-runs.ts';
import { parseCount } from './numbers.ts';
import { reproduceExperiments } from './reproduce.ts';

interface Options extends RunsOptions {
  readonly out?: string;
  readonly seeds: number;
  readonly steps?: number;
}

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('Compare SB, LB, GN, FT, AJ and UJ on real data: some minutes on two cores.')
    .option(
      '--out <folder>',
      'the folder of the runs and their report (default: runs/quick, or runs/quick-COUNT-steps)',
    )
    .option('--seeds <count>', 'runs of each method', parseCount, 3)
    .option('--steps <count>', 'updates of each run', parseCount);
  addRunsOptions(command).action(demo);
}

/** Its runs are those of `regrad reproduce main --scale quick`, which goes on from here. */
async function demo(options: Options): Promise<void> {
  await reproduceExperiments(['main', 'figure1'], {
    ...options,
    scale: 'quick',
    data: [],
    selection: 'held-out',
  });
}
