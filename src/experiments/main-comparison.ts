/**
 * The paper's main comparison (section 4 there; our definitions in methods.ts).
 *
 * Claim: small-batch SGD (SB) generalises better than large-batch SGD (LB) at an equal number of updates; penalising the
 * gradient norm (GN) or the Fisher trace (FT) of micro-batches lets LB recover the difference; penalising Jacobians (AJ,
 * UJ) does not; and recovery goes with a micro-batch gradient norm like SB's.
 *
 * Config: one model and data set for all; SB updates on every micro-batch, the others on K of them; each method has its
 * own learning rate and lambda.
 * Method: equal updates, paired seeds (same weights, same order of images); the checkpoint best in validation is tested.
 */
import type { Dataset } from './data/image-set.ts';
import { splitTrain, subset } from './data/image-set.ts';
import { type MainMethod, mainMethods } from './methods.ts';
import { namedModel } from './models.ts';
import {
  type RunConfig,
  type RunImages,
  type RunPoint,
  type RunResult,
  runTraining,
} from './run-training.ts';

export interface ComparisonConfig {
  /** As in `regrad train --data`. */
  readonly data: string;
  /** As in `regrad train --model`. */
  readonly model: string;
  readonly trainImages: number;
  readonly validationImages: number;
  readonly testImages: number;
  readonly microBatch: number;
  /** Micro-batches in a large batch, K. */
  readonly microBatches: number;
  readonly steps: number;
  readonly evaluateEvery: number;
  readonly measureBatches: number;
  readonly seeds: readonly number[];
  readonly methods: Readonly<Record<MainMethod, { readonly learningRate: number; readonly lambda: number }>>;
}

/**
 * Sized for two cores without a GPU in under five minutes. Coarsely tuned by validation accuracy at about this size: SB
 * and LB over the rates 0.3, 0.5 and 1, the penalties over two or three lambdas.
 */
export const quickComparison: ComparisonConfig = {
  data: 'optdigits',
  model: 'resnet[4,8]',
  trainImages: 100,
  validationImages: 500,
  testImages: 1000,
  microBatch: 16,
  microBatches: 3,
  steps: 160,
  evaluateEvery: 16,
  measureBatches: 4,
  seeds: [0, 1, 2],
  methods: {
    SB: { learningRate: 1, lambda: 0 },
    LB: { learningRate: 1, lambda: 0 },
    GN: { learningRate: 1, lambda: 0.05 },
    FT: { learningRate: 1, lambda: 0.05 },
    AJ: { learningRate: 1, lambda: 0.001 },
    UJ: { learningRate: 1, lambda: 0.03 },
  },
};

type MainRunConfig = RunConfig & { readonly method: MainMethod };

export interface ComparisonRun {
  readonly method: MainMethod;
  readonly seed: number;
  readonly config: RunConfig;
  readonly result: RunResult;
}

export interface ComparisonWatcher {
  /** Updates done and to do, over all runs. */
  onProgress?(done: number, total: number, note: string): void;
  onPoint?(method: MainMethod, seed: number, point: RunPoint): void | Promise<void>;
}

/** All methods with all seeds, one run after the other, on the device in use. */
export async function runComparison(
  config: ComparisonConfig,
  dataset: Dataset,
  watcher: ComparisonWatcher = {},
): Promise<ComparisonRun[]> {
  const images = comparisonImages(config, dataset);
  const plan = config.seeds.flatMap((seed) =>
    mainMethods.map((method) => runConfig(config, dataset, method, seed)),
  );
  // A step's cost in micro-batches, a penalised one counting as three: progress goes with time, not with updates.
  const cost = ({ method, batch, microBatch }: MainRunConfig) =>
    (batch / microBatch) * (config.methods[method].lambda > 0 ? 3 : 1);
  const total = plan.reduce((sum, run) => sum + cost(run) * run.steps, 0);
  let before = 0;
  const runs: ComparisonRun[] = [];
  for (const run of plan) {
    const { method, seed } = run;
    const result = await runTraining(run, images, {
      onStep: (step) =>
        watcher.onProgress?.(
          before + step * cost(run),
          total,
          `${method}, seed ${seed}: step ${step} of ${run.steps}`,
        ),
      onPoint: (point) => watcher.onPoint?.(method, seed, point),
    });
    before += cost(run) * run.steps;
    runs.push({ method, seed, config: run, result });
  }
  return runs;
}

export function comparisonImages(config: ComparisonConfig, dataset: Dataset): RunImages {
  const { train, validation } = splitTrain(dataset.train, config.validationImages);
  return {
    train: subset(train, config.trainImages),
    validation,
    test: subset(dataset.test, config.testImages),
    mean: dataset.mean,
    std: dataset.std,
  };
}

function runConfig(
  config: ComparisonConfig,
  { train }: Dataset,
  method: MainMethod,
  seed: number,
): MainRunConfig {
  const { microBatch, microBatches, steps, evaluateEvery, measureBatches } = config;
  return {
    ...config.methods[method],
    method,
    model: namedModel(config.model, train.classes, train.shape),
    batch: method === 'SB' ? microBatch : microBatch * microBatches,
    microBatch,
    steps,
    evaluateEvery,
    measureBatches,
    seed,
    augment: false,
  };
}
