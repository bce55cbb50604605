/** Tables of a report: cells that are estimates over seeds, written as Markdown, LaTeX or CSV. */
import type { Estimate } from './statistics.ts';
import { csvTable, escapeLatex, formatTable, latexTable } from './table.ts';

/** An estimate with the digits behind the point that it is shown with. */
export interface EstimateCell {
  readonly estimate: Estimate;
  readonly digits: number;
  /** Shown with its sign also where it is positive: a difference. */
  readonly signed?: boolean;
}

export type Cell = string | number | EstimateCell;

export interface Table {
  /** Becomes the name of its files. */
  readonly name: string;
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Sentences below the table. */
  readonly notes: readonly string[];
}

/** "71.20 ± 1.10", "+2.81 ± 0.40"; without a spread where there is one value; "–" where there is none, or one is not a number. */
export function estimateText({ estimate, digits, signed = false }: EstimateCell): string {
  const { mean, halfWidth, n } = estimate;
  if (n === 0 || Number.isNaN(mean)) return '–';
  const sign = signed && mean >= 0 ? '+' : '';
  const spread = Number.isFinite(halfWidth) ? ` ± ${halfWidth.toFixed(digits)}` : '';
  return `${sign}${mean.toFixed(digits)}${spread}`;
}

export function markdownOf({ caption, columns, rows, notes }: Table): string {
  return [
    `**${caption}**`,
    '',
    formatTable(columns, texts(rows)),
    ...notes.flatMap((note) => ['', note]),
    '',
  ].join('\n');
}

/** A float with its caption and notes; it needs `\usepackage{booktabs}`. */
export function latexOf({ name, caption, columns, rows, notes }: Table): string {
  return [
    '\\begin{table}',
    '\\centering',
    `\\caption{${escapeLatex(caption)}}`,
    `\\label{tab:${name}}`,
    latexTable(columns, texts(rows)).trimEnd(),
    ...notes.flatMap((note) => ['', `\\medskip\\footnotesize ${escapeLatex(note)}`]),
    '\\end{table}',
    '',
  ].join('\n');
}

/** For machines: an estimate takes three columns, its mean, half the width of its 95 % interval, and n. */
export function csvOf({ columns, rows }: Table): string {
  const isEstimate = columns.map((_, at) => rows.some((row) => typeof row[at] === 'object'));
  const header = columns.flatMap((name, at) =>
    isEstimate[at] ? [name, `${name}: half width`, `${name}: n`] : [name],
  );
  const cells = rows.map((row) =>
    row.flatMap((cell, at): (string | number)[] => {
      if (!isEstimate[at]) return [typeof cell === 'object' ? estimateText(cell) : cell];
      if (typeof cell !== 'object') return [cell, '', ''];
      const { mean, halfWidth, n } = cell.estimate;
      return [Number.isNaN(mean) ? '' : mean, Number.isFinite(halfWidth) ? halfWidth : '', n];
    }),
  );
  return csvTable(header, cells);
}

function texts(rows: readonly (readonly Cell[])[]): string[][] {
  return rows.map((row) => row.map((cell) => (typeof cell === 'object' ? estimateText(cell) : String(cell))));
}
