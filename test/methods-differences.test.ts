/** Methods that take gradients at displaced parameters: finite differences of penalties, SAM and GNP. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  createGenerator,
  crossEntropy,
  grad,
  mul,
  read,
  setDevice,
  sqrt,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import {
  type Derivative,
  type MethodName,
  type MethodSettings,
  squaredGradientNorm,
} from '../src/experiments/methods.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import type { Module } from '../src/nn/index.ts';
import { devices, expectClose, reference } from './devices.ts';
import {
  classes,
  fixedDraws,
  flat,
  inputs,
  moved,
  penalised,
  penaltyOf,
  smooth,
  squaredNorm,
  stepOf,
} from './micro-steps.ts';

const differences: Derivative[] = ['forward-difference', 'central-difference'];
const withBatchNorm: ModelSpec = { family: 'resnet', widths: [2, 3], blocks: [1, 1], classes, channels: 1 };
const withDropout: ModelSpec = {
  ...{ family: 'vgg', plan: [3, 'M'], hidden: [5, 4], classes, size: 4, channels: 1, bn: true },
  ...{ pool: 3, dropout: 0.5 },
};

/** A fresh model and a micro-batch for it: rows of 3 for the MLP, images of 4 x 4 for the others. */
function start(spec: ModelSpec): { model: Module; batch: { x: Tensor; y: Tensor } } {
  const model = buildModel(spec, createGenerator(3));
  if (spec.family === 'mlp') return { model, batch: inputs(4) };
  const values = Float64Array.from({ length: 64 }, (_, i) => Math.sin(2.3 * i + 0.4));
  const y = tensor(Int32Array.of(0, 1, 2, 0));
  return { model, batch: { x: tensor(values, { shape: [4, 1, 4, 4] }), y } };
}

const norm = (values: readonly number[]) => Math.sqrt(squaredNorm(values));
const distance = (a: readonly number[], b: readonly number[]) => norm(a.map((value, i) => value - b[i]));

describe('finite differences', () => {
  beforeEach(() => setDevice(reference));

  it.each(penalised)('of %s approach double backprop: by r ahead, by r^2 on both sides', async (method) => {
    const { model, batch } = start(smooth);
    const gradientsOf = (settings: Partial<MethodSettings>) =>
      flat(stepOf(model, method, batch, { lambda: 0.7, ...settings }).gradients);
    const exact = await gradientsOf({});
    const errorAt = async (derivative: Derivative, radius: number) =>
      distance(await gradientsOf({ derivative, radius }), exact) / norm(exact);
    for (const [derivative, order] of [
      ['forward-difference', 1],
      ['central-difference', 2],
    ] as const) {
      const [coarse, fine] = [await errorAt(derivative, 2e-2), await errorAt(derivative, 1e-2)];
      expect(coarse / fine, `${derivative}: ${coarse} ${fine}`).toBeGreaterThan(0.9 * 2 ** order);
      expect(coarse / fine, `${derivative}: ${coarse} ${fine}`).toBeLessThan(1.1 * 2 ** order);
    }
    expect(await errorAt('forward-difference', 1e-6)).toBeLessThan(1e-5);
    expect(await errorAt('central-difference', 1e-4)).toBeLessThan(1e-7);
  });

  it.each(differences)('%s: loss, penalty and shares are those of double backprop', async (derivative) => {
    const { model, batch } = start(smooth);
    const settings = { lambda: 0.7, microBatches: 5 };
    for (const method of penalised) {
      const exact = stepOf(model, method, batch, settings);
      const step = stepOf(model, method, batch, { ...settings, derivative, radius: 1e-4 });
      expectClose([await step.loss.item()], [await exact.loss.item()], 1e-12, 'loss');
      expectClose([await penaltyOf(step)], [await penaltyOf(exact)], 1e-12, 'penalty');
      expectClose(await flat(step.gradients), await flat(exact.gradients), 1e-4, method);
    }
  });

  it('draw once: the labels and the direction at the displaced parameters are those of the first pass', () => {
    const { model, batch } = start(smooth);
    const asked: string[] = [];
    const draws = {
      labels: (logits: Tensor) => {
        asked.push('labels');
        return fixedDraws.labels(logits);
      },
      direction: (count: number) => {
        asked.push('direction');
        return fixedDraws.direction(count);
      },
    };
    for (const method of ['FT', 'UJ'] as const) {
      stepOf(model, method, batch, { derivative: 'central-difference', radius: 0.1, draws });
    }
    expect(asked).toEqual(['labels', 'direction']);
  });
});

describe('SAM and GNP', () => {
  beforeEach(() => setDevice(reference));
  const lossGradient = (model: Module, batch: { x: Tensor; y: Tensor }) =>
    flat(stepOf(model, 'LB', batch).gradients);

  it('SAM is the gradient of the loss at theta + rho g / ||g||', async () => {
    const { model, batch } = start(smooth);
    const g = await lossGradient(model, batch);
    const radius = 0.3;
    const unit = g.map((value) => value / norm(g));
    const there = await moved(model, unit, radius, () => lossGradient(model, batch));
    const got = await flat(stepOf(model, 'SAM', batch, { radius, microBatches: 2 }).gradients);
    expectClose(
      got.map((value) => 2 * value),
      there,
      1e-12,
      'SAM',
    );
    expect(distance(there, g)).toBeGreaterThan(0.01);
  });

  it('GNP approaches the gradient of L + lambda ||dL/dtheta||, and is SAM where lambda is r', async () => {
    const { model, batch } = start(smooth);
    const loss = crossEntropy(model.forward(batch.x), batch.y);
    const penalty = sqrt(squaredGradientNorm(loss, model.parameters()));
    const exact = await flat(grad(add(loss, mul(penalty, 0.4)), model.parameters()));
    const gnp = (lambda: number, radius: number) =>
      flat(stepOf(model, 'GNP', batch, { lambda, radius }).gradients);
    const errors = [distance(await gnp(0.4, 2e-3), exact), distance(await gnp(0.4, 1e-3), exact)];
    expect(errors[1]).toBeLessThan(1e-3);
    expect(errors[0] / errors[1]).toBeCloseTo(2, 1);
    expectClose(
      await gnp(0.3, 0.3),
      await flat(stepOf(model, 'SAM', batch, { radius: 0.3 }).gradients),
      1e-12,
      'SAM',
    );
  });

  it('need a radius, as finite differences do, and say so', () => {
    const { model, batch } = start(smooth);
    const sentence = 'needs a radius, the length of its displacement in parameter space; none was given.';
    expect(() => stepOf(model, 'SAM', batch)).toThrow(`SAM ${sentence}`);
    expect(() => stepOf(model, 'GNP', batch)).toThrow(`GNP ${sentence}`);
    expect(() => stepOf(model, 'GN', batch, { derivative: 'forward-difference' })).toThrow(
      `A forward difference ${sentence}`,
    );
  });
});

/** Every way to take a gradient elsewhere, at strength zero: it must be LB. */
const still: [string, MethodName, Partial<MethodSettings>][] = [
  ...penalised.flatMap((method) =>
    differences.map((derivative): [string, MethodName, Partial<MethodSettings>] => [
      `${method} by ${derivative}`,
      method,
      { lambda: 0, derivative, radius: 0.1 },
    ]),
  ),
  ['SAM', 'SAM', { radius: 0 }],
  ['GNP', 'GNP', { lambda: 0, radius: 0.1 }],
];

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each([
    ['a smooth MLP', smooth],
    ['a ResNet', withBatchNorm],
    ['a VGG with dropout', withDropout],
  ])('lambda = 0, and rho = 0 of SAM, is LB bit for bit: %s', async (_, spec) => {
    const outcome = async (method: MethodName, settings: Partial<MethodSettings>) => {
      const { model, batch } = start(spec);
      const { gradients } = stepOf(model, method, batch, { microBatches: 3, ...settings });
      return read(...gradients, ...model.namedBuffers().values());
    };
    const plain = await outcome('LB', {});
    for (const [name, method, settings] of still) {
      // Buffers too: a second pass moves no running statistic. Zeros of either sign are equal.
      const got = await outcome(method, settings);
      got.forEach((values, i) => {
        expect(
          Array.from(values, (v) => v + 0),
          name,
        ).toEqual(Array.from(plain[i], (v) => v + 0));
      });
    }
  });

  it('a radius in a tensor can change between the calls of one compiled step', async () => {
    const { model, batch } = start(smooth);
    const radius = tensor(0.25);
    const lambda = tensor(0.1);
    const settings = { derivative: 'forward-difference', radius, lambda } as const;
    const step = compile((x: Tensor, y: Tensor) => stepOf(model, 'GN', { x, y }, settings).gradients);
    for (const [r, l] of [
      [0.25, 0.1],
      [0.5, 0.1],
      [0.5, 0.9],
    ]) {
      assign(radius, tensor(r));
      assign(lambda, tensor(l));
      const got = (await read(...(await step(batch.x, batch.y)))).flatMap((values) => [...values]);
      const plain = await flat(stepOf(model, 'GN', batch, { ...settings, radius: r, lambda: l }).gradients);
      expectClose(got, plain, device.kind === 'gpu' ? 1e-4 : 1e-12, `radius ${r}, lambda ${l}`);
    }
  });
});
