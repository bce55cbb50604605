/**
 * Sample micro-batch.
 *
 * Claim: penalising one micro-batch S of each mini-batch, drawn anew for each update, keeps most of GN's gain while S is
 * small, for a fraction of the work; less remains when S is large.
 *
 * Method: L_B + lambda || g_S ||^2 with S one of the |B| / |S| micro-batches. So the mini-batch is cut into micro-batches of
 * that size, which batch norm follows. Beside the best checkpoint the end of training is shown, as in the README.
 */
import type { Experiment, Row } from './experiment.ts';
import { bySize, levels } from './large-micro-batch.ts';
import { mainRows } from './main-table.ts';
import { type OfficialNumber, official } from './official-numbers.ts';
import { rowsTable } from './rows-table.ts';
import type { SettingKey } from './settings.ts';

interface Sample {
  readonly size: number;
  readonly lambda: number;
  readonly official: OfficialNumber;
}

const readme = (size: number) => official('VGG-11/CIFAR-10', `|S| = ${size}`);

/** Half of |M|, |M|, and half of |B|. */
const small: readonly Sample[] = [
  { size: 32, lambda: 0.01, official: readme(50) },
  { size: 64, lambda: 0.01, official: readme(100) },
  { size: 256, lambda: 0.01, official: readme(2500) },
];

/** Lambdas: README of the official code; `quick` and `small`, those of GN. The rate is that of LB. */
const samples: Readonly<Partial<Record<SettingKey, readonly Sample[]>>> = {
  quick: [
    { size: 8, lambda: 0.05, official: readme(50) },
    { size: 16, lambda: 0.05, official: readme(100) },
    { size: 24, lambda: 0.05, official: readme(2500) },
  ],
  small10: small,
  small100: small,
  vgg11: [
    { size: 50, lambda: 0.25, official: readme(50) },
    { size: 100, lambda: 0.5, official: readme(100) },
    { size: 1000, lambda: 0.5, official: readme(1000) },
    { size: 2500, lambda: 0.5, official: readme(2500) },
  ],
};

const references = ['SB', 'LB', 'GN'];

export const sampleMicroBatch: Experiment = {
  id: 'sample',
  title: 'Sample micro-batch',
  claim:
    "Penalising one small micro-batch S of each mini-batch keeps most of GN's gain; a large S keeps less.",
  rows: (key) => {
    const sizes = samples[key];
    if (!sizes) return [];
    const main = mainRows(key, references, 'VGG-11/CIFAR-10');
    const rate = main.find(({ name }) => name === 'LB')?.learningRate ?? 0;
    const rows = sizes.map(
      ({ size, lambda, official }): Row => ({
        name: `|S| = ${size}`,
        method: 'SampleGN',
        microBatch: size,
        learningRate: rate,
        lambda,
        official,
      }),
    );
    return [...main.flatMap((row) => [row, ...slowed(row, rate)]), ...rows];
  },
  show: (setting, rows) => ({
    tables: [rowsTable('sample-micro-batch', setting, rows, { withFinal: true })],
    figures: {
      'sample-micro-batch': bySize(
        'Accuracy by size of the one micro-batch penalised',
        '|S|',
        setting,
        levels(rows, references),
        [['one sampled', rows.filter(({ row }) => row.method === 'SampleGN')]],
      ),
    },
  }),
};

/** SB also at the rate of LB, as the README has it, where the two differ. */
function slowed(row: Row, learningRate: number): Row[] {
  return row.name === 'SB' && row.learningRate !== learningRate
    ? [
        {
          ...row,
          name: 'SB at the rate of LB',
          learningRate,
          official: row.official && official('VGG-11/CIFAR-10', 'SB at the rate of LB'),
        },
      ]
    : [];
}
