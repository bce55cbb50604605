/** One run: train with a method, look at it now and then, and report the checkpoint that did best in validation. */
import { assign, createGenerator, read, tensor } from '../engine/index.ts';
import type { Module } from '../nn/index.ts';
import { cifarAugmentation, noAugmentation } from './augment.ts';
import type { Dataset, ImageSet } from './data/image-set.ts';
import type { MethodName } from './methods.ts';
import { buildModel, type ModelSpec } from './models.ts';
import { Training } from './training.ts';

export interface RunConfig {
  readonly method: MethodName;
  readonly model: ModelSpec;
  /** Examples per update, |B|. */
  readonly batch: number;
  /** Examples per micro-batch, |M|. For SB both are the same. */
  readonly microBatch: number;
  readonly learningRate: number;
  readonly lambda: number;
  /** Updates. */
  readonly steps: number;
  readonly seed: number;
  /** Updates between two evaluations; the last update is always evaluated. */
  readonly evaluateEvery: number;
  /** Micro-batches over which the gradient norm is averaged at an evaluation. */
  readonly measureBatches: number;
  /** Random crops and flips, as the paper does for CIFAR. */
  readonly augment: boolean;
}

/** What is known at an evaluation. */
export interface RunPoint {
  readonly step: number;
  /** Passes through the training images so far. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly penalty: number;
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  /** Mean over micro-batches of the squared gradient norm of the loss without penalty, and its root. */
  readonly microGradientNorm2: number;
  readonly microGradientNorm: number;
  readonly seconds: number;
}

export interface RunResult {
  /** 'diverged': the loss, in training or validation, stopped being a number, at the last point's step. */
  readonly status: 'finished' | 'diverged';
  readonly bestStep: number;
  readonly bestValidationAccuracy: number;
  /** Of the checkpoint that was best in validation (the first of equals). */
  readonly testAccuracy: number;
  readonly finalTestAccuracy: number;
  /** Mean of microGradientNorm2 over the run's points. */
  readonly averageMicroGradientNorm2: number;
  readonly seconds: number;
  readonly points: readonly RunPoint[];
}

export interface RunImages extends Pick<Dataset, 'mean' | 'std'> {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly test: ImageSet;
}

export interface RunWatcher {
  onStep?(step: number): void;
  onPoint?(point: RunPoint): void | Promise<void>;
  /** At the end, with the weights that did best in validation. */
  onFinish?(model: Module): Promise<void>;
}

/** Runs a configuration on the device in use. Equal seeds give equal numbers on one device. */
export async function runTraining(
  config: RunConfig,
  images: RunImages,
  watcher: RunWatcher = {},
): Promise<RunResult> {
  const started = performance.now();
  const model = buildModel(config.model, createGenerator(config.seed));
  const training = new Training(model, images, {
    ...config,
    augmentation: config.augment ? cifarAugmentation : noAugmentation,
  });
  const points: RunPoint[] = [];
  let best: { readonly point: RunPoint; readonly weights: readonly Float64Array[] } | undefined;
  let status: RunResult['status'] = 'finished';
  for (let step = 1; step <= config.steps && status === 'finished'; step++) {
    const { loss, penalty } = await training.step();
    watcher.onStep?.(step);
    if (!Number.isFinite(loss)) status = 'diverged';
    if (step % config.evaluateEvery !== 0 && step !== config.steps && status === 'finished') continue;
    const validation = await training.evaluate(images.validation);
    if (!Number.isFinite(validation.loss)) status = 'diverged';
    const norm2 = await training.microBatchGradientNorm2(config.measureBatches);
    const point: RunPoint = {
      step,
      epoch: (step * config.batch) / images.train.count,
      trainLoss: loss,
      penalty,
      validationLoss: validation.loss,
      validationAccuracy: validation.accuracy,
      microGradientNorm2: norm2,
      microGradientNorm: Math.sqrt(norm2),
      seconds: (performance.now() - started) / 1000,
    };
    points.push(point);
    await watcher.onPoint?.(point);
    if (status === 'finished' && (!best || point.validationAccuracy > best.point.validationAccuracy)) {
      best = { point, weights: await snapshot(model) };
    }
  }
  const finalTest = await training.evaluate(images.test);
  if (best) await restore(model, best.weights);
  const bestTest = await training.evaluate(images.test);
  await watcher.onFinish?.(model);
  const norms = points.map((point) => point.microGradientNorm2);
  return {
    status,
    bestStep: best?.point.step ?? 0,
    bestValidationAccuracy: best?.point.validationAccuracy ?? 0,
    testAccuracy: bestTest.accuracy,
    finalTestAccuracy: finalTest.accuracy,
    averageMicroGradientNorm2: norms.reduce((a, b) => a + b, 0) / norms.length,
    seconds: (performance.now() - started) / 1000,
    points,
  };
}

/** Parameters and buffers on the host, in the state dict's order. */
async function snapshot(model: Module): Promise<Float64Array[]> {
  const arrays = await read(...model.stateDict().values());
  return arrays.map((array) => Float64Array.from(array));
}

async function restore(model: Module, weights: readonly Float64Array[]): Promise<void> {
  [...model.stateDict().values()].forEach((handle, i) => {
    assign(handle, tensor(weights[i], { shape: handle.shape, dtype: handle.dtype }));
  });
}
