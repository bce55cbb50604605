/** `regrad bench`: kernels and steps, checked, timed, and held against what the device can do. */
import type { Command } from 'commander';
import type { BenchOptions } from '../../bench/run.ts';
import { adapterOption } from './adapter.ts';
import { parseCount, parsePositive } from './numbers.ts';

type Options = Omit<BenchOptions, 'filter'>;

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('Check and time kernels and training steps, as shares of what the device can do at most.')
    .argument('[filter]', 'part of the names of the cases to run, or a module with a kernel of your own')
    .addOption(adapterOption())
    .option('--seconds <number>', 'time for the samples of each case', parsePositive, 1)
    .option('--all', 'run also without a GPU what takes minutes there')
    .option(
      '--runs <count>',
      'times to measure everything; --compare names changes where both sides have several (default: as many as the file ' +
        'to compare with has, else 1)',
      parseCount,
    )
    .option('--compare <file>', 'print ratios to an earlier run, from its JSON lines')
    .option('--out <file>', 'write JSON lines, one for each result')
    .option('--json', 'print the JSON lines in place of the tables')
    .option('--svg <file>', 'draw the roofline with the kernels under it')
    .action(bench);
}

async function bench(filter: string | undefined, options: Options): Promise<void> {
  // Loaded when needed, so that the other verbs start as fast without it.
  const { runBench } = await import('../../bench/run.ts');
  await runBench({ filter, ...options });
}
