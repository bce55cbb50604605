/** What runs cost: arithmetic on images and rates. */
import { describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { type RunConfig, resolveConfig } from '../src/experiments/config.ts';
import { costTable, measureRates, secondsOf, secondsOfFinished, workOf } from '../src/experiments/cost.ts';
import { reference } from './devices.ts';
import { anyConfig, madeUpRun } from './made-up-runs.ts';
import { syntheticDataset } from './synthetic-images.ts';

/** Ten updates of 8 images, two evaluations of 50 images and three measured micro-batches of 2. */
function config(changes: Record<string, unknown>): RunConfig {
  const base = {
    method: 'LB',
    data: 'optdigits',
    batch: 8,
    microBatch: 2,
    learningRate: 1,
    steps: 10,
    evaluateEvery: 5,
    measureBatches: 3,
    validationImages: 50,
  };
  return resolveConfig({ ...base, ...changes }, 'a test');
}

describe('the work of a run', () => {
  const evaluated = 2 * 50 + 2 * 20;
  const measured = 2 * 3 * 2;
  it.each([
    ['LB', {}, 80 + measured, 0],
    ['GN', { lambda: 1 }, measured, 80],
    ['SampleGN', { lambda: 1 }, 60 + measured, 20],
    [
      'GN by a difference',
      { method: 'GN', lambda: 1, derivative: 'forward-difference', radius: 1 },
      160 + measured,
      0,
    ],
    ['SAM', { radius: 1 }, 160 + measured, 0],
    ['LB that records norms', { method: 'LB', recordNormsEvery: 4 }, 80 + measured + 3 * 2, 0],
  ])('of %s', (method, changes, plain, penalised) => {
    expect(workOf(config({ method, ...changes }), 20)).toEqual({ plain, penalised, evaluated });
  });

  it('takes the time that the rates give it', () => {
    const rates = { plain: 10, penalised: 5, evaluated: 100, start: 2 };
    expect(secondsOf({ plain: 40, penalised: 20, evaluated: 50 }, rates)).toBe(2 + 4 + 4 + 0.5);
  });

  it('is known from finished runs, whatever their seed', () => {
    const finished = [0, 1].map((seed) => madeUpRun('x', config({ seed }), { accuracy: 50 }));
    expect(secondsOfFinished(config({ seed: 7 }), finished)).toBe(2);
    expect(secondsOfFinished(config({ learningRate: 2 }), finished)).toBeUndefined();
  });
});

describe('rates', () => {
  it('are measured by training a little', async () => {
    setDevice(reference);
    const rates = await measureRates(
      { ...anyConfig, model: 'mlp[4]' },
      syntheticDataset({ train: 20, test: 8 }),
      2,
    );
    for (const value of Object.values(rates)) expect(value).toBeGreaterThan(0);
  });
});

describe('the table of costs', () => {
  const cost = (label: string, isFinished: boolean) => ({
    run: { name: label, config: anyConfig, label },
    images: 600,
    seconds: 30,
    isFinished,
  });

  it('has a line for each kind of run and says what is left', () => {
    const text = costTable(
      [cost('LB, seed 0', true), cost('LB, seed 1', false), cost('GN, |M| = 2, seed 0', false)],
      1,
    );
    expect(text.split('\n')).toEqual([
      '| runs          | count | done | images a run | images/s | a run | left |',
      '| :------------ | ----: | ---: | -----------: | -------: | ----: | ---: |',
      '| LB            |     2 |    1 |          600 |       20 |  30 s | 30 s |',
      '| GN, \\|M\\| = 2 |     1 |    0 |          600 |       20 |  30 s | 30 s |',
      '',
      '2 of 3 runs to make: about 1 min 0 s one after the other.',
    ]);
  });

  it('gives a range for several at once, and knows when there is nothing to do', () => {
    expect(costTable([cost('LB, seed 0', false), cost('LB, seed 1', false)], 2)).toContain(
      'with 2 at once between 30 s and that',
    );
    expect(costTable([cost('LB, seed 0', true)], 2)).toContain('All runs are done.');
  });
});
