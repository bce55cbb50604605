/** `regrad runs [DIR]`: what runs there are, or two of them side by side. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { configHash, type RunConfig } from '../experiments/config.ts';
import { differingKeys } from '../experiments/run-comparison.ts';
import {
  listRunsBelow,
  type RunRecord,
  readRun,
  type SoundRun,
  type StoredResult,
} from '../experiments/run-store.ts';
import { mean } from '../experiments/statistics.ts';
import { formatTable } from '../experiments/table.ts';

interface Options {
  readonly compare?: readonly string[];
  readonly json?: boolean;
}

export function addRuns(program: Command): void {
  program
    .command('runs')
    .description('List the runs in a folder and in those below it, or compare two.')
    .argument('[folder]', 'where run folders are', 'runs')
    .option('--compare <run...>', 'two runs: by which keys they differ, and their results side by side')
    .option('--json', 'print JSON, one line for each run, or one object for a comparison')
    .action(runs);
}

async function runs(root: string, { compare, json = false }: Options): Promise<void> {
  if (compare !== undefined) return comparison(root, compare, json);
  const found = await listRunsBelow(root);
  if (json) for (const run of found) console.log(JSON.stringify(summary(run)));
  else if (found.length === 0) console.log(`There are no runs in ${root}.`);
  else console.log(formatTable(columns, found.map(row)));
  for (const run of found)
    if (run.status === 'damaged') console.error(`warning: ${run.folder}: ${run.problem}`);
}

const columns = [
  'begun',
  'method',
  'model',
  'data',
  'rate',
  'λ',
  'seed',
  'status',
  'steps',
  'test, %',
  'norm²',
  'folder',
];

function row(run: RunRecord): (string | number)[] {
  if (run.status === 'damaged') {
    const known: Readonly<Record<string, string>> = { status: run.status, folder: run.folder };
    return columns.map((name) => known[name] ?? '');
  }
  const { config, status, points, result, folder, environment } = run;
  return [
    begunAt(environment),
    config.method,
    modelName(config),
    config.data,
    config.learningRate,
    config.lambda === 0 ? '' : config.lambda,
    config.seed,
    status,
    `${points.at(-1)?.step ?? 0} of ${config.steps}`,
    result && status === 'finished' ? (100 * result.testAccuracy).toFixed(2) : '',
    points.length === 0 ? '' : mean(points.map((point) => point.microGradientNorm2)).toPrecision(3),
    folder,
  ];
}

/** The minute in which a run was begun, in this machine's time: 2026-11-25 15:16. */
function begunAt({ startedAt }: SoundRun['environment']): string {
  const date = new Date(String(startedAt));
  const local = new Date(date.getTime() - 60_000 * date.getTimezoneOffset());
  return Number.isNaN(date.getTime()) ? '' : local.toISOString().slice(0, 16).replace('T', ' ');
}

function modelName({ model }: RunConfig): string {
  return typeof model === 'string' ? model : `${model.family} (described)`;
}

function summary(run: RunRecord): Record<string, unknown> {
  if (run.status === 'damaged') return { ...run };
  const { folder, status, config, points, result } = run;
  return { folder, status, hash: configHash(config), step: points.at(-1)?.step ?? 0, config, result };
}

async function comparison(root: string, names: readonly string[], json: boolean): Promise<void> {
  if (names.length !== 2) throw new Error(`--compare takes two runs, but ${names.length} were named.`);
  const [a, b] = [await soundRun(root, names[0]), await soundRun(root, names[1])];
  const keys = differingKeys(a.config, b.config);
  const steps = commonSteps(a, b);
  if (json) {
    const validation = steps.map(([p, q]) => ({
      step: p.step,
      a: p.validationAccuracy,
      b: q.validationAccuracy,
    }));
    console.log(JSON.stringify({ a: summary(a), b: summary(b), keys, validation }));
    return;
  }
  console.log(`a: ${a.folder} (${a.status})\nb: ${b.folder} (${b.status})\n`);
  if (keys.length === 0) console.log('The configurations are the same.\n');
  else
    console.log(
      `${formatTable(
        ['key', 'a', 'b'],
        keys.map(({ key, a: x, b: y }) => [key, shown(x), shown(y)]),
      )}\n`,
    );
  if (a.result && b.result)
    console.log(`${formatTable(['result', 'a', 'b', 'a - b'], results(a.result, b.result))}\n`);
  if (steps.length > 0) {
    const difference = mean(steps.map(([p, q]) => 100 * (p.validationAccuracy - q.validationAccuracy)));
    console.log(
      `Validation accuracy, on average over ${steps.length} steps that both evaluated: a - b = ${difference.toFixed(2)} points.`,
    );
  }
}

/** A run by the path of its folder, or by its name below `root`. */
async function soundRun(root: string, name: string): Promise<SoundRun> {
  const run = await readRun(existsSync(name) ? name : join(root, name));
  if (run.status === 'damaged') throw new Error(run.problem);
  return run;
}

function commonSteps(a: SoundRun, b: SoundRun) {
  return a.points.flatMap((p) => {
    const q = b.points.find(({ step }) => step === p.step);
    return q ? [[p, q] as const] : [];
  });
}

function results(a: StoredResult, b: StoredResult): string[][] {
  const line = (name: string, x: number, y: number, digits: number) => [
    name,
    x.toFixed(digits),
    y.toFixed(digits),
    (x - y).toFixed(digits),
  ];
  return [
    line('test accuracy, %', 100 * a.testAccuracy, 100 * b.testAccuracy, 2),
    line('final test accuracy, %', 100 * a.finalTestAccuracy, 100 * b.finalTestAccuracy, 2),
    line('validation accuracy, %', 100 * a.bestValidationAccuracy, 100 * b.bestValidationAccuracy, 2),
    line('best step', a.bestStep, b.bestStep, 0),
    line('average gradient norm²', a.averageMicroGradientNorm2, b.averageMicroGradientNorm2, 4),
    line('seconds', a.seconds, b.seconds, 1),
  ];
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
