/** `regrad train`: one run with one method, in a folder of its own, begun or continued. */
import { type Command, Option } from 'commander';
import type { RunConfig } from '../experiments/config.ts';
import {
  type ConfigSource,
  configFrom,
  presetSource,
  readConfigFile,
  settingSource,
} from '../experiments/config-sources.ts';
import { loadDataset } from '../experiments/data/load-dataset.ts';
import { type Selection, selections } from '../experiments/data/protocol.ts';
import { methodNames } from '../experiments/methods.ts';
import { findRun, InterruptedRun, runInFolder } from '../experiments/run-in-folder.ts';
import { type RunInputs, runInputs } from '../experiments/run-inputs.ts';
import { readConfig, readPoints, runFolder, type StoredResult } from '../experiments/run-store.ts';
import type { RunPoint } from '../experiments/run-training.ts';
import { formatTable } from '../experiments/table.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { interrupted } from './interruption.ts';
import { parseAmount, parseCount, parsePositive, parseSeed } from './numbers.ts';
import { ownCommand } from './own-command.ts';
import { watchTraining } from './training-display.ts';

/** Keys of a configuration that have an option of their own. */
interface Shortcuts {
  readonly method?: string;
  readonly data?: string;
  readonly model?: string;
  readonly batch?: number;
  readonly microBatch?: number;
  readonly lr?: number;
  readonly lambda?: number;
  readonly steps?: number;
  readonly seed?: number;
  readonly evaluateEvery?: number;
  readonly measureBatches?: number;
  readonly trainImages?: number;
  readonly validationImages?: number;
  readonly selection?: Selection;
  readonly augment?: boolean;
  readonly checkpointEvery?: number;
}

interface Options extends AdapterOptions, Shortcuts {
  readonly preset?: string;
  readonly config?: string;
  readonly set: readonly string[];
  readonly runs: string;
  readonly out?: string;
  readonly resume?: string;
}

const exitCodes = `
Sources of the configuration, each over the one before: --preset, --config, the options, --set.
Exit codes: 0 done, 4 the loss was lost, 130 interrupted (a checkpoint is written first), 1 an error, 2 wrong usage.
The same command continues a run that was interrupted or killed, and leaves alone one that is done.`;

export function addTrain(program: Command): void {
  const [tune, noTune] = tuneOptions();
  program
    .command('train')
    .description('Train a model with one of the methods, and keep its metrics in a run folder.')
    .option('--preset <name>', 'a configuration by name, as optdigits-resnet-gn')
    .option('--config <file>', 'a YAML or JSON file with a configuration')
    .option('--set <key=value>', 'set one key, as norms.hold=10; may be repeated', collect, [])
    .addOption(
      new Option('--method <name>', 'the method').choices([...methodNames, ...methodNames.map(lower)]),
    )
    .option('--data <set>', 'optdigits, fashion-mnist, a fetched set (see regrad data list), or NAME:DIR')
    .option(
      '--model <name>',
      'resnet18, resnet34, vgg11, vgg16-bn, resnet[8,16] (stage widths) or mlp[64,32] (default: resnet[8,16])',
    )
    .option('--batch <count>', 'examples per update', parseCount)
    .option('--micro-batch <count>', 'examples per forward pass (default: the batch)', parseCount)
    .option('--lr <number>', 'learning rate', parsePositive)
    .option('--lambda <number>', 'weight of the penalty, for methods that have one', parseAmount)
    .option('--steps <count>', 'updates', parseCount)
    .option('--seed <number>', 'decides weights, order and draws (default: 0)', parseSeed)
    .option(
      '--evaluate-every <count>',
      'updates between evaluations (default: a tenth of the steps)',
      parseCount,
    )
    .option('--measure-batches <count>', 'micro-batches per gradient norm measured (default: 4)', parseCount)
    .option('--train-images <count>', 'use a class-balanced part of the training images', parseCount)
    .option('--validation-images <count>', 'training images held out (default: a fifth)', parseCount)
    .addOption(
      new Option(
        '--selection <images>',
        "select checkpoints on training images held out (default), or as the paper's released code does " +
          '(for CIFAR-10 on the official test images, and report on those held out)',
      ).choices(selections),
    )
    .option('--augment', 'random crops and flips (default: for CIFAR only)')
    .option('--no-augment', 'no random crops and flips')
    .option('--checkpoint-every <count>', 'updates between checkpoints (default: as evaluations)', parseCount)
    .option('--runs <folder>', 'where run folders are, each named by the hash of its configuration', 'runs')
    .option('--out <folder>', 'a run folder of another name')
    .option('--resume <folder>', 'continue the run in this folder, with its own configuration')
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .addHelpText('after', exitCodes)
    .action(train);
}

async function train(options: Options): Promise<void> {
  const config = options.resume === undefined ? await configOf(options) : await resumedConfig(options);
  const folder = options.resume ?? options.out ?? runFolder(options.runs, config);
  const known = await findRun(folder, config);
  if (known.result) {
    console.error(`${folder} is done already; nothing was trained.`);
    report(config, known.result, await readPoints(folder), folder);
    return;
  }
  const inputs = await runInputs(config, await loadDataset(config.data));
  await useAdapter(options, known.variants);
  const watch = watchTraining(config);
  try {
    const result = await runInFolder(folder, config, inputs, watch);
    watch.stop();
    report(config, result, await readPoints(folder), folder, inputs);
  } catch (error) {
    if (!(error instanceof InterruptedRun)) throw error;
    watch.stop();
    const again = ownCommand(['train', '--resume', folder]);
    console.error(`interrupted after step ${error.step}; continue with: ${again}`);
    process.exitCode = interrupted;
  } finally {
    watch.stop();
  }
}

async function resumedConfig({
  resume = '',
  out,
  preset,
  config,
  set,
  ...rest
}: Options): Promise<RunConfig> {
  const given = Object.keys(shortcutValues(rest));
  if (out !== undefined || preset !== undefined || config !== undefined || set.length + given.length > 0) {
    throw new Error(
      '--resume takes the configuration in the folder; leave out everything that would change it.',
    );
  }
  return readConfig(resume);
}

async function configOf({ preset, config, set, ...rest }: Options): Promise<RunConfig> {
  const sources: ConfigSource[] = [];
  if (preset !== undefined) sources.push(presetSource(preset));
  if (config !== undefined) sources.push(await readConfigFile(config));
  const values = shortcutValues(rest);
  if (Object.keys(values).length > 0) sources.push({ where: 'options', values });
  return configFrom([...sources, ...set.map(settingSource)]);
}

/** Options that are named as the keys of a configuration that they stand for. */
const sameNames = [
  'method',
  'data',
  'model',
  'batch',
  'microBatch',
  'lambda',
  'steps',
  'seed',
  'evaluateEvery',
  'measureBatches',
  'trainImages',
  'validationImages',
  'selection',
  'augment',
  'checkpointEvery',
] as const satisfies readonly (keyof Shortcuts)[];

/** The options that were given, by their keys. */
function shortcutValues(options: Shortcuts): Record<string, unknown> {
  const values = sameNames.map((name) => [name, options[name]]);
  return Object.fromEntries(
    [...values, ['learningRate', options.lr]].filter(([, value]) => value !== undefined),
  );
}

function report(
  config: RunConfig,
  result: StoredResult,
  points: readonly RunPoint[],
  folder: string,
  inputs?: RunInputs,
): void {
  if (result.status === 'diverged') {
    console.error(
      `diverged: the loss was ${points.at(-1)?.trainLoss} at step ${points.at(-1)?.step}; the run is kept in ${folder}. ` +
        'Try a smaller learning rate or lambda.',
    );
    process.exitCode = 4;
    return;
  }
  console.log(pointsTable(points, result));
  console.log(
    `test accuracy ${percent(result.testAccuracy)} (checkpoint of step ${result.bestStep}, validation ` +
      `${percent(result.bestValidationAccuracy)}), average micro-batch gradient norm squared ` +
      `${result.averageMicroGradientNorm2.toPrecision(3)}, ${result.seconds.toFixed(1)} s; in ${folder}`,
  );
  if (config.selection === 'official' && inputs) {
    const { validation, test } = inputs.images;
    console.log(`selected on: ${validation.name}; tested on: ${test.name}`);
  }
}

/** The run at a glance: a dozen evaluations, among them the best and the last. */
function pointsTable(points: readonly RunPoint[], { bestStep }: StoredResult): string {
  const stride = Math.ceil(points.length / 10);
  const shown = points.filter(
    ({ step }, at) => at % stride === 0 || step === bestStep || at === points.length - 1,
  );
  return formatTable(
    ['step', 'epoch', 'loss', 'validation, %', 'gradient norm²', 'update norm', 'images/s'],
    shown.map((point) => [
      point.step === bestStep ? `${point.step} (best)` : point.step,
      point.epoch.toFixed(1),
      point.trainLoss.toPrecision(4),
      (100 * point.validationAccuracy).toFixed(2),
      point.microGradientNorm2.toPrecision(3),
      point.updateNorm.toPrecision(3),
      Math.round(point.imagesPerSecond),
    ]),
  );
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function lower(name: string): string {
  return name.toLowerCase();
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
