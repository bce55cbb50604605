/** A whole run: when it looks, which checkpoint it reports, and how it ends when the loss is lost. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createGenerator, type NumberArray, read, setDevice } from '../src/engine/index.ts';
import { noAugmentation } from '../src/experiments/augment.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import {
  type RunImages,
  type RunPoint,
  type RunSettings,
  type RunWatcher,
  runTraining,
} from '../src/experiments/run-training.ts';
import { Training } from '../src/experiments/training.ts';
import type { Module } from '../src/nn/index.ts';
import { expectClose, reference } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

const { train, test, mean, std } = syntheticDataset({ train: 20, test: 12, shape: [1, 4, 4] });
const validation = syntheticDataset({ train: 20, test: 40, shape: [1, 4, 4] }).test;
const images: RunImages = { train, validation, test, mean, std };
const dense: ModelSpec = { family: 'mlp', inputs: 16, hidden: [4], classes: 4, activation: 'relu' };
const config: RunSettings = {
  method: 'GN',
  model: { family: 'resnet', widths: [3], blocks: [1], classes: 4, channels: 1 },
  batch: 4,
  microBatch: 2,
  learningRate: 0.3,
  lambda: 0.01,
  steps: 7,
  seed: 1,
  evaluateEvery: 2,
  measureBatches: 2,
  augment: false,
};

/** All but what the clock says. */
const untimed = ({ seconds: _, imagesPerSecond: __, peakBytes: ___, ...rest }: RunPoint) => rest;

/** The accuracy of a model as `runTraining` measures it. */
function accuracyOf(model: Module, set: typeof test): Promise<number> {
  const training = new Training(model, images, { ...config, augmentation: noAugmentation });
  return training.evaluate(set).then(({ accuracy }) => accuracy);
}

describe('a run', () => {
  beforeEach(() => setDevice(reference));

  it('is evaluated every few updates and at the end, and tells its watcher', async () => {
    const steps: number[] = [];
    const points: RunPoint[] = [];
    const result = await runTraining(config, images, {
      onStep: (step) => steps.push(step),
      onPoint: (point) => {
        points.push(point);
      },
    });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(result.points.map(({ step }) => step)).toEqual([2, 4, 6, 7]);
    expect(points).toEqual(result.points);
    expect(result.points.map(({ epoch }) => epoch)).toEqual([0.4, 0.8, 1.2, 1.4]);
    for (const point of points) {
      expect(Object.values(point).every(Number.isFinite), JSON.stringify(point)).toBe(true);
      expect(point.microGradientNorm).toBe(Math.sqrt(point.microGradientNorm2));
      expect(point.penalty).toBeGreaterThan(0);
    }
    const norms = points.map((point) => point.microGradientNorm2);
    expect(result.averageMicroGradientNorm2).toBeCloseTo(norms.reduce((a, b) => a + b) / 4, 12);
    expect(result.status).toBe('finished');
  });

  it('gives equal numbers for equal seeds, however often it is looked at', async () => {
    const [a, b, rare, other] = [
      await runTraining(config, images),
      await runTraining(config, images),
      await runTraining({ ...config, evaluateEvery: 7 }, images),
      await runTraining({ ...config, seed: 2 }, images),
    ];
    expect(b.points.map(untimed)).toEqual(a.points.map(untimed));
    expect(b.testAccuracy).toBe(a.testAccuracy);
    const [end] = rare.points;
    expect(end.trainLoss).toBe(a.points[3].trainLoss);
    expect(end.validationLoss).toBe(a.points[3].validationLoss);
    expect(other.points[0].trainLoss).not.toBe(a.points[0].trainLoss);
  });

  it('reports and hands over the checkpoint that was first best in validation', async () => {
    let kept: { validation: number; test: number } | undefined;
    const result = await runTraining({ ...config, steps: 12, evaluateEvery: 1, learningRate: 0.9 }, images, {
      onFinish: async (model) => {
        kept = { validation: await accuracyOf(model, validation), test: await accuracyOf(model, test) };
      },
    });
    const accuracies = result.points.map((point) => point.validationAccuracy);
    const best = Math.max(...accuracies);
    expect(result.bestValidationAccuracy).toBe(best);
    expect(result.bestStep).toBe(accuracies.indexOf(best) + 1);
    expect(kept).toEqual({ validation: best, test: result.testAccuracy });
    // This run's last checkpoint is another, or the test could not tell.
    expect(accuracies.at(-1)).toBeLessThan(best);
  });

  it('starts from the weights that the seed gives, and takes the first of equal checkpoints', async () => {
    let weights: NumberArray[] = [];
    // Steps that move nothing that can be seen.
    const still: RunSettings = { ...config, model: dense, learningRate: 1e-300, steps: 3, evaluateEvery: 1 };
    const result = await runTraining(still, images, {
      onFinish: async (model) => {
        weights = await read(...model.parameters());
      },
    });
    const fresh = await read(...buildModel(dense, createGenerator(config.seed)).parameters());
    expect(weights).toHaveLength(fresh.length);
    fresh.forEach((values, i) => {
      expectClose(weights[i], values, 1e-200, `parameter ${i}`);
    });
    expect(new Set(result.points.map((point) => point.validationAccuracy)).size).toBe(1);
    expect(result.bestStep).toBe(1);
  });
});

describe('a run whose loss is lost', () => {
  beforeEach(() => setDevice(reference));
  const hot: RunSettings = { ...config, model: dense, learningRate: 1e200, steps: 9, evaluateEvery: 4 };

  async function watched(changes: Partial<RunSettings>) {
    const steps: number[] = [];
    const watcher: RunWatcher = { onStep: (step) => steps.push(step) };
    return { result: await runTraining({ ...hot, ...changes }, images, watcher), steps };
  }

  it('ends there, evaluated a last time', async () => {
    const { result, steps } = await watched({});
    expect(result.status).toBe('diverged');
    expect(steps.length).toBeLessThan(4);
    expect(result.points.map(({ step }) => step)).toEqual([steps.length]);
    expect(result.points[0].trainLoss).not.toSatisfy(Number.isFinite);
    expect(result).toMatchObject({ bestStep: 0, bestValidationAccuracy: 0 });
  });

  it('has diverged too if only the weights after the last update show it', async () => {
    const { result } = await watched({ steps: 1, learningRate: Number.MAX_VALUE });
    expect(result.points[0].trainLoss).toSatisfy(Number.isFinite);
    expect(result.points[0].validationLoss).not.toSatisfy(Number.isFinite);
    expect(result.status).toBe('diverged');
    expect(result.bestStep).toBe(0);
  });
});
