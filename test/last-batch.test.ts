/** The update at the end of an epoch, made of the images that are left: the gradient is the mean over them. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createGenerator,
  crossEntropy,
  grad,
  type NumberArray,
  read,
  setDevice,
} from '../src/engine/index.ts';
import { noAugmentation, normalizer } from '../src/experiments/augment.ts';
import { ImageOrder, imageBatch, type LastBatch } from '../src/experiments/batches.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import { Training } from '../src/experiments/training.ts';
import { devices, expectClose } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

// Eleven images: updates of 8 and of 3.
const dataset = syntheticDataset({ train: 11, test: 2, shape: [1, 4, 4] });
const dense: ModelSpec = { family: 'mlp', inputs: 16, hidden: [5], classes: 4, activation: 'tanh' };
const rate = 0.3;

function start(lastBatch: LastBatch, microBatch: number) {
  const model = buildModel(dense, createGenerator(1));
  const training = new Training(model, dataset, {
    method: 'LB',
    lambda: 0,
    batch: 8,
    microBatch,
    learningRate: rate,
    seed: 2,
    augmentation: noAugmentation,
    lastBatch,
  });
  return { model, training };
}

/** Loss and its gradient over the last three images of the epoch, at the model's parameters. */
async function ofTheRest(model: ReturnType<typeof start>['model']) {
  const { train, mean, std } = dataset;
  const rest = new ImageOrder(train.count, 2).take(11).slice(8);
  const [pixels, labels] = imageBatch(train, rest);
  const loss = crossEntropy(model.forward(normalizer(mean, std, train.scale)(pixels)), labels);
  const [[value], ...gradient] = await read(loss, ...grad(loss, model.parameters()));
  return { loss: value, gradient };
}

const length = (arrays: readonly NumberArray[]) =>
  Math.hypot(...arrays.flatMap((array) => Array.from(array)));

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));
  const rounding = device.kind === 'gpu' ? 1e-5 : 1e-12;

  it.each<[LastBatch, number, number]>([
    // Micro-batches of 2 and 1 images.
    ['partial', 2, 1],
    ['partial', 8, 1],
    // With one micro-batch a batch, the nominal number is the true one.
    ['nominal', 8, 1],
  ])(
    '%s in micro-batches of %i steps along the mean over the rest',
    async (lastBatch, microBatch, factor) => {
      const { model, training } = start(lastBatch, microBatch);
      await training.step();
      expect(training.epoch).toBeCloseTo(8 / 11, 12);
      const before = await read(...model.parameters());
      const { loss, gradient } = await ofTheRest(model);
      const metrics = await training.step();
      expect(metrics.images).toBe(3);
      expect(training.epoch).toBe(1);
      expectClose([metrics.loss], [loss * factor], rounding, 'loss');
      expectClose([metrics.gradientNorm], [length(gradient) * factor], rounding, 'gradient norm');
      expectClose([metrics.updateNorm], [rate * length(gradient) * factor], rounding, 'update norm');
      const after = await read(...model.parameters());
      after.forEach((values, i) => {
        const expected = before[i].map((value, at) => value - rate * factor * gradient[i][at]);
        expectClose(values, expected, rounding, `parameter ${i}`);
      });
    },
  );

  it('nominal divides the means of the micro-batches that there are by their nominal number', async () => {
    const steps: number[] = [];
    for (const lastBatch of ['partial', 'nominal'] as const) {
      // Three images in micro-batches of one: their sum is divided by 3, or by 8.
      const { training } = start(lastBatch, 1);
      await training.step();
      steps.push((await training.step()).updateNorm);
    }
    expectClose([steps[1]], [(steps[0] * 3) / 8], rounding, 'update norm');
  });

  it('full takes the first images of the next epoch', async () => {
    const { training } = start('full', 4);
    await training.step();
    expect((await training.step()).images).toBe(8);
    expect(training.epoch).toBeCloseTo(16 / 11, 12);
  });
});
