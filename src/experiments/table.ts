/** Tables as Markdown, which reads well in a terminal too, as LaTeX, and as CSV. */
import { stringify } from 'csv-stringify/sync';
import { markdownTable } from 'markdown-table';

type Cell = string | number;

/**
 * An aligned Markdown table. Columns whose cells are all numbers, or begin as one ("71.3 ± 0.4"), are set right, others left.
 * Throws if a row has not as many cells as the header.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = checked(header, rows);
  return markdownTable(
    [header, ...cells].map((row) => row.map(escapeCell)),
    { align: alignments(header, cells) },
  );
}

/**
 * The same as a LaTeX tabular with booktabs' rules: it needs `\usepackage{booktabs}` and nothing else. Characters that
 * mean something to LaTeX, and those beyond ASCII that our tables use, are written so that any engine sets them.
 */
export function latexTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = checked(header, rows);
  const line = (row: readonly string[]) => `${row.map(escapeLatex).join(' & ')} \\\\`;
  return [
    `\\begin{tabular}{${alignments(header, cells).join('')}}`,
    '\\toprule',
    line(header),
    '\\midrule',
    ...cells.map(line),
    '\\bottomrule',
    '\\end{tabular}',
    '',
  ].join('\n');
}

/** Comma-separated values by RFC 4180, with a header and a line end after each row. */
export function csvTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return stringify([header, ...checked(header, rows)]);
}

function checked(header: readonly string[], rows: readonly (readonly Cell[])[]): string[][] {
  rows.forEach((row, index) => {
    if (row.length !== header.length) {
      throw new Error(
        `The table's row ${index} has ${row.length} cells, but the header has ${header.length}.`,
      );
    }
  });
  return rows.map((row) => row.map(String));
}

function alignments(header: readonly string[], cells: readonly (readonly string[])[]): ('l' | 'r')[] {
  return header.map((_, column) => (cells.every((row) => isNumeric(row[column])) ? 'r' : 'l'));
}

/** A number, perhaps with a sign, a spread or a unit behind it; or nothing. */
function isNumeric(cell: string): boolean {
  return /^([-+−]?\d.*|[-–—]?|NaN|-?Infinity)$/.test(cell);
}

/** A bar would end the cell and a line break the row. */
function escapeCell(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

const latexCharacters: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  _: '\\_',
  '%': '\\%',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '$<$',
  '>': '$>$',
  '|': '$|$',
  '±': '$\\pm$',
  '−': '$-$',
  '×': '$\\times$',
  η: '$\\eta$',
  λ: '$\\lambda$',
  '²': '$^2$',
  '†': '$\\dagger$',
  '‖': '$\\|$',
  '≥': '$\\ge$',
  '≤': '$\\le$',
  '–': '--',
  '—': '---',
  '\n': ' ',
};

/** Text with what LaTeX would read as a command, or could not set, written out. */
export function escapeLatex(cell: string): string {
  return cell.replaceAll(/[\\{}$&#_%~^<>|±−×ηλ²†‖≥≤–—\n]/g, (character) => latexCharacters[character]);
}
