/** The methods by the identities that define them, on smooth tiny models in float64 unless told. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  assign,
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
import {
  type Draws,
  hasPenalty,
  type MethodName,
  methodNames,
  microStep,
  randomDraws,
  squaredGradientNorm,
} from '../src/experiments/methods.ts';
import { buildModel, type ModelSpec } from '../src/experiments/models.ts';
import type { Module } from '../src/nn/index.ts';
import { devices, expectClose, reference, valuesOn } from './devices.ts';

const classes = 3;
const smooth: ModelSpec = { family: 'mlp', inputs: 3, hidden: [4], classes, activation: 'tanh' };
const penalised = methodNames.filter(hasPenalty);

/** Draws that a test knows. */
const fixedDraws: Draws = {
  labels: ({ shape: [n] }) => tensor(Int32Array.from({ length: n }, (_, i) => (2 * i + 1) % classes)),
  direction: () => tensor([2 / 3, -1 / 3, 2 / 3]),
};

function inputs(count: number): { x: Tensor; y: Tensor } {
  const values = Float64Array.from({ length: 3 * count }, (_, i) => Math.sin(2.3 * i + 0.4));
  return {
    x: tensor(values, { shape: [count, 3] }),
    y: tensor(Int32Array.from({ length: count }, (_, i) => (i * i) % classes)),
  };
}

/** What one micro-batch gives: all examples of x. */
function stepOf(
  model: Module,
  method: MethodName,
  { x, y }: { x: Tensor; y: Tensor },
  {
    lambda = 1,
    microBatches = 1,
    draws = fixedDraws,
  }: { lambda?: number; microBatches?: number; draws?: Draws } = {},
) {
  const micro = { logits: model.forward(x), labels: y, draws };
  return microStep({ method, lambda, microBatches }, model.parameters(), micro);
}

async function flat(tensors: readonly Tensor[]): Promise<number[]> {
  return (await read(...tensors)).flatMap((values) => Array.from(values));
}

const squaredNorm = (values: readonly number[]) => values.reduce((total, value) => total + value ** 2, 0);

/** Runs `evaluate` with the parameters moved by `amount` along `direction`, and moves them back. */
async function moved<T>(
  model: Module,
  direction: readonly number[],
  amount: number,
  evaluate: () => Promise<T>,
): Promise<T> {
  const parameters = model.parameters();
  const before = (await read(...parameters)).map((values) => Float64Array.from(values));
  let at = 0;
  parameters.forEach((parameter, i) => {
    const values = before[i].map((value) => value + amount * direction[at++]);
    assign(parameter, tensor(values, { shape: parameter.shape }));
  });
  const result = await evaluate();
  parameters.forEach((parameter, i) => {
    assign(parameter, tensor(before[i], { shape: parameter.shape }));
  });
  return result;
}

describe('the penalties', () => {
  beforeEach(() => setDevice(reference));
  const model = () => buildModel(smooth, createGenerator(5));

  it('belong to GN, FT, AJ and UJ', async () => {
    expect(penalised).toEqual(['GN', 'FT', 'AJ', 'UJ']);
    for (const method of methodNames) {
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
      penalties.push((await flat([stepOf(net, 'GN', micro).penalty ?? tensor(Number.NaN)]))[0]);
    }
    const whole = await flat(stepOf(net, 'LB', { x, y }).gradients);
    const variance =
      gradients.reduce((total, g) => total + squaredNorm(g.map((value, i) => value - whole[i])), 0) / 4;
    expectClose([penalties.reduce((a, b) => a + b) / 4], [squaredNorm(whole) + variance], 1e-12, 'the mean');
    expect(variance).toBeGreaterThan(0.01);
  });

  it.each(penalised)(
    '%s: gradients of the loss with penalty are those of finite differences',
    async (method) => {
      const net = model();
      const batch = inputs(3);
      const lambda = 0.7;
      const gradient = await flat(stepOf(net, method, batch, { lambda }).gradients);
      const objective = async () => {
        const { loss, penalty } = stepOf(net, method, batch, { lambda });
        const [l, r] = await flat([loss, penalty ?? tensor(Number.NaN)]);
        return l + lambda * r;
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
    const penaltyOf = async (method: MethodName, u = [2 / 3, -1 / 3, 2 / 3]) => {
      const draws = { ...fixedDraws, direction: () => tensor(u) };
      return (await flat([stepOf(net, method, batch, { draws }).penalty ?? tensor(Number.NaN)]))[0];
    };
    expectClose([await penaltyOf('AJ')], [combined([1, 1, 1])], 1e-12, 'AJ');
    expectClose([await penaltyOf('UJ')], [combined([2 / 3, -1 / 3, 2 / 3])], 1e-7, 'UJ');
    // AJ = sqrt(C) J^T u with u = (1, ..., 1) / sqrt(C).
    const even = Array<number>(classes).fill(1 / Math.sqrt(classes));
    expectClose([await penaltyOf('AJ')], [classes * (await penaltyOf('UJ', even))], 1e-12, 'AJ by UJ');
    // The mean over an orthonormal basis is that over the sphere: E ||J^T u||^2 = ||J||^2 / C.
    const basis = [
      [2 / 3, -1 / 3, 2 / 3],
      [2 / 3, 2 / 3, -1 / 3],
      [-1 / 3, 2 / 3, 2 / 3],
    ];
    const values = [];
    for (const u of basis) values.push(await penaltyOf('UJ', u));
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
        const [penalty] = await flat([stepOf(net, 'FT', batch, { draws }).penalty ?? tensor(Number.NaN)]);
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
    const [ft, lb, onDrawn] = [
      stepOf(net, 'FT', batch),
      stepOf(net, 'LB', batch),
      stepOf(net, 'GN', { x: batch.x, y: tensor(Int32Array.from(drawn)) }),
    ];
    const [loss, penalty, trueLoss, drawnPenalty] = await flat([
      ft.loss,
      ft.penalty ?? tensor(Number.NaN),
      lb.loss,
      onDrawn.penalty ?? tensor(Number.NaN),
    ]);
    expect(loss).toBe(trueLoss);
    expect(penalty).toBe(drawnPenalty);
  });
});

describe('the random choices', () => {
  beforeEach(() => setDevice(reference));

  it('are made once for a micro-batch, and only by the method that needs them', () => {
    const net = buildModel(smooth, createGenerator(5));
    const asked: string[] = [];
    const draws: Draws = {
      labels: (logits) => {
        asked.push(`labels ${logits.shape}`);
        return fixedDraws.labels(logits);
      },
      direction: (count) => {
        asked.push(`direction ${count}`);
        return fixedDraws.direction(count);
      },
    };
    const askedBy = methodNames.map((method) => {
      asked.length = 0;
      stepOf(net, method, inputs(4), { draws });
      return asked.join();
    });
    expect(askedBy).toEqual(['', '', '', 'labels 4,3', '', 'direction 3']);
  });

  it('are constants: no gradient flows through what labels are drawn from, nor through the drawing', async () => {
    const net = buildModel(smooth, createGenerator(5));
    let seen: Tensor | undefined;
    const step = stepOf(net, 'FT', inputs(4), {
      draws: {
        ...fixedDraws,
        labels: (logits) => {
          seen = logits;
          return randomDraws(createGenerator(1)).labels(logits);
        },
      },
    });
    if (!seen) throw new Error('No labels were drawn.');
    expect(new Set(await flat(grad(sum(seen), net.parameters())))).toEqual(new Set([0]));
    // The same labels as plain numbers give the same gradients.
    const labels = await randomDraws(createGenerator(1)).labels(seen).data();
    const plain = stepOf(net, 'FT', inputs(4), {
      draws: { ...fixedDraws, labels: () => tensor(Int32Array.from(labels)) },
    });
    expect(await flat(step.gradients)).toEqual(await flat(plain.gradients));
  });

  it('draw a label for each example by softmax(logits)', async () => {
    const rows = 3000;
    const logits = [1, 0, -1];
    const same = tensor(
      Float64Array.from({ length: rows * classes }, (_, i) => logits[i % classes]),
      {
        shape: [rows, classes],
      },
    );
    const labels = Array.from(await randomDraws(createGenerator(2, 1)).labels(same).data());
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    logits.forEach((z, label) => {
      const p = Math.exp(z) / total;
      const share = labels.filter((drawn) => drawn === label).length / rows;
      // Four standard errors.
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / rows));
    });
  });

  it('draw unit vectors, uniform on the sphere, anew each time', async () => {
    const draws = randomDraws(createGenerator(2, 1));
    const count = 500;
    const vectors = await read(...Array.from({ length: count }, () => draws.direction(classes)));
    for (const vector of vectors) expect(squaredNorm([...vector])).toBeCloseTo(1, 12);
    expect(new Set(vectors.map((vector) => vector.join())).size).toBe(count);
    // E u_i = 0 and E u_i u_j = [i = j] / C; Var u_i = 1/3, Var u_i^2 = 4/45, Var u_i u_j = 1/15.
    const average = (f: (u: ArrayLike<number>) => number) =>
      vectors.reduce((total, u) => total + f(u), 0) / count;
    for (let i = 0; i < classes; i++) {
      expect(Math.abs(average((u) => u[i]))).toBeLessThan(4 * Math.sqrt(1 / 3 / count));
      for (let j = 0; j <= i; j++) {
        const [expected, variance] = i === j ? [1 / 3, 4 / 45] : [0, 1 / 15];
        expect(Math.abs(average((u) => u[i] * u[j]) - expected)).toBeLessThan(
          4 * Math.sqrt(variance / count),
        );
      }
    }
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
    const [gradients, norm2] = await (async () => {
      const values = await valuesOn(device, () => {
        const net = buildModel(convolutional, createGenerator(3));
        const x = tensor(
          Float64Array.from({ length: 48 }, (_, i) => Math.sin(2.3 * i)),
          { shape: [4, 1, 3, 4] },
        );
        const scalar = mean(net.forward(x));
        return [squaredGradientNorm(scalar, net.parameters()), ...grad(scalar, net.parameters())];
      });
      return [values.slice(1), values[0]];
    })();
    expectClose(norm2, [squaredNorm(gradients.flatMap((values) => Array.from(values)))], rounding, 'norm');
    expect(gradients).toHaveLength(21);
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
