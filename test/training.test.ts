/** The training loop: equal bits for equal seeds, accumulation over micro-batches, and looking without touching. */
import { describe, expect, it } from 'vitest';
import {
  assign,
  createGenerator,
  crossEntropy,
  type Device,
  mul,
  type NumberArray,
  read,
  setDevice,
  sub,
  tensor,
  zeros,
} from '../src/engine/index.ts';
import { cifarAugmentation, noAugmentation, normalizer } from '../src/experiments/augment.ts';
import { ImageOrder, imageBatch, orders } from '../src/experiments/batches.ts';
import {
  drawnMicroBatch,
  forwardPass,
  hasPenalty,
  type MethodName,
  mainMethods,
  microStep,
  randomDraws,
  squaredGradientNorm,
  update,
} from '../src/experiments/methods.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import { type StepMetrics, Training, type TrainingOptions } from '../src/experiments/training.ts';
import type { Module } from '../src/nn/index.ts';
import { devices, expectClose, reference } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

const dataset = syntheticDataset({ train: 20, test: 7, shape: [1, 4, 4] });
const dense: ModelSpec = { family: 'mlp', inputs: 16, hidden: [5], classes: 4, activation: 'tanh' };
const withBatchNorm: ModelSpec = { family: 'resnet', widths: [2], blocks: [1], classes: 4, channels: 1 };

const options: TrainingOptions = {
  method: 'GN',
  batch: 6,
  microBatch: 2,
  learningRate: 0.2,
  lambda: 0.05,
  seed: 3,
  augmentation: noAugmentation,
};

function start(device: Device, spec: ModelSpec, changes: Partial<TrainingOptions> = {}) {
  setDevice(device);
  const model = buildModel(spec, createGenerator(changes.seed ?? options.seed));
  return { model, training: new Training(model, dataset, { ...options, ...changes }) };
}

const stateOf = (model: Module): Promise<NumberArray[]> => read(...model.stateDict().values());

/** Metrics of some updates, and parameters and buffers after them. */
async function outcome(device: Device, spec: ModelSpec, changes: Partial<TrainingOptions> = {}, steps = 2) {
  const { model, training } = start(device, spec, changes);
  const metrics: StepMetrics[] = [];
  for (let step = 0; step < steps; step++) metrics.push(await training.step());
  return { metrics, state: await stateOf(model) };
}

function expectCloseState(
  actual: readonly NumberArray[],
  expected: readonly NumberArray[],
  tolerance: number,
): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((values, i) => {
    expectClose(values, expected[i], tolerance, `state ${i}`);
  });
}

/** `outcome` for a model without batch norm, in plain loops: no compiled step, no optimiser, no assigned sums. */
async function plainOutcome(device: Device, changes: Partial<TrainingOptions>, steps = 2) {
  setDevice(device);
  const settings = { ...options, ...changes };
  const { method, batch, microBatch, learningRate, seed, recordedNorm } = settings;
  const microBatches = batch / microBatch;
  const { train, mean, std } = dataset;
  const model = buildModel(dense, createGenerator(seed));
  const parameters = model.parameters();
  const order = new ImageOrder(train.count, seed);
  const draws = randomDraws(createGenerator(seed, 1));
  const normalize = normalizer(mean, std, train.scale);
  const metrics: Pick<StepMetrics, 'loss' | 'penalty' | 'gradientNorm'>[] = [];
  for (let step = 0; step < steps; step++) {
    let [loss, penalty, length] = [0, 0, 0];
    const chosen = drawnMicroBatch(seed, step, microBatches);
    const sums = parameters.map(({ size }) => new Float64Array(size));
    for (let k = 0; k < microBatches; k++) {
      const [pixels, labels] = imageBatch(train, order.take(microBatch));
      const part = forwardPass(model, normalize(pixels), labels, draws);
      const micro = microStep({ ...settings, microBatches }, part, { drawn: k === chosen });
      const [[l], [r], [n], ...gradients] = await read(
        micro.loss,
        micro.penalty ?? zeros([]),
        micro.length ?? zeros([]),
        ...micro.gradients,
      );
      loss += l;
      penalty += r;
      length += n;
      sums.forEach((sum, i) => {
        for (let at = 0; at < sum.length; at++) sum[at] += gradients[i][at];
      });
    }
    metrics.push({ loss, penalty, gradientNorm: Math.hypot(...sums.flatMap((sum) => Array.from(sum))) });
    const moves = update(
      method,
      sums.map((sum, i) => tensor(sum, { shape: parameters[i].shape })),
      { length: tensor(length), recorded: recordedNorm && tensor(recordedNorm(step)) },
    );
    parameters.forEach((parameter, i) => {
      assign(parameter, sub(parameter, mul(moves[i], learningRate)));
    });
  }
  return { metrics, state: await stateOf(model) };
}

describe.each(devices)('on $name', ({ device }) => {
  const rounding = device.kind === 'gpu' ? 1e-5 : 1e-12;

  it('equal seeds give equal bits, other seeds others', async () => {
    const changes = { method: 'FT', augmentation: cifarAugmentation } as const;
    const first = await outcome(device, withBatchNorm, changes);
    expect(await outcome(device, withBatchNorm, changes)).toEqual(first);
    const other = await outcome(device, withBatchNorm, { ...changes, seed: 4 });
    expect(other.metrics[0].loss).not.toBe(first.metrics[0].loss);
    expect(other.state).not.toEqual(first.state);
    expect(first.state.every((values) => values.every(Number.isFinite))).toBe(true);
  });

  it.each<[MethodName, number, Partial<TrainingOptions>?]>([
    ['LB', 1],
    ['GN', 1],
    ['GN', 2],
    ['GN', 3],
    ['FT', 3],
    ['UJ', 2],
    ['AJ-mean', 2],
    ['SampleGN', 3],
    ['IterGraft', 3],
    ['IterGraft-mean', 2],
    ['ExterGraft', 2, { recordedNorm: (step) => 0.3 + step }],
    ['NGD', 2],
    ['SAM', 2, { radius: 0.5 }],
    ['GNP', 2, { radius: 0.5 }],
    ['FT', 2, { radius: 0.5, derivative: 'central-difference' }],
  ])('%s with K = %i is what plain loops compute', async (method, microBatches, more = {}) => {
    const changes = { method, batch: 2 * microBatches, ...more };
    const [actual, expected] = [await outcome(device, dense, changes), await plainOutcome(device, changes)];
    expectCloseState(actual.state, expected.state, rounding);
    actual.metrics.forEach(({ loss, penalty, gradientNorm }, step) => {
      const { metrics } = expected;
      const plain = [metrics[step].loss, metrics[step].penalty, metrics[step].gradientNorm];
      expectClose([loss, penalty, gradientNorm], plain, rounding, `metrics of step ${step}`);
    });
    // Of SampleGN's three micro-batches only one has a penalty.
    expect(actual.metrics[1].penalty > 0).toBe(hasPenalty(method));
  });

  it('K micro-batches without batch norm are one large batch', async () => {
    const parts = await outcome(device, dense, { method: 'LB', batch: 6, microBatch: 2 });
    const whole = await outcome(device, dense, { method: 'LB', batch: 6, microBatch: 6 });
    expectCloseState(parts.state, whole.state, rounding);
    expectClose([parts.metrics[1].loss], [whole.metrics[1].loss], rounding, 'loss');
    // The penalty, which is of micro-batches, tells them apart.
    const [small, large] = [
      await outcome(device, dense, { method: 'GN', batch: 6, microBatch: 2 }, 1),
      await outcome(device, dense, { method: 'GN', batch: 6, microBatch: 6 }, 1),
    ];
    expect(small.metrics[0].penalty).toBeGreaterThan(1.05 * large.metrics[0].penalty);
  });

  it('with batch norm over smaller parts, one large micro-batch is several small ones', async () => {
    const small = await outcome(device, withBatchNorm, { method: 'LB', batch: 6, microBatch: 2 });
    const parts = { method: 'LB', batch: 6, microBatch: 6, normBatch: 2 } as const;
    expectCloseState((await outcome(device, withBatchNorm, parts)).state, small.state, 10 * rounding);
    const whole = await outcome(device, withBatchNorm, { method: 'LB', batch: 6, microBatch: 6 }, 1);
    expect(Math.abs(whole.metrics[0].loss - small.metrics[0].loss)).toBeGreaterThan(1e-3);
  });

  it('SB is LB with a single micro-batch', async () => {
    const single = { batch: 4, microBatch: 4 };
    const [sb, lb] = [
      await outcome(device, withBatchNorm, { ...single, method: 'SB' }),
      await outcome(device, withBatchNorm, { ...single, method: 'LB' }),
    ];
    expect(sb).toEqual(lb);
  });

  it('lambda = 0 is LB bit for bit, draws and all', async () => {
    const lb = await outcome(device, withBatchNorm, { method: 'LB' });
    for (const method of ['GN', 'UJ'] as const) {
      const { state, metrics } = await outcome(device, withBatchNorm, { method, lambda: 0 });
      expect(state, method).toEqual(lb.state);
      expect(metrics.map(({ loss }) => loss)).toEqual(lb.metrics.map(({ loss }) => loss));
    }
  });

  it('measuring and evaluating between updates changes no bit of training', async () => {
    const undisturbed = await outcome(device, withBatchNorm);
    const { model, training } = start(device, withBatchNorm);
    const first = await training.step();
    const before = await stateOf(model);
    expect(await training.microBatchGradientNorm2(3)).toBeGreaterThan(0);
    await training.evaluate(dataset.test);
    expect(await stateOf(model)).toEqual(before);
    const second = await training.step();
    expect({ metrics: [first, second], state: await stateOf(model) }).toEqual(undisturbed);
  });

  it('running statistics take one step per micro-batch', async () => {
    const { model, training } = start(device, withBatchNorm);
    for (let step = 0; step < 2; step++) await training.step();
    const tracked = [...model.namedBuffers()].filter(([name]) => name.endsWith('num_batches_tracked'));
    expect(tracked).toHaveLength(3);
    for (const [, count] of tracked) expect(await count.item()).toBe(6);
  });

  it('the norm measured is the mean over fresh micro-batches, of the loss without penalty', async () => {
    const { model, training } = start(device, withBatchNorm, { method: 'AJ' });
    const { train, mean, std } = dataset;
    const order = new ImageOrder(train.count, options.seed, orders.measuring);
    for (const count of [2, 3]) {
      let total = 0;
      for (let i = 0; i < count; i++) {
        const [pixels, labels] = imageBatch(train, order.take(options.microBatch));
        model.train();
        const norm2 = model.withFrozenStatistics(() => {
          const logits = model.forward(normalizer(mean, std, train.scale)(pixels));
          return squaredGradientNorm(crossEntropy(logits, labels), model.parameters());
        });
        total += await norm2.item();
      }
      expectClose(
        [await training.microBatchGradientNorm2(count)],
        [total / count],
        rounding,
        `${count} batches`,
      );
    }
  });

  it('a set that is no multiple of the evaluation batch is evaluated whole', async () => {
    const { test } = syntheticDataset({ train: 1, test: 253, shape: [1, 4, 4] });
    const { model, training } = start(device, dense);
    const all = Array.from({ length: test.count }, (_, i) => i);
    const [pixels, labels] = imageBatch(test, all);
    const logits = model.forward(normalizer(dataset.mean, dataset.std, test.scale)(pixels));
    const [losses, scores] = await read(crossEntropy(logits, labels, { reduction: 'none' }), logits);
    const right = all.filter((n) => {
      const row = Array.from(scores.slice(4 * n, 4 * n + 4));
      return row.indexOf(Math.max(...row)) === test.labels[n];
    });
    const { accuracy, loss } = await training.evaluate(test);
    expect(accuracy).toBe(right.length / 253);
    expect(right.length).toBeGreaterThan(0);
    expectClose([loss], [Array.from(losses).reduce((a, b) => a + b) / 253], rounding, 'mean loss');
  });
});

describe('training', () => {
  it.each(mainMethods)('%s learns the made-up images', async (method) => {
    const batch = method === 'SB' ? 2 : 6;
    const { training } = start(reference, dense, { method, batch, lambda: 0.01 });
    const before = await training.evaluate(dataset.train);
    for (let step = 0; step < 60; step++) await training.step();
    const after = await training.evaluate(dataset.train);
    expect(after.loss).toBeLessThan(0.5 * before.loss);
    expect(after.accuracy).toBeGreaterThan(0.9);
  });

  it('draws labels and unit vectors anew for every update', async () => {
    // With hardly any movement GN and AJ would see the same penalty on the same image again.
    const { train } = syntheticDataset({ train: 1, test: 1, shape: [1, 4, 4] });
    for (const method of mainMethods.slice(2)) {
      setDevice(reference);
      const model = buildModel(dense, createGenerator(1));
      const still = { ...options, method, batch: 1, microBatch: 1, learningRate: 1e-12 };
      const training = new Training(model, { ...dataset, train }, still);
      const penalties: string[] = [];
      for (let step = 0; step < 12; step++) penalties.push((await training.step()).penalty.toPrecision(6));
      const different = new Set(penalties).size;
      if (method === 'UJ') expect(different).toBe(12);
      else if (method === 'FT') expect(different).toBeGreaterThan(1);
      else expect(different).toBe(1);
    }
  });

  it('refuses external grafting without recorded norms', () => {
    expect(() => start(reference, dense, { method: 'ExterGraft' })).toThrow(
      'ExterGraft takes its step lengths from another run; give it recorded norms.',
    );
  });

  it('refuses a batch that is no multiple of the micro-batch, or larger than the set', () => {
    expect(() => start(reference, dense, { batch: 7, microBatch: 2 })).toThrow(
      'The batch, 7, must be a multiple of the micro-batch, 2.',
    );
    expect(() => start(reference, dense, { batch: 1, microBatch: 2 })).toThrow(/must be a multiple/);
    expect(() => start(reference, dense, { batch: 22, microBatch: 2 })).toThrow(
      'The batch, 22, is larger than the 20 training images of made-up training images.',
    );
  });
});
