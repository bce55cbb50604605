/** Markdown as our reports have it, laid out for a terminal: nothing is wider than the window, and no markup is left. */

interface TextTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** By column. */
  readonly right: readonly boolean[];
}

const gap = '  ';

/** A report as standard output gets it: a terminal in its width, a file or a pipe as Markdown. */
export function forOutput(markdown: string): string {
  const { isTTY, columns } = process.stdout;
  return isTTY ? terminalText(markdown, columns) : markdown;
}

/** @param columns of the window. A table that is too wide is shown in parts, each with its first column. */
export function terminalText(markdown: string, columns: number): string {
  const width = Math.max(40, columns - 1);
  const out: string[] = [];
  let table: string[] = [];
  for (const line of [...markdown.split('\n'), '']) {
    if (line.startsWith('|')) {
      table.push(line);
      continue;
    }
    if (table.length > 0) out.push(...layOut(parse(table), width));
    table = [];
    out.push(...prose(line, width));
  }
  return out
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()
    .concat('\n');
}

function prose(line: string, width: number): string[] {
  const [, title, path] = /^!\[(.*)\]\((.*)\)$/.exec(line) ?? [];
  const plain = path === undefined ? line.replaceAll(/\*\*(.*?)\*\*/g, '$1') : `Figure: ${title} (${path})`;
  const [, level, heading] = /^(#+) (.*)$/.exec(plain) ?? [];
  if (level !== undefined) {
    const lines = wrap(heading, width);
    return [...lines, (level === '#' ? '═' : '─').repeat(Math.max(...lines.map(({ length }) => length)))];
  }
  const indent = plain.startsWith('- ') ? '  ' : '';
  return wrap(plain, width - indent.length).map((part, at) => (at === 0 ? part : indent + part));
}

function parse([header, rule, ...rows]: readonly string[]): TextTable {
  // A bar within a cell is written with a backslash.
  const cells = (line: string) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|'));
  return {
    header: cells(header),
    rows: rows.map(cells),
    right: cells(rule).map((cell) => cell.endsWith(':')),
  };
}

function layOut(table: TextTable, width: number): string[] {
  const lines = [table.header, ...table.rows];
  const natural = table.header.map((_, at) => Math.max(...lines.map((cells) => cells[at].length)));
  const first = Math.min(natural[0], Math.floor(width / 2));
  const most = width - first - gap.length;
  const widths = natural.map((length, at) => (at === 0 ? first : Math.min(length, most)));
  const parts: number[][] = [];
  let left = 0;
  for (let at = 1; at < widths.length; at++) {
    if (parts.length === 0 || left < widths[at] + gap.length) {
      parts.push([0]);
      left = width - first;
    }
    parts[parts.length - 1].push(at);
    left -= widths[at] + gap.length;
  }
  return (parts.length > 0 ? parts : [[0]]).flatMap((part) => [
    ...rowLines(table.header, part, widths, table.right),
    part.map((at) => '─'.repeat(widths[at])).join(gap),
    ...table.rows.flatMap((cells) => rowLines(cells, part, widths, table.right)),
    '',
  ]);
}

/** A row as lines: as many as its highest cell has. */
function rowLines(
  cells: readonly string[],
  part: readonly number[],
  widths: readonly number[],
  right: readonly boolean[],
): string[] {
  const wrapped = part.map((at) => wrap(cells[at], widths[at]));
  return Array.from({ length: Math.max(...wrapped.map(({ length }) => length)) }, (_, line) =>
    part
      .map((at, i) => {
        const text = wrapped[i][line] ?? '';
        return right[at] ? text.padStart(widths[at]) : text.padEnd(widths[at]);
      })
      .join(gap)
      .trimEnd(),
  );
}

/** At spaces; a word that is longer than a line is cut. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text
    .split(' ')
    .flatMap((each) => each.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [''])) {
    const last = lines[lines.length - 1];
    const longer = last === '' ? word : `${last} ${word}`;
    if (longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
