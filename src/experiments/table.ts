/** Tables that read well in a terminal and are Markdown. */
import { markdownTable } from 'markdown-table';

/**
 * An aligned Markdown table. Columns whose cells are all numbers, or begin as one ("71.3 ± 0.4"), are set right, others left.
 * Throws if a row has not as many cells as the header.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  rows.forEach((row, index) => {
    if (row.length !== header.length) {
      throw new Error(
        `formatTable: row ${index} has ${row.length} cells, but the header has ${header.length}.`,
      );
    }
  });
  const cells = rows.map((row) => row.map(String));
  const align = header.map((_, column) => (cells.every((row) => isNumeric(row[column])) ? 'r' : 'l'));
  return markdownTable(
    [header, ...cells].map((row) => row.map(escapeCell)),
    { align },
  );
}

/** A number, perhaps with a sign, a spread or a unit behind it; or nothing. */
function isNumeric(cell: string): boolean {
  return /^([-+−]?\d.*|[-–—]?|NaN|-?Infinity)$/.test(cell);
}

/** A bar would end the cell and a line break the row. */
function escapeCell(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}
