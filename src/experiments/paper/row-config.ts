/** The configuration of a row in a setting: what reproductions run, and presets name. */
import type { Row } from './experiment.ts';
import { batchesOf } from './rows-table.ts';
import type { Setting } from './settings.ts';

/** All but the seed, what selects checkpoints, and where external grafting takes its norms from. */
export function rowConfig(row: Row, setting: Setting) {
  return {
    method: row.method,
    learningRate: row.learningRate,
    lambda: row.lambda,
    ...batchesOf(row, setting),
    // Whether or not grafting is asked for: a run is the same for every experiment.
    recordNormsEvery: row.method === 'SB' ? setting.holdNorms : null,
    model: setting.model,
    data: setting.data,
    trainImages: setting.trainImages,
    validationImages: setting.validationImages,
    testImages: setting.testImages,
    augment: setting.augment,
    lastBatch: setting.lastBatch,
    steps: setting.steps,
    evaluateEvery: setting.evaluateEvery,
    measureBatches: setting.measureBatches,
  };
}
