/** The report of a folder of runs, made from what lies in it and nothing else: the same folder gives the same report. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFolder, writeFileAtomic } from './files.ts';
import { pngOfSvg } from './png.ts';
import { reproductionReport } from './report-reproduction.ts';
import { sweepReport } from './report-sweep.ts';
import { csvOf, latexOf, markdownOf, type Table } from './report-table.ts';
import { type Plan, readPlan } from './run-plan.ts';
import { type RunRecord, readRun } from './run-store.ts';

/** Runs of a plan by folder name; a run that has not begun is not there. */
export type Records = ReadonlyMap<string, RunRecord>;

/** What a report is made of, before it is written. */
export interface ReportContent {
  /** Markdown. */
  readonly text: string;
  readonly tables: readonly Table[];
  /** SVG by name. */
  readonly figures: Readonly<Record<string, string>>;
}

export interface WrittenReport {
  readonly text: string;
  /** Where it is. */
  readonly folder: string;
  /** Paths below it. */
  readonly files: readonly string[];
}

/**
 * Makes the report of `root`, the folder of a reproduction or a sweep, in `root/report`: report.md, tables as Markdown, LaTeX and
 * CSV, figures as SVG and PNG. It replaces an earlier one, once it is whole. Throws a sentence if there is no plan.
 */
export async function writeReport(root: string): Promise<WrittenReport> {
  const plan = await readPlan(root);
  if (plan === undefined) {
    throw new Error(
      `There is no plan.json in ${root}; name a folder that regrad reproduce, demo or sweep has made.`,
    );
  }
  const { text, tables, figures } = await reportOf(plan, await readRecords(root, plan));
  const files = new Map<string, string | Uint8Array>([['report.md', text]]);
  for (const table of tables) {
    files.set(`tables/${table.name}.md`, markdownOf(table));
    files.set(`tables/${table.name}.tex`, latexOf(table));
    files.set(`tables/${table.name}.csv`, csvOf(table));
  }
  for (const [name, svg] of Object.entries(figures)) {
    files.set(`figures/${name}.svg`, svg);
    const png = await pngOfSvg(svg);
    if (png) files.set(`figures/${name}.png`, png);
  }
  const folder = join(root, 'report');
  const temporary = `${folder}.partial-${randomBytes(4).toString('hex')}`;
  for (const [path, content] of files) {
    createFolder(dirname(join(temporary, path)));
    await writeFileAtomic(join(temporary, path), content);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  return { text, folder, files: [...files.keys()] };
}

function reportOf(plan: Plan, records: Records): Promise<ReportContent> {
  return plan.kind === 'reproduce' ? reproductionReport(plan, records) : sweepReport(plan, records);
}

async function readRecords(root: string, plan: Plan): Promise<Records> {
  const rows =
    plan.kind === 'reproduce'
      ? plan.experiments.flatMap(({ settings }) => settings.flatMap(({ rows }) => rows))
      : plan.combinations;
  const records = new Map<string, RunRecord>();
  for (const name of new Set(rows.flatMap(({ runs }) => runs.map((run) => run.name)))) {
    if (existsSync(join(root, name))) records.set(name, await readRun(join(root, name)));
  }
  return records;
}
