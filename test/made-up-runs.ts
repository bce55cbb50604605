/** Runs that nobody made: with outcomes whose verdicts are known by hand, as records or as folders. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunConfig, resolveConfig } from '../src/experiments/config.ts';
import type { PlannedRun } from '../src/experiments/run-plan.ts';
import type { SoundRun } from '../src/experiments/run-store.ts';
import type { RunPoint } from '../src/experiments/run-training.ts';

export interface Outcome {
  /** Test accuracy in percent. */
  readonly accuracy: number;
  /** Squared gradient norm in the first and the second half of the run; 1 unless told. */
  readonly early?: number;
  readonly late?: number;
  readonly status?: 'finished' | 'diverged';
}

export const anyConfig: RunConfig = resolveConfig(
  { method: 'LB', data: 'optdigits', batch: 4, microBatch: 2, learningRate: 0.2, steps: 4 },
  'a test',
);

function point(step: number, accuracy: number, microGradientNorm2: number): RunPoint {
  return {
    step,
    epoch: step / 2,
    trainLoss: 1 / step,
    penalty: 0,
    validationLoss: 1,
    validationAccuracy: accuracy / 100,
    microGradientNorm2,
    microGradientNorm: Math.sqrt(microGradientNorm2),
    updateNorm: 0.1,
    imagesPerSecond: 100,
    peakBytes: 1000,
    seconds: step,
  };
}

export function madeUpRun(folder: string, config: RunConfig, outcome: Outcome): SoundRun {
  const { accuracy, early = 1, late = 1, status = 'finished' } = outcome;
  return {
    folder,
    config,
    status,
    environment: { device: 'made-up device', regrad: '0.0.0' },
    points: [1, 2, 3, 4].map((step) => point(step, accuracy, step <= 2 ? early : late)),
    result: {
      status,
      bestStep: 4,
      bestValidationAccuracy: accuracy / 100,
      testAccuracy: accuracy / 100,
      finalTestAccuracy: (accuracy - 1) / 100,
      averageMicroGradientNorm2: (early + late) / 2,
      seconds: 2,
    },
  };
}

/** Writes a run's folder below `root`, as training would have left it. */
export async function putRun(root: string, run: PlannedRun, outcome: Outcome): Promise<void> {
  const folder = join(root, run.name);
  const { config, environment, points, result } = madeUpRun(folder, run.config, outcome);
  await mkdir(folder, { recursive: true });
  const put = (name: string, text: string) => writeFile(join(folder, name), text);
  await put('config.json', JSON.stringify(config));
  await put('environment.json', JSON.stringify(environment));
  await put('metrics.jsonl', points.map((each) => `${JSON.stringify(each)}\n`).join(''));
  await put('result.json', JSON.stringify(result));
}
