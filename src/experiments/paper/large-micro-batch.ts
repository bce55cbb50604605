/**
 * Large micro-batch.
 *
 * Claim: the penalties work because micro-batches are small. As |M| grows towards |B|, accuracy falls back towards LB, or
 * below it.
 *
 * Method: GN and FT with |M| = |B| / 2 beside the same with the usual |M|. With them grow the batches that batch norm
 * normalises, as in the official code.
 */
import type { FigureOptions } from '../figure.ts';
import type { MethodName } from '../methods.ts';
import type { Experiment, Row } from './experiment.ts';
import { mainRows } from './main-table.ts';
import { type OfficialNumber, official } from './official-numbers.ts';
import { type RowResult, rowEstimate, testAccuracy } from './results.ts';
import { batchesOf, batchesText, rowsTable } from './rows-table.ts';
import type { Setting, SettingKey } from './settings.ts';

interface Large {
  readonly method: 'GN' | 'FT';
  readonly microBatch: number;
  readonly eta: number;
  readonly lambda: number;
  readonly official: OfficialNumber;
}

const readme = {
  gn: official('ResNet-18/CIFAR-100', 'GN, |M| = 2560'),
  ft: official('ResNet-18/CIFAR-100', 'FT, |M| = 2560'),
};

/** Rates and lambdas: README of the official code; `quick` and `small10`, those of the main comparison. */
const large: Readonly<Partial<Record<SettingKey, readonly Large[]>>> = {
  quick: [
    { method: 'GN', microBatch: 24, eta: 1, lambda: 0.05, official: readme.gn },
    { method: 'FT', microBatch: 24, eta: 1, lambda: 0.05, official: readme.ft },
  ],
  small10: [
    { method: 'GN', microBatch: 256, eta: 0.1, lambda: 0.01, official: readme.gn },
    { method: 'FT', microBatch: 256, eta: 0.1, lambda: 0.01, official: readme.ft },
  ],
  small100: [
    { method: 'GN', microBatch: 256, eta: 0.5, lambda: 0.0025, official: readme.gn },
    { method: 'FT', microBatch: 256, eta: 0.1, lambda: 0.01, official: readme.ft },
  ],
  // The README's first row, with the rate and lambda that are known for it: see the note to the number.
  resnet100: [
    { method: 'GN', microBatch: 2560, eta: 0.5, lambda: 0.0025, official: readme.gn },
    { method: 'FT', microBatch: 2560, eta: 0.1, lambda: 0.01, official: readme.ft },
  ],
  vgg11: [1000, 2500].map((microBatch) => ({
    method: 'GN',
    microBatch,
    eta: 0.01,
    lambda: 0.25,
    official: official('VGG-11/CIFAR-10', `GN, |M| = ${microBatch}`),
  })),
};

const references: readonly MethodName[] = ['SB', 'LB', 'GN', 'FT'];

export const largeMicroBatch: Experiment = {
  id: 'large',
  title: 'Large micro-batch',
  claim:
    'The gain of GN and FT goes as |M| grows towards |B|: with |M| = |B| / 2 accuracy falls towards LB, or below it.',
  rows: (key) => {
    const counterpart = key === 'vgg11' ? 'VGG-11/CIFAR-10' : 'ResNet-18/CIFAR-100';
    const rows = large[key]?.map(
      ({ method, microBatch, eta, lambda, official }): Row => ({
        name: `${method}, |M| = ${microBatch}`,
        method,
        microBatch,
        learningRate: eta,
        lambda,
        official,
      }),
    );
    return rows ? [...mainRows(key, references, counterpart), ...rows] : [];
  },
  show: (setting, rows) => ({
    tables: [rowsTable('large-micro-batch', setting, rows)],
    figures: {
      'large-micro-batch': bySize(
        'Accuracy by micro-batch size',
        '|M|',
        setting,
        levels(rows, ['SB', 'LB']),
        [
          ['GN', rows.filter(({ row }) => row.method === 'GN')],
          ['FT', rows.filter(({ row }) => row.method === 'FT')],
        ],
      ),
    },
  }),
};

/** Test accuracy against a size, one line a group with its 95 % intervals, beside the levels of other rows. */
export function bySize(
  title: string,
  size: string,
  setting: Setting,
  levels: readonly RowResult[],
  groups: readonly (readonly [name: string, rows: readonly RowResult[]])[],
): FigureOptions {
  const sizes = groups.flatMap(([, rows]) => rows.map(({ row }) => batchesOf(row, setting).microBatch));
  const ends = [Math.min(...sizes), Math.max(...sizes)];
  const lines = groups.map(([name, rows]) => ({
    name,
    bars: true,
    points: rows
      .map((result) => {
        const { mean: y, halfWidth } = rowEstimate(result, testAccuracy);
        return { x: batchesOf(result.row, setting).microBatch, y, low: y - halfWidth, high: y + halfWidth };
      })
      .sort((a, b) => a.x - b.x),
  }));
  return {
    title,
    subtitle: `${setting.name}, ${batchesText(setting, [...levels, ...groups.flatMap(([, rows]) => rows)])}; bars are 95 % intervals over seeds`,
    columns: 1,
    width: 640,
    panels: [
      {
        title: 'Test accuracy',
        xLabel: size,
        yLabel: 'accuracy, %',
        series: [
          ...levels.map((result) => ({
            name: result.row.name,
            level: true,
            points: ends.map((x) => ({ x, y: rowEstimate(result, testAccuracy).mean })),
          })),
          ...lines,
        ],
      },
    ],
  };
}

/** The rows of these names. */
export function levels(rows: readonly RowResult[], names: readonly string[]): RowResult[] {
  return rows.filter(({ row }) => names.includes(row.name));
}
