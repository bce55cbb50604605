/** What the methods draw at random: when, how often, with which distribution. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createGenerator, grad, read, setDevice, sum, type Tensor, tensor } from '../src/engine/index.ts';
import { type Draws, mainMethods, randomDraws } from '../src/experiments/methods.ts';
import { buildModel } from '../src/experiments/models.ts';
import { reference } from './devices.ts';
import { classes, fixedDraws, flat, inputs, smooth, squaredNorm, stepOf } from './micro-steps.ts';

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
    const askedBy = mainMethods.map((method) => {
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
