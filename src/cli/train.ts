/** `regrad train`: one run with one method, in a folder of its own. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type Dataset, subset } from '../experiments/data/image-set.ts';
import { loadDataset } from '../experiments/data/load-dataset.ts';
import { protocolImages, type Selection, selections } from '../experiments/data/protocol.ts';
import {
  hasPenalty,
  type MethodName,
  methodNames,
  needsRadius,
  needsRecordedNorm,
} from '../experiments/methods.ts';
import { namedModel } from '../experiments/models.ts';
import { createProgress } from '../experiments/progress.ts';
import { recordEnvironment, withRunFolder } from '../experiments/run-folder.ts';
import { type RunConfig, type RunImages, type RunResult, runTraining } from '../experiments/run-training.ts';
import { saveWeights } from '../nn/index.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { parseAmount, parseCount, parsePositive, parseSeed } from './numbers.ts';

interface Options extends AdapterOptions {
  readonly method: string;
  readonly data: string;
  readonly model: string;
  readonly batch: number;
  readonly microBatch?: number;
  readonly lr: number;
  readonly lambda?: number;
  readonly steps: number;
  readonly seed: number;
  readonly evaluateEvery?: number;
  readonly measureBatches: number;
  readonly trainImages?: number;
  readonly validationImages?: number;
  readonly selection: Selection;
  readonly augment?: boolean;
  readonly out?: string;
}

/** The methods that need no more than lambda. */
const offered = methodNames.filter((method) => !needsRadius(method) && !needsRecordedNorm(method));

export function addTrain(program: Command): void {
  const [tune, noTune] = tuneOptions();
  program
    .command('train')
    .description('Train a model with one of the methods, and keep its metrics in a run folder.')
    .addOption(
      new Option('--method <name>', 'the method')
        .choices([...offered, ...offered.map(lower)])
        .makeOptionMandatory(),
    )
    .requiredOption(
      '--data <set>',
      'optdigits, fashion-mnist, a fetched set (see regrad data list), or NAME:DIR',
    )
    .option(
      '--model <name>',
      'resnet18, resnet34, vgg11, vgg16-bn, resnet[8,16] (stage widths) or mlp[64,32]',
      'resnet[8,16]',
    )
    .requiredOption('--batch <count>', 'examples per update', parseCount)
    .option('--micro-batch <count>', 'examples per forward pass (default: the batch)', parseCount)
    .requiredOption('--lr <number>', 'learning rate', parsePositive)
    .option('--lambda <number>', 'weight of the penalty, for the methods that have one', parseAmount)
    .requiredOption('--steps <count>', 'updates', parseCount)
    .option('--seed <number>', 'decides weights, order and draws', parseSeed, 0)
    .option(
      '--evaluate-every <count>',
      'updates between evaluations (default: a tenth of the steps)',
      parseCount,
    )
    .option('--measure-batches <count>', 'micro-batches per gradient norm measured', parseCount, 4)
    .option('--train-images <count>', 'use a class-balanced part of the training images', parseCount)
    .option('--validation-images <count>', 'training images held out (default: a fifth)', parseCount)
    .addOption(
      new Option(
        '--selection <images>',
        "select checkpoints on training images held out, or as the paper's released code does " +
          '(for CIFAR-10 on the official test images, and report on those held out)',
      )
        .choices(selections)
        .default('held-out'),
    )
    .option('--augment', 'random crops and flips (default: for CIFAR only)')
    .option('--no-augment', 'no random crops and flips')
    .option('--out <folder>', 'where the run goes (default: runs/METHOD-MODEL-sSEED-TIME)')
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .action(train);
}

async function train(options: Options): Promise<void> {
  const dataset = await loadDataset(options.data);
  const config = resolveConfig(options, dataset);
  const images = selectImages(options, dataset);
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  const folder =
    options.out ?? join('runs', `${lower(config.method)}-${options.model}-s${config.seed}-${time}`);
  await useAdapter(options);
  const result = await withRunFolder(folder, async (run) => {
    await run.writeJson('config.json', {
      ...config,
      data: options.data,
      decoder: dataset.decoder,
      selection: options.selection,
      trainImages: images.train.count,
      validationImages: images.validation.count,
    });
    const keepEnvironment = await recordEnvironment(run);
    const progress = createProgress({ total: config.steps, label: `${config.method} seed ${config.seed}` });
    let note = '';
    try {
      const { points, ...rest } = await runTraining(config, images, {
        onStep: (step) => progress.update(step, note),
        onPoint: async (point) => {
          note = `loss ${point.trainLoss.toPrecision(4)}, validation ${percent(point.validationAccuracy)}`;
          progress.update(point.step, note);
          await run.append('metrics.jsonl', point);
          await keepEnvironment();
        },
        onFinish: async (model) => run.write('weights.safetensors', await saveWeights(model)),
      });
      await keepEnvironment();
      await run.writeJson('result.json', rest);
      return { points, ...rest };
    } finally {
      progress.stop();
    }
  });
  report(result, folder);
  if (options.selection === 'official') {
    console.log(`selected on: ${images.validation.name}; tested on: ${images.test.name}`);
  }
}

function report(result: RunResult, folder: string): void {
  if (result.status === 'diverged') {
    throw new Error(
      `The loss stopped being a number at step ${result.points.at(-1)?.step}; the run is kept in ${folder}. ` +
        'Try a smaller --lr or --lambda.',
    );
  }
  console.log(
    `test accuracy ${percent(result.testAccuracy)} (checkpoint of step ${result.bestStep}, validation ` +
      `${percent(result.bestValidationAccuracy)}), average micro-batch gradient norm squared ` +
      `${result.averageMicroGradientNorm2.toPrecision(3)}, ${result.seconds.toFixed(1)} s; in ${folder}`,
  );
}

function resolveConfig(options: Options, { train }: Dataset): RunConfig {
  const method = offered.find((name) => lower(name) === lower(options.method)) as MethodName;
  if (hasPenalty(method) && options.lambda === undefined) {
    throw new Error(`The method ${method} penalises a gradient; give its weight: --lambda NUMBER.`);
  }
  if (!hasPenalty(method) && options.lambda) {
    throw new Error(`The method ${method} has no penalty; leave out --lambda.`);
  }
  const microBatch = options.microBatch ?? options.batch;
  if (options.batch % microBatch !== 0) {
    throw new Error(`--batch ${options.batch} must be a multiple of --micro-batch ${microBatch}.`);
  }
  if (method === 'SB' && microBatch !== options.batch) {
    throw new Error(
      `SB makes an update from every micro-batch: give --batch ${microBatch}, or take --method lb.`,
    );
  }
  return {
    method,
    model: namedModel(options.model, train.classes, train.shape),
    batch: options.batch,
    microBatch,
    learningRate: options.lr,
    lambda: options.lambda ?? 0,
    steps: options.steps,
    seed: options.seed,
    evaluateEvery: options.evaluateEvery ?? Math.max(1, Math.floor(options.steps / 10)),
    measureBatches: options.measureBatches,
    augment: options.augment ?? options.data.startsWith('cifar'),
  };
}

function selectImages(options: Options, dataset: Dataset): RunImages {
  const { mean, std } = dataset;
  const held = options.validationImages ?? Math.max(1, Math.floor(dataset.train.count / 5));
  const { train, validation, test } = protocolImages(dataset, held, options.selection);
  const part = options.trainImages === undefined ? train : subset(train, options.trainImages);
  if (options.batch > part.count) {
    throw new Error(
      `--batch ${options.batch} is more than the ${part.count} training images; take a smaller one.`,
    );
  }
  return { mean, std, test, train: part, validation };
}

function lower(name: string): string {
  return name.toLowerCase();
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
