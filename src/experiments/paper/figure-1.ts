/**
 * Figure 1: validation accuracy and average micro-batch gradient norm against updates.
 *
 * Claim: with GN and FT the micro-batch gradient norm follows that of SB early in training, and validation accuracy recovers;
 * with AJ and UJ neither happens.
 *
 * Method: the runs of the main comparison, looked at as they go on. It needs none of its own.
 */
import { acrossSeeds, type FigureOptions, type FigurePoint } from '../figure.ts';
import type { RunPoint } from '../run-training.ts';
import type { Experiment } from './experiment.ts';
import { mainRows } from './main-table.ts';
import type { RowResult } from './results.ts';
import { batchesText } from './rows-table.ts';
import type { Setting } from './settings.ts';

export const figure1: Experiment = {
  id: 'figure1',
  title: 'Figure 1: validation accuracy and micro-batch gradient norm during training',
  claim:
    'With GN and FT the average micro-batch gradient norm follows that of SB early in training and accuracy recovers; with ' +
    'AJ and UJ it does not.',
  rows: (key) => mainRows(key),
  show: (setting, rows) => ({
    tables: [],
    figures: { 'figure-1': trajectories('Small batch, large batch, and four penalties', setting, rows) },
  }),
};

/** Validation accuracy and gradient norm against updates: one line a row, with a band over seeds. */
export function trajectories(title: string, setting: Setting, rows: readonly RowResult[]): FigureOptions {
  const seeds = Math.max(...rows.map(({ runs }) => runs.length));
  const series = (value: (point: RunPoint) => number) =>
    rows.map(({ row, runs }) => ({
      name: row.name,
      points: acrossSeeds(
        runs.flatMap(({ record }) =>
          record?.status === 'finished'
            ? [record.points.map((point) => ({ x: point.step, y: value(point) }))]
            : [],
        ),
        'std',
      ),
    }));
  // The axis is logarithmic, and so are mean and deviation: a factor counts the same up and down.
  const norms = series((point) => Math.log(point.microGradientNorm2)).map(({ name, points }) => ({
    name,
    points: points.map(({ x, ...values }) => ({ x, ...exponentials(values) })),
  }));
  return {
    title,
    subtitle:
      `${setting.name}, ${batchesText(setting, rows)}; ` +
      (seeds > 1 ? `mean of ${seeds} seeds, band ± one standard deviation` : 'one seed'),
    panels: [
      {
        title: 'Validation accuracy',
        xLabel: 'updates',
        yLabel: 'accuracy, %',
        series: series((point) => 100 * point.validationAccuracy),
      },
      {
        title: 'Average micro-batch gradient norm',
        xLabel: 'updates',
        yLabel: seeds > 1 ? 'squared norm, geometric mean' : 'squared norm',
        logY: true,
        series: norms,
      },
    ],
  };
}

function exponentials({ y, low, high }: Omit<FigurePoint, 'x'>): Omit<FigurePoint, 'x'> {
  return low === undefined || high === undefined
    ? { y: Math.exp(y) }
    : { y: Math.exp(y), low: Math.exp(low), high: Math.exp(high) };
}
