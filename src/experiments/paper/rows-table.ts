/** The table that every experiment shows of a setting: one line a row, beside the README's numbers. */
import type { Cell, Table } from '../report-table.ts';
import type { Row } from './experiment.ts';
import {
  countText,
  finalAccuracy,
  gradientNorm2,
  paired,
  type RowResult,
  rowEstimate,
  testAccuracy,
} from './results.ts';
import { differencesOf, type Setting } from './settings.ts';

/** Examples of a mini-batch and a micro-batch of a row. */
export function batchesOf(
  { method, microBatch }: Row,
  setting: Setting,
): { batch: number; microBatch: number } {
  const micro = microBatch ?? setting.microBatch;
  return { batch: method === 'SB' ? micro : setting.batch, microBatch: micro };
}

/** The batches of the rows of a figure: "|B| = 48 (SB: 16), |M| = 16". */
export function batchesText(setting: Setting, rows: readonly RowResult[]): string {
  const sizes = rows.map(({ row }) => ({ ...batchesOf(row, setting), small: row.method === 'SB' }));
  const list = (values: readonly number[]) => [...new Set(values)].join(', ');
  const small = list(sizes.filter((size) => size.small).map(({ batch }) => batch));
  const large = list(sizes.filter((size) => !size.small).map(({ batch }) => batch));
  const batches = large && small ? `${large} (SB: ${small})` : large || small;
  return `|B| = ${batches}, |M| = ${list(sizes.map(({ microBatch }) => microBatch))}`;
}

/**
 * Test accuracy with its 95 % interval over seeds, its difference to LB paired by seed, and the gradient norm. `withFinal`
 * adds the accuracy at the end of training.
 */
export function rowsTable(
  name: string,
  setting: Setting,
  rows: readonly RowResult[],
  { withFinal = false }: { readonly withFinal?: boolean } = {},
): Table {
  const large = rows.find(({ row }) => row.name === 'LB');
  const officialLarge = large?.row.official?.best;
  const notes = rows.flatMap(({ row }) => row.official?.note ?? []);
  const labels = rows.flatMap(({ row }) => (row.official ? [{ row, label: row.official.label }] : []));
  const sources = [...new Set(labels.map(({ label }) => label.split(',')[0]))];
  // Where the README's rows go by the same names, one sentence says which they are.
  const withLabels =
    sources.length > 1 || labels.some(({ row, label }) => label !== `${sources[0]}, ${row.name}`);
  const cells = rows.map((result): Cell[] => {
    const { row } = result;
    const { batch, microBatch } = batchesOf(row, setting);
    const { official } = row;
    const sameLabel = official && officialLarge !== undefined && sameSetting(official.label, large?.row);
    return [
      row.name,
      batch,
      microBatch,
      row.learningRate,
      row.lambda ?? '',
      { estimate: rowEstimate(result, testAccuracy), digits: 2 },
      large && row.name !== 'LB'
        ? { estimate: paired([result, large], testAccuracy, ([a, b]) => a - b), digits: 2, signed: true }
        : '',
      ...(withFinal ? [{ estimate: rowEstimate(result, finalAccuracy), digits: 2 }] : []),
      { estimate: rowEstimate(result, gradientNorm2), digits: 3 },
      countText(result),
      official ? `${official.best.toFixed(2)}${official.note === undefined ? '' : ' †'}` : '',
      sameLabel && row.name !== 'LB' ? signed(official.best - officialLarge) : '',
      ...(withFinal ? [official?.final?.toFixed(2) ?? ''] : []),
      ...(withLabels ? [official?.label ?? ''] : []),
    ];
  });
  return {
    name,
    caption: setting.name,
    columns: [
      'method',
      '|B|',
      '|M|',
      'η',
      'λ',
      'test accuracy, %',
      'minus LB',
      ...(withFinal ? ['at the end, %'] : []),
      'gradient norm²',
      'n',
      'README, %',
      'README minus LB',
      ...(withFinal ? ['README at the end, %'] : []),
      ...(withLabels ? ['README row'] : []),
    ],
    rows: cells,
    notes: [
      ...(labels.length > 0
        ? [
            `README: the README of the official code${withLabels ? '' : `, ${sources[0]}`}; single numbers, without intervals. ` +
              `Here: ${differencesOf(setting)}.`,
          ]
        : []),
      ...notes.map((note) => `† ${note}`),
    ],
  };
}

/** The README's numbers can be subtracted where they are of one model and data set. */
function sameSetting(label: string, large: Row | undefined): boolean {
  return large?.official?.label.split(',')[0] === label.split(',')[0];
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;
}
