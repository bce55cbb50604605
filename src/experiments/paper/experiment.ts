/** What an experiment of the paper is: rows to run in each setting, and what to show of them. */
import type { FigureOptions } from '../figure.ts';
import type { MethodName } from '../methods.ts';
import type { Table } from '../report-table.ts';
import type { OfficialNumber } from './official-numbers.ts';
import type { RowResult } from './results.ts';
import type { Setting, SettingKey } from './settings.ts';

export const experimentIds = ['main', 'figure1', 'large', 'sample', 'graft'] as const;
export type ExperimentId = (typeof experimentIds)[number];

/** One line of a table, before seeds: a method with its rate in a setting. */
export interface Row {
  /** Tells the row from the others of its setting; the same in every experiment that has it. */
  readonly name: string;
  readonly method: MethodName;
  readonly learningRate: number;
  readonly lambda?: number;
  /** Where it is not the setting's: |M|, or |S| of the sampled micro-batch. */
  readonly microBatch?: number;
  readonly official?: OfficialNumber;
  /** The row whose run with the same seed records the norms that this one takes. */
  readonly normsOf?: string;
}

export interface Experiment {
  readonly id: ExperimentId;
  readonly title: string;
  /** What the paper claims, in our words, and how it is put to the test. */
  readonly claim: string;
  /** None where the experiment has no such setting. */
  rows(key: SettingKey, setting: Setting): readonly Row[];
  /** What the report shows of one setting. */
  show(setting: Setting, rows: readonly RowResult[]): Shown;
}

export interface Shown {
  readonly tables: readonly Table[];
  /** By name, which becomes a file's. */
  readonly figures: Readonly<Record<string, FigureOptions>>;
}
