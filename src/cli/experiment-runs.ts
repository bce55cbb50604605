/** What demo, reproduce and sweep have in common: the cost, the runs, the report. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  costTable,
  measureRates,
  type Rates,
  type RunCost,
  secondsOf,
  secondsOfFinished,
  workOf,
} from '../experiments/cost.ts';
import { loadDataset } from '../experiments/data/load-dataset.ts';
import { createFolder } from '../experiments/files.ts';
import { formatSeconds } from '../experiments/progress.ts';
import { writeReport } from '../experiments/report.ts';
import { createRunDisplay } from '../experiments/run-display.ts';
import { type Plan, type PlannedRun, writePlan } from '../experiments/run-plan.ts';
import { listRuns, readRun, type SoundRun } from '../experiments/run-store.ts';
import { makeRuns, type RunOutcome } from '../experiments/runner.ts';
import { forOutput } from '../experiments/terminal-text.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { interrupted, listenForInterruption } from './interruption.ts';
import { parseCount } from './numbers.ts';
import { ownCommand } from './own-command.ts';

export interface RunsOptions extends AdapterOptions {
  readonly jobs: number;
  readonly plan?: boolean;
}

/** The options of every verb that makes runs. */
export function addRunsOptions(command: Command): Command {
  const [tune, noTune] = tuneOptions();
  return command
    .option(
      '--jobs <count>',
      'runs at once, each a process of its own; the numbers are the same. A software adapter uses every core for one run',
      parseCount,
      1,
    )
    .option('--plan', 'show the runs and what they will cost, and make none')
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .addHelpText(
      'after',
      '\nRuns that are done are skipped, and interrupted ones continued: repeat the command.\n' +
        'Exit codes: 0 done, 1 a run failed (the others are made), 130 interrupted, 2 wrong usage.',
    );
}

/** On a software adapter a large network is timed on few images. */
const softwareImages = 16;

/**
 * Shows what the runs cost, makes them, writes the report in `root/report`, and prints it. With `--plan` it stops after the cost.
 * Throws a sentence if a run failed.
 */
export async function makePlannedRuns(
  root: string,
  plan: Plan,
  runs: readonly PlannedRun[],
  options: RunsOptions,
): Promise<void> {
  const costs = await costsOf(root, runs, options);
  console.error(`\n${costTable(costs, options.jobs)}\n`);
  if (options.plan) return;
  createFolder(root);
  await writePlan(root, plan);
  const outcomes = await withInterrupt((signal) => makeAll(root, runs, costs, options, signal));
  const { text, folder, files } = await writeReport(root);
  const count = (outcome: RunOutcome['outcome']) =>
    outcomes.filter((each) => each.outcome === outcome).length;
  if (count('interrupted') + count('not started') > 0) {
    console.error(
      `Interrupted: ${count('finished') + count('diverged')} of ${runs.length} runs are done; their report is in ${folder}. ` +
        `Continue with the same command: ${ownCommand(process.argv.slice(2))}`,
    );
    process.exitCode = interrupted;
    return;
  }
  console.log(`${forOutput(text)}\nSaved in ${folder}: ${files.join(', ')}.`);
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
  if (failed.length > 0) {
    const problems = failed.map(({ run, problem }) => `${run.label}: ${problem}`);
    throw new Error(`${failed.length} of ${runs.length} runs failed. ${problems.join(' ')}`);
  }
}

/** Runs done before cost what they took; the others what is measured now. */
async function costsOf(root: string, runs: readonly PlannedRun[], options: RunsOptions): Promise<RunCost[]> {
  const records = existsSync(root) ? await listRuns(root) : [];
  const done = records.flatMap((record) =>
    record.status === 'finished' || record.status === 'diverged' ? [record] : [],
  );
  const names = new Set(done.map(({ folder }) => resolve(folder)));
  const isFinished = ({ name }: PlannedRun) => names.has(resolve(root, name));
  let limit: number | undefined;
  const rates = new Map<string, Promise<{ rates: Rates; testImages: number }>>();
  const measured = async ({ config }: PlannedRun) => {
    const key = JSON.stringify([config.model, config.data]);
    if (limit === undefined) {
      const { adapter } = await useAdapter(options);
      limit = adapter.kind === 'hardware' ? Infinity : softwareImages;
      console.error('Measuring images a second for the cost of the runs.');
    }
    const most = limit;
    const known =
      rates.get(key) ??
      loadDataset(config.data).then(async (dataset) => ({
        rates: await measureRates(config, dataset, most),
        testImages: dataset.test.count,
      }));
    rates.set(key, known);
    return known;
  };
  const costs: RunCost[] = [];
  for (const run of runs) {
    const { config } = run;
    const known = secondsOfFinished(config, done);
    const calibration = known === undefined ? await measured(run) : undefined;
    const testImages = config.testImages ?? calibration?.testImages ?? 0;
    costs.push({
      run,
      images: config.steps * config.batch,
      seconds: known ?? (calibration ? secondsOf(workOf(config, testImages), calibration.rates) : 0),
      isFinished: isFinished(run),
    });
  }
  return costs;
}

async function makeAll(
  root: string,
  runs: readonly PlannedRun[],
  costs: readonly RunCost[],
  { jobs, adapter, tune }: RunsOptions,
  signal: AbortSignal,
): Promise<RunOutcome[]> {
  const weights = new Map(costs.map(({ run, seconds }) => [run.name, seconds]));
  const display = createRunDisplay({ runs, weight: ({ name }) => weights.get(name) ?? 0 });
  const ended: Promise<void>[] = [];
  try {
    return await makeRuns(runs, {
      root,
      jobs,
      signal,
      command: [process.execPath, ...process.execArgv, process.argv[1]],
      trainOptions: [
        ...(adapter === undefined ? [] : ['--adapter', adapter]),
        ...(tune === undefined ? [] : [tune ? '--tune' : '--no-tune']),
      ],
      onSkip: (run) => display.skipped(run),
      onStart: (run) => display.started(run),
      onProgress: (run, progress) => display.progress(run, progress),
      onEnd: (outcome) => {
        ended.push(noteOf(root, outcome).then((note) => display.ended(outcome, note)));
      },
    });
  } finally {
    await Promise.all(ended);
    display.stop();
  }
}

async function noteOf(root: string, { run }: RunOutcome): Promise<string> {
  const record = await readRun(`${root}/${run.name}`);
  const result: SoundRun['result'] = record.status === 'damaged' ? undefined : record.result;
  return result ? `test ${(100 * result.testAccuracy).toFixed(2)} %, ${formatSeconds(result.seconds)}` : '';
}

/** Interrupted once, the runs under way save and end; twice, everything ends at once: runs end with us. */
async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = listenForInterruption(() =>
    console.error(
      '\nInterrupting: the runs under way finish their step and save it; once more ends at once.',
    ),
  );
  try {
    return await work(interruption.signal);
  } finally {
    interruption.stop();
  }
}

export function seedsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, seed) => seed);
}

export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
