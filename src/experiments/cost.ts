/** What runs will cost before they are started: images to work through, divided by images a second measured here. */
import { createGenerator } from '../engine/index.ts';
import { cifarAugmentation, noAugmentation } from './augment.ts';
import type { RunConfig } from './config.ts';
import type { Dataset } from './data/image-set.ts';
import { hasPenalty } from './methods.ts';
import { buildModel, namedModel } from './models.ts';
import { formatSeconds } from './progress.ts';
import type { PlannedRun } from './run-plan.ts';
import type { SoundRun } from './run-store.ts';
import { formatTable } from './table.ts';
import { Training } from './training.ts';

/** Images that a run puts through the model, by what is done with them. */
export interface Work {
  /** Forward and backward: SGD, and measured or recorded norms. */
  readonly plain: number;
  /** Forward, backward, and backward through that. */
  readonly penalised: number;
  /** Forward alone. */
  readonly evaluated: number;
}

/** The same a second, and the seconds that a run takes before its first update. */
export interface Rates extends Work {
  readonly start: number;
}

/** Exact but for epochs that end with a smaller batch, and runs that end early. */
export function workOf(config: RunConfig, testImages: number): Work {
  const { method, derivative, batch, microBatch, steps, recordNormsEvery } = config;
  const looks = Math.ceil(steps / config.evaluateEvery);
  const recordings = recordNormsEvery === null ? 0 : Math.ceil(steps / recordNormsEvery);
  const measured = (looks * config.measureBatches + recordings) * microBatch;
  const evaluated = looks * (config.validationImages ?? 0) + 2 * testImages;
  const images = steps * batch;
  if (method === 'SampleGN') {
    const penalised = steps * microBatch;
    return { plain: images - penalised + measured, penalised, evaluated };
  }
  if (hasPenalty(method) && derivative === 'double-backprop') {
    return { plain: measured, penalised: images, evaluated };
  }
  // A finite difference, SAM and GNP go through the network once or twice more.
  const passes =
    derivative === 'central-difference'
      ? 3
      : hasPenalty(method) || method === 'SAM' || method === 'GNP'
        ? 2
        : 1;
  return { plain: passes * images + measured, penalised: 0, evaluated };
}

export function secondsOf(work: Work, rates: Rates): number {
  return (
    rates.start +
    work.plain / rates.plain +
    work.penalised / rates.penalised +
    work.evaluated / rates.evaluated
  );
}

/** Calls before a measurement, which compile and prepare; how long it goes on, and its most calls. */
const measuring = { before: 3, seconds: 0.5, most: 20 };

/**
 * Times plain and penalised updates of one micro-batch of at most `limit` images, and an evaluation, on the device in use.
 * What comes before, compilation above all, counts as the start of a run.
 */
export async function measureRates(config: RunConfig, dataset: Dataset, limit: number): Promise<Rates> {
  const began = performance.now();
  const images = Math.min(config.microBatch, limit);
  const { train, test } = dataset;
  const spec =
    typeof config.model === 'string' ? namedModel(config.model, train.classes, train.shape) : config.model;
  const training = (method: 'SB' | 'GN') =>
    new Training(buildModel(spec, createGenerator(0)), dataset, {
      method,
      lambda: method === 'GN' ? 1e-6 : 0,
      batch: images,
      microBatch: images,
      learningRate: 1e-6,
      seed: 0,
      augmentation: config.augment ? cifarAugmentation : noAugmentation,
    });
  const [plain, penalised] = [training('SB'), training('GN')];
  const few = { ...test, count: Math.min(test.count, 250, 10 * images) };
  /** Units a second, by the median call. */
  const rate = async (units: number, work: () => Promise<unknown>): Promise<number> => {
    for (let call = 0; call < measuring.before; call++) await work();
    const times: number[] = [];
    const start = performance.now();
    do {
      const from = performance.now();
      await work();
      times.push(performance.now() - from);
    } while (times.length < measuring.most && performance.now() - start < 1000 * measuring.seconds);
    spent += performance.now() - start;
    return (1000 * units) / times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  };
  let spent = 0;
  const rates = {
    plain: await rate(images, () => plain.step()),
    penalised: await rate(images, () => penalised.step()),
    evaluated: await rate(few.count, () => plain.evaluate(few)),
  };
  return { ...rates, start: (performance.now() - began - spent) / 1000 };
}

/** Seconds that finished runs of the same configuration took, seed and recording aside; undefined where there is none. */
export function secondsOfFinished(config: RunConfig, finished: readonly SoundRun[]): number | undefined {
  const key = (each: RunConfig) => JSON.stringify({ ...each, seed: 0, norms: each.norms?.hold ?? null });
  const wanted = key(config);
  const times = finished.flatMap(({ config: each, result }) =>
    result !== undefined && key(each) === wanted ? [result.seconds] : [],
  );
  return times.length === 0 ? undefined : times.reduce((sum, value) => sum + value, 0) / times.length;
}

export interface RunCost {
  readonly run: PlannedRun;
  readonly images: number;
  readonly seconds: number;
  readonly isFinished: boolean;
}

/** One line a kind of run, and what is left in all. `jobs` at once share the machine: the time given is that of one after the other. */
export function costTable(costs: readonly RunCost[], jobs: number): string {
  const kinds = new Map<string, RunCost[]>();
  for (const cost of costs) {
    const kind = cost.run.label.replace(/, seed \d+$/, '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), cost]);
  }
  const rows = [...kinds].map(([kind, members]) => {
    const left = members.filter(({ isFinished }) => !isFinished);
    const [{ images, seconds }] = members;
    return [
      kind,
      members.length,
      members.length - left.length,
      images.toLocaleString('en'),
      Math.round(images / seconds).toLocaleString('en'),
      formatSeconds(seconds),
      formatSeconds(left.reduce((sum, each) => sum + each.seconds, 0)),
    ];
  });
  const left = costs.filter(({ isFinished }) => !isFinished);
  const total = left.reduce((sum, { seconds }) => sum + seconds, 0);
  const share =
    jobs > 1
      ? `; with ${jobs} at once between ${formatSeconds(total / jobs)} and that, as they share the machine`
      : '';
  return [
    formatTable(['runs', 'count', 'done', 'images a run', 'images/s', 'a run', 'left'], rows),
    '',
    left.length === 0
      ? 'All runs are done.'
      : `${left.length} of ${costs.length} runs to make: about ${formatSeconds(total)} one after the other${share}.`,
  ].join('\n');
}
