/** The methods by the identities that define them, on smooth tiny models in float64 unless told. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createGenerator,
  crossEntropy,
  grad,
  logSoftmax,
  mean,
  read,
  setDevice,
  slice,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import { hasPenalty, type MethodName, mainMethods, squaredGradientNorm } from '../src/experiments/methods.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import type { Module } from '../src/nn/index.ts';
import { devices, expectClose, reference, valuesOn } from './devices.ts';
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

describe('the penalties', () => {
  beforeEach(() => setDevice(reference));
  const model = () => buildModel(smooth, createGenerator(5));

  it('belong to GN, FT, AJ and UJ', async () => {
    expect(penalised).toEqual(['GN', 'FT', 'AJ', 'UJ']);
    for (const method of mainMethods) {
      expect(stepOf(model(), method, inputs(2)).penalty !== undefined).toBe(hasPenalty(method));
    }
  });

  it('over micro-batches are that of the mini-batch plus the variance', async () => {
    // mean of ||g_M||^2 = ||g_B||^2 + mean of ||g_M - g_B||^2, with g_B the mean of g_M.
    const net = model();
    const { x, y } = inputs(8);
    const gradients: number[][] = [];
    const penalties: number[] = [];
    for (let k = 0; k < 4; k++) {
      const micro = { x: slice(x, 0, 2 * k, 2 * k + 2), y: slice(y, 0, 2 * k, 2 * k + 2) };
      gradients.push(await flat(stepOf(net, 'LB', micro).gradients));
      penalties.push(await penaltyOf(stepOf(net, 'GN', micro)));
    }
    const whole = await flat(stepOf(net, 'LB', { x, y }).gradients);
    const variance =
      gradients.reduce((total, g) => total + squaredNorm(g.map((value, i) => value - whole[i])), 0) / 4;
    expectClose([penalties.reduce((a, b) => a + b) / 4], [squaredNorm(whole) + variance], 1e-12, 'the mean');
    expect(variance).toBeGreaterThan(0.01);
    // At |M| = |B| the variance is lost.
    expectClose(
      [await penaltyOf(stepOf(net, 'GN', { x, y }))],
      [squaredNorm(whole)],
      1e-12,
      'large micro-batch',
    );
  });

  it.each(penalised)(
    '%s: gradients of the loss with penalty are those of finite differences',
    async (method) => {
      const net = model();
      const batch = inputs(3);
      const lambda = 0.7;
      const gradient = await flat(stepOf(net, method, batch, { lambda }).gradients);
      const objective = async () => {
        const step = stepOf(net, method, batch, { lambda });
        return (await step.loss.item()) + lambda * (await penaltyOf(step));
      };
      const h = 1e-4;
      const differences: number[] = [];
      for (let i = 0; i < gradient.length; i++) {
        const unit = gradient.map((_, j) => (i === j ? 1 : 0));
        const [a, b] = [await moved(net, unit, h, objective), await moved(net, unit, -h, objective)];
        differences.push((a - b) / (2 * h));
      }
      expectClose(gradient, differences, 1e-7, method);
    },
  );

  it('GN adds 2 lambda H g', async () => {
    const net = model();
    const batch = inputs(3);
    const lambda = 0.3;
    const plain = () => flat(stepOf(net, 'LB', batch).gradients);
    const g = await plain();
    const h = 1e-4;
    const [up, down] = [await moved(net, g, h, plain), await moved(net, g, -h, plain)];
    const expected = g.map((value, i) => value + (lambda * 2 * (up[i] - down[i])) / (2 * h));
    expectClose(
      await flat(stepOf(net, 'GN', batch, { lambda }).gradients),
      expected,
      1e-7,
      'g + 2 lambda H g',
    );
  });

  it('AJ is the squared norm of the summed rows of the mean Jacobian, UJ that of their sum weighted by u', async () => {
    const net = model();
    const batch = inputs(3);
    const jacobian = await meanJacobian(net, batch.x);
    const combined = (weights: readonly number[]) =>
      squaredNorm(jacobian[0].map((_, i) => weights.reduce((total, w, c) => total + w * jacobian[c][i], 0)));
    const of = (method: MethodName, u = [2 / 3, -1 / 3, 2 / 3]) =>
      penaltyOf(stepOf(net, method, batch, { draws: { ...fixedDraws, direction: () => tensor(u) } }));
    expectClose([await of('AJ')], [combined([1, 1, 1])], 1e-12, 'AJ');
    expectClose([await of('UJ')], [combined([2 / 3, -1 / 3, 2 / 3])], 1e-12, 'UJ');
    // AJ = sqrt(C) J^T u with u = (1, ..., 1) / sqrt(C).
    const even = Array<number>(classes).fill(1 / Math.sqrt(classes));
    expectClose([await of('AJ')], [classes * (await of('UJ', even))], 1e-12, 'AJ by UJ');
    // With 1/C it is C^2 times smaller.
    expectClose([await of('AJ-mean')], [(await of('AJ')) / classes ** 2], 1e-12, 'AJ-mean');
    // The mean over an orthonormal basis is that over the sphere: E ||J^T u||^2 = ||J||^2 / C.
    const basis = [
      [2 / 3, -1 / 3, 2 / 3],
      [2 / 3, 2 / 3, -1 / 3],
      [-1 / 3, 2 / 3, 2 / 3],
    ];
    const values = [];
    for (const u of basis) values.push(await of('UJ', u));
    const frobenius = jacobian.reduce((total, row) => total + squaredNorm(row), 0);
    expectClose([values.reduce((a, b) => a + b) / 3], [frobenius / classes], 1e-12, 'E ||J_u||^2');
  });

  it('FT over all labels, by their probabilities, is the Fisher trace over |M|', async () => {
    const net = model();
    const batch = inputs(2);
    const [logProbabilities] = await read(logSoftmax(net.forward(batch.x), 1));
    const probability = (example: number, label: number) =>
      Math.exp(logProbabilities[example * classes + label]);
    let expectation = 0;
    for (let a = 0; a < classes; a++) {
      for (let b = 0; b < classes; b++) {
        const draws = { ...fixedDraws, labels: () => tensor(Int32Array.of(a, b)) };
        const penalty = await penaltyOf(stepOf(net, 'FT', batch, { draws }));
        expectation += probability(0, a) * probability(1, b) * penalty;
      }
    }
    let trace = 0;
    for (let example = 0; example < 2; example++) {
      for (let label = 0; label < classes; label++) {
        const logits = net.forward(slice(batch.x, 0, example, example + 1));
        const gradients = grad(crossEntropy(logits, tensor(Int32Array.of(label))), net.parameters());
        trace += (probability(example, label) * squaredNorm(await flat(gradients))) / 2;
      }
    }
    expectClose([expectation], [trace / 2], 1e-12, 'Tr(F) / |M|');
  });

  it('FT trains on the true labels: only its penalty sees the drawn ones', async () => {
    const net = model();
    const batch = inputs(3);
    const drawn = await fixedDraws.labels(tensor(new Float32Array(9), { shape: [3, classes] })).data();
    const trained = stepOf(net, 'FT', batch);
    const onDrawn = stepOf(net, 'GN', { x: batch.x, y: tensor(Int32Array.from(drawn)) });
    expect(await trained.loss.item()).toBe(await stepOf(net, 'LB', batch).loss.item());
    expect(await penaltyOf(trained)).toBe(await penaltyOf(onDrawn));
  });
});

describe.each(devices)('on $name', ({ device }) => {
  const rounding = device.kind === 'gpu' ? 1e-5 : 1e-12;
  const convolutional: ModelSpec = { family: 'resnet', widths: [2, 3], blocks: [1, 1], classes, channels: 1 };

  /** Gradients of one micro-batch of a fresh model; a resnet takes the examples as images of 3 x 4. */
  function gradientsOf(
    spec: ModelSpec,
    method: MethodName,
    options: { lambda: number; microBatches: number },
  ) {
    return valuesOn(device, () => {
      const values = Float64Array.from({ length: 48 }, (_, i) => Math.sin(2.3 * i + 0.4));
      const x = tensor(values, { shape: spec.family === 'mlp' ? [16, 3] : [4, 1, 3, 4] });
      const y = tensor(Int32Array.from({ length: x.shape[0] }, (_, i) => i % classes));
      return stepOf(buildModel(spec, createGenerator(3)), method, { x, y }, options).gradients;
    });
  }

  it.each([
    ['mlp', smooth],
    ['resnet', convolutional],
  ])('lambda = 0 is LB bit for bit: %s', async (_, spec) => {
    const plain = await gradientsOf(spec, 'LB', { lambda: 0, microBatches: 2 });
    for (const method of penalised) {
      expect(await gradientsOf(spec, method, { lambda: 0, microBatches: 2 }), method).toEqual(plain);
    }
  });

  it('the gradients are the share of one in K micro-batches, penalty included', async () => {
    for (const method of ['LB', 'GN', 'UJ'] as const) {
      const whole = await gradientsOf(smooth, method, { lambda: 0.5, microBatches: 1 });
      const share = await gradientsOf(smooth, method, { lambda: 0.5, microBatches: 5 });
      whole.forEach((values, i) => {
        expectClose(
          share[i],
          Array.from(values, (value) => value / 5),
          rounding,
          method,
        );
      });
    }
  });

  it('the norm is over all parameters jointly', async () => {
    const [norm2, ...gradients] = await valuesOn(device, () => {
      const net = buildModel(convolutional, createGenerator(3));
      const x = tensor(
        Float64Array.from({ length: 48 }, (_, i) => Math.sin(2.3 * i)),
        { shape: [4, 1, 3, 4] },
      );
      const scalar = mean(net.forward(x));
      return [squaredGradientNorm(scalar, net.parameters()), ...grad(scalar, net.parameters())];
    });
    expectClose(norm2, [squaredNorm(gradients.flatMap((values) => Array.from(values)))], rounding, 'norm');
    expect(gradients).toHaveLength(20);
  });
});

/** d (mean over examples of logit c) / d theta, a row for each class. */
async function meanJacobian(net: Module, x: Tensor): Promise<number[][]> {
  const averages = mean(net.forward(x), 0);
  const rows: number[][] = [];
  for (let c = 0; c < classes; c++)
    rows.push(await flat(grad(sum(slice(averages, 0, c, c + 1)), net.parameters())));
  return rows;
}
