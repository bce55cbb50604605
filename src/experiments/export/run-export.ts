/** A run in the formats of other programs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { parseSafetensors, type RawTensor, serializeSafetensors } from '../../nn/index.ts';
import { readNewestCheckpoint } from '../checkpoint.ts';
import { configHash } from '../config.ts';
import type { SoundRun } from '../run-store.ts';
import type { RunPoint } from '../run-training.ts';
import { type NamedArray, npz } from './npz.ts';
import { tensorboardEvents } from './tensorboard.ts';

/** Each format: what its file is called, and how it is made. */
export const exportFormats = {
  tensorboard: { file: 'events.out.tfevents.regrad', content: tensorboard },
  csv: { file: 'metrics.csv', content: csv },
  safetensors: { file: 'weights.safetensors', content: safetensors },
  npz: { file: 'run.npz', content: numpy },
} as const satisfies Record<
  string,
  { file: string; content: (run: SoundRun) => Promise<Uint8Array | string> }
>;
export type ExportFormat = keyof typeof exportFormats;

/** Scalars by the names of metrics.jsonl, those of training and of validation apart; one that is no number is NaN. */
async function tensorboard({ folder, points, environment }: SoundRun): Promise<Uint8Array> {
  needPoints(folder, points);
  const started = Date.parse(String(environment.startedAt)) / 1000 || 0;
  return tensorboardEvents(
    points.map(({ step, ...scalars }) => ({ wallTime: started + scalars.seconds, step, scalars })),
  );
}

/** One line for each point, under the names of metrics.jsonl. */
async function csv({ folder, points }: SoundRun): Promise<string> {
  needPoints(folder, points);
  return stringify([...points], { header: true, columns: Object.keys(points[0]), cast: { number: String } });
}

/** The weights best in validation so far; before the first evaluation those of the newest checkpoint. */
async function safetensors(run: SoundRun): Promise<Uint8Array> {
  return serializeSafetensors(await bestWeights(run), { format: 'pt' });
}

/** The same weights by their names, and the columns of the metrics as `metrics.NAME`. */
async function numpy(run: SoundRun): Promise<Uint8Array> {
  const weights = [...(await bestWeights(run))].map(
    ([name, { shape, data }]): NamedArray => ({
      name,
      shape,
      data: data instanceof Int32Array ? data : Float32Array.from(data, Number),
    }),
  );
  const columns = Object.keys(run.points[0] ?? {}) as (keyof RunPoint)[];
  const metrics = columns.map(
    (name): NamedArray => ({
      name: `metrics.${name}`,
      shape: [run.points.length],
      data: Float64Array.from(run.points, (point) => point[name]),
    }),
  );
  return npz([...weights, ...metrics]);
}

function needPoints(folder: string, points: readonly RunPoint[]): void {
  if (points.length === 0) {
    throw new Error(`${folder} has no metrics yet; there is nothing to export before the first evaluation.`);
  }
}

async function bestWeights({ folder, config, result }: SoundRun): Promise<Map<string, RawTensor>> {
  if (result) {
    const path = join(folder, 'weights.safetensors');
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new Error(`${folder} is done, but has no weights.safetensors; the run is damaged.`, {
        cause: error,
      });
    });
    return parseSafetensors(bytes, path).tensors;
  }
  const checkpoint = await readNewestCheckpoint(folder, configHash(config));
  if (!checkpoint) throw new Error(`${folder} has no checkpoint yet; there are no weights to export.`);
  const { tensors, best } = checkpoint.state;
  const prefix = best ? 'best.' : 'model.';
  return new Map(
    [...tensors].flatMap(([name, { shape, data }]): [string, RawTensor][] => {
      if (!name.startsWith(prefix)) return [];
      const raw: RawTensor =
        data instanceof Int32Array
          ? { dtype: 'I32', shape, data: Int32Array.from(data) }
          : { dtype: 'F32', shape, data: Float32Array.from(data) };
      return [[name.slice(prefix.length), raw]];
    }),
  );
}
