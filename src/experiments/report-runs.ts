/** What a report says of its runs as such: where they were made, what they took, which are not done. */
import { formatSeconds } from './progress.ts';
import type { Records } from './report.ts';
import type { Table } from './report-table.ts';
import type { RunRecord, SoundRun } from './run-store.ts';

/** One line a run. */
export function runsTable(records: readonly RunRecord[]): Table {
  const sound = records.flatMap((record) => (record.status === 'damaged' ? [] : [record]));
  const percent = (share: number | undefined) => (share === undefined ? '' : (100 * share).toFixed(2));
  return {
    name: 'runs',
    caption: 'All runs',
    columns: [
      'run',
      'method',
      'seed',
      'status',
      '|B|',
      '|M|',
      'η',
      'λ',
      'updates',
      'test accuracy, %',
      'at the end, %',
      'validation, %',
      'best update',
      'gradient norm²',
      'seconds',
    ],
    rows: sound.map(({ folder, status, config, points, result }) => [
      nameOf(folder),
      config.method,
      config.seed,
      status,
      config.batch,
      config.microBatch,
      config.learningRate,
      config.lambda === 0 ? '' : config.lambda,
      points.at(-1)?.step ?? 0,
      percent(result?.testAccuracy),
      percent(result?.finalTestAccuracy),
      percent(result?.bestValidationAccuracy),
      result?.bestStep ?? '',
      result ? result.averageMicroGradientNorm2.toPrecision(4) : '',
      result ? result.seconds.toFixed(1) : '',
    ]),
    notes: [],
  };
}

/** How many runs there are, what they took, and on what. */
export function runsSummary(names: readonly string[], records: Records): string {
  const done = soundRuns(names, records).filter(({ result }) => result !== undefined);
  const seconds = done.reduce((sum, { result }) => sum + (result?.seconds ?? 0), 0);
  const devices = [...new Set(done.map(({ environment }) => String(environment.device)))].sort();
  const versions = [...new Set(done.map(({ environment }) => String(environment.regrad)))].sort();
  const where =
    done.length === 0 ? '' : ` on ${devices.join(' and ')}, with regrad ${versions.join(' and ')}`;
  return `${done.length} of ${names.length} runs are done; they took ${formatSeconds(seconds)} in all, added up${where}.`;
}

/** Sentences about runs that are in no number, with an empty line behind. Nothing where all have finished. */
export function unfinishedText(names: readonly string[], records: Records): string[] {
  const told = names.flatMap((name) => {
    const record = records.get(name);
    if (record === undefined) return [];
    if (record.status === 'damaged') return [`- ${name}: damaged. ${record.problem}`];
    if (record.status === 'finished') return [];
    const { method, seed } = record.config;
    return [
      `- ${name}: ${method}, seed ${seed}, ${record.status} at update ${record.points.at(-1)?.step ?? 0}.`,
    ];
  });
  const missing = names.filter((name) => !records.has(name)).length;
  if (missing > 0) told.push(`- ${missing} not begun.`);
  return told.length === 0 ? [] : ['Runs that are in no number:', '', ...told, ''];
}

function soundRuns(names: readonly string[], records: Records): SoundRun[] {
  return names.flatMap((name) => {
    const record = records.get(name);
    return record === undefined || record.status === 'damaged' ? [] : [record];
  });
}

function nameOf(folder: string): string {
  return folder.split(/[/\\]/).at(-1) ?? folder;
}
