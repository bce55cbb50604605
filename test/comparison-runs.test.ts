/** The main comparison at a tiny size: who runs, with which seeds, on which images. */
import { describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import {
  type ComparisonConfig,
  comparisonImages,
  quickComparison,
  runComparison,
} from '../src/experiments/main-comparison.ts';
import { type MainMethod, mainMethods } from '../src/experiments/methods.ts';
import { reference } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

describe('the comparison', () => {
  const tiny: ComparisonConfig = {
    ...quickComparison,
    model: 'mlp[4]',
    trainImages: 12,
    validationImages: 6,
    testImages: 6,
    microBatch: 2,
    microBatches: 3,
    steps: 2,
    evaluateEvery: 1,
    measureBatches: 1,
    seeds: [4, 5],
  };

  it('runs every method with every seed, paired: equal weights and images at the start', async () => {
    setDevice(reference);
    const progress: [number, number][] = [];
    const seen: string[] = [];
    const runs = await runComparison(tiny, syntheticDataset({ train: 20, test: 8 }), {
      onProgress: (done, total) => progress.push([done, total]),
      onPoint: (method, seed, { step }) => {
        seen.push(`${method} ${seed} ${step}`);
      },
    });
    expect(runs.map(({ method, seed }) => `${method} ${seed}`)).toEqual(
      [4, 5].flatMap((seed) => mainMethods.map((method) => `${method} ${seed}`)),
    );
    expect(seen).toEqual(
      runs.flatMap(({ method, seed }) => [1, 2].map((step) => `${method} ${seed} ${step}`)),
    );
    for (const { method, config, result } of runs) {
      expect(config.batch).toBe(method === 'SB' ? 2 : 6);
      expect(config.microBatch).toBe(2);
      expect(result.status).toBe('finished');
    }
    // The first loss is known before any update: the same for all that see the same batch with the same weights.
    const firstLoss = (method: MainMethod, seed: number) =>
      runs.find((run) => run.method === method && run.seed === seed)?.result.points[0].trainLoss;
    for (const method of ['GN', 'FT', 'AJ', 'UJ'] as const) {
      expect(firstLoss(method, 4)).toBe(firstLoss('LB', 4));
    }
    expect(firstLoss('LB', 5)).not.toBe(firstLoss('LB', 4));

    expect(progress).toHaveLength(runs.length * tiny.steps);
    const done = progress.map(([value]) => value);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1]);
  });

  it('takes parts of the data that do not overlap', () => {
    const dataset = syntheticDataset({ train: 20, test: 8 });
    const { train, validation, test } = comparisonImages(tiny, dataset);
    expect([train.count, validation.count, test.count]).toEqual([12, 6, 6]);
    const keys = (images: Uint8Array) => {
      const size = 64;
      return Array.from({ length: images.length / size }, (_, i) =>
        images.slice(i * size, (i + 1) * size).join(),
      );
    };
    const all = [...keys(train.images), ...keys(validation.images), ...keys(test.images)];
    expect(new Set(all).size).toBe(24);
  });
});
