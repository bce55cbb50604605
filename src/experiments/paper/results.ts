/** What the runs of a row gave, seed by seed, and what can be said of it. */
import type { SoundRun } from '../run-store.ts';
import { type Estimate, estimate, mean } from '../statistics.ts';
import type { Row } from './experiment.ts';
import type { Setting } from './settings.ts';

/** The runs of one row or combination. */
export interface SeedRuns {
  /** In order of the seeds; without a record where the run is still to be made. */
  readonly runs: readonly { readonly seed: number; readonly record?: SoundRun }[];
}

export interface RowResult extends SeedRuns {
  readonly row: Row;
}

/** All rows of a setting that any experiment has, by name. */
export interface SettingResults {
  readonly setting: Setting;
  readonly rows: ReadonlyMap<string, RowResult>;
}

/** A number that a finished run gave. */
export type Measure = (record: SoundRun) => number;

export const testAccuracy: Measure = ({ result }) => 100 * (result?.testAccuracy ?? Number.NaN);
export const finalAccuracy: Measure = ({ result }) => 100 * (result?.finalTestAccuracy ?? Number.NaN);
export const validationAccuracy: Measure = ({ result }) =>
  100 * (result?.bestValidationAccuracy ?? Number.NaN);
export const gradientNorm2: Measure = ({ result }) => result?.averageMicroGradientNorm2 ?? Number.NaN;
export const seconds: Measure = ({ result }) => result?.seconds ?? Number.NaN;

/** Mean over the first or the second half of the run's points of ln || g_M ||^2: a factor counts the same up and down. */
export const logNorm =
  (half: 'early' | 'late'): Measure =>
  ({ points }) => {
    const middle = Math.ceil(points.length / 2);
    const part = half === 'early' ? points.slice(0, middle) : points.slice(middle);
    return mean(part.map(({ microGradientNorm2 }) => Math.log(microGradientNorm2)));
  };

/** By seed, of the runs that finished. A diverged run has no number to compare: it is told, not averaged. */
export function valuesBySeed({ runs }: SeedRuns, measure: Measure): Map<number, number> {
  return new Map(
    runs.flatMap(({ seed, record }) =>
      record?.status === 'finished' ? [[seed, measure(record)] as const] : [],
    ),
  );
}

export function rowEstimate(row: SeedRuns, measure: Measure): Estimate {
  return estimate([...valuesBySeed(row, measure).values()]);
}

/** `combine` of the values of several rows, seed by seed, over the seeds for which each of them has finished. */
export function paired(
  rows: readonly SeedRuns[],
  measure: Measure,
  combine: (values: readonly number[]) => number,
): Estimate {
  const [first, ...others] = rows.map((row) => valuesBySeed(row, measure));
  if (first === undefined) return estimate([]);
  return estimate(
    [...first].flatMap(([seed, value]) => {
      const values = [value, ...others.flatMap((other) => other.get(seed) ?? [])];
      return values.length === rows.length ? [combine(values)] : [];
    }),
  );
}

/** "3", or how many of the runs are in the numbers and what became of the rest. */
export function countText({ runs }: SeedRuns): string {
  const finished = runs.filter(({ record }) => record?.status === 'finished').length;
  const diverged = runs.filter(({ record }) => record?.status === 'diverged').length;
  const missing = runs.length - finished - diverged;
  const rest = [
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(missing > 0 ? [`${missing} not finished`] : []),
  ];
  return rest.length === 0 ? String(finished) : `${finished} (${rest.join(', ')})`;
}
