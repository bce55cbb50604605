/** `regrad demo`, the main job: the paper's comparison at a size for two cores, with its table and figure. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { comparisonFigure, comparisonReport } from '../experiments/comparison-report.ts';
import { loadDataset } from '../experiments/data/load-dataset.ts';
import { type ComparisonConfig, quickComparison, runComparison } from '../experiments/main-comparison.ts';
import { createProgress } from '../experiments/progress.ts';
import { recordEnvironment, withRunFolder } from '../experiments/run-folder.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { parseCount } from './numbers.ts';

interface Options extends AdapterOptions {
  readonly out?: string;
  readonly seeds: number;
  readonly steps?: number;
}

export function addDemo(program: Command): void {
  const [tune, noTune] = tuneOptions();
  program
    .command('demo')
    .description('Compare SB, LB, GN, FT, AJ and UJ on real data: some minutes on two cores.')
    .option('--out <folder>', 'where the results go (default: runs/main-TIME)')
    .option('--seeds <count>', 'runs of each method', parseCount, quickComparison.seeds.length)
    .option('--steps <count>', 'updates of each run', parseCount)
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .action(demo);
}

async function demo(options: Options): Promise<void> {
  const { out, seeds, steps = quickComparison.steps } = options;
  const config: ComparisonConfig = {
    ...quickComparison,
    steps,
    evaluateEvery: Math.max(1, Math.floor((quickComparison.evaluateEvery * steps) / quickComparison.steps)),
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
  };
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  const folder = out ?? join('runs', `main-${time}`);
  const dataset = await loadDataset(config.data);
  const { device } = await useAdapter(options);
  const report = await withRunFolder(folder, async (run) => {
    await run.writeJson('config.json', config);
    const keepEnvironment = await recordEnvironment(run);
    const progress = createProgress({ total: 1000, label: 'main comparison' });
    try {
      const runs = await runComparison(config, dataset, {
        onProgress: (done, total, note) => progress.update(Math.floor((1000 * done) / total), note),
        onPoint: async (method, seed, point) => {
          await run.append('metrics.jsonl', { method, seed, ...point });
          await keepEnvironment();
        },
      });
      const results = runs.map(({ method, seed, result: { points: _, ...result } }) => ({
        method,
        seed,
        ...result,
      }));
      await keepEnvironment();
      await run.writeJson('results.json', results);
      await run.write('figure.svg', comparisonFigure(config, runs));
      const text = comparisonReport(config, runs, device.name);
      await run.write('report.md', text);
      return text;
    } finally {
      progress.stop();
    }
  });
  console.log(
    `${report}\nSaved in ${folder}: report.md, figure.svg, metrics.jsonl, results.json, config.json, environment.json.`,
  );
}
