/** What terminals of any width are given: reports and lines that are redrawn. */
import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { barLine } from '../src/experiments/bar-line.ts';
import { createProgress } from '../src/experiments/progress.ts';
import { formatTable } from '../src/experiments/table.ts';
import { terminalText } from '../src/experiments/terminal-text.ts';

describe('a report in a terminal', () => {
  it('is laid out without markup', () => {
    const table = formatTable(
      ['method', '|M|', 'accuracy'],
      [
        ['SB', 16, '70.1 ± 1'],
        ['GN, |M| = 24', 24, '9 ± 10'],
      ],
    );
    const markdown = `# Title\n\nSome **bold** words.\n\n${table}\n\n![Curves](figures/a.svg)\n\n- first point is long enough\n`;
    expect(terminalText(markdown, 41)).toBe(
      [
        ...['Title', '═════', '', 'Some bold words.', ''],
        'method        |M|  accuracy',
        '────────────  ───  ────────',
        'SB             16  70.1 ± 1',
        'GN, |M| = 24   24    9 ± 10',
        ...['', 'Figure: Curves (figures/a.svg)', '', '- first point is long enough', ''],
      ].join('\n'),
    );
  });

  it('shows a table that is too wide in parts, and wraps cells that are', () => {
    const long = 'words '.repeat(20).trim();
    const names = ['method', ...Array.from({ length: 9 }, (_, i) => `column ${i}`), 'detail'];
    const text = terminalText(formatTable(names, [['SB', ...Array(9).fill(1.5), long]]), 50);
    for (const line of text.split('\n')) expect(line.length).toBeLessThan(50);
    for (const name of names) expect(text).toContain(name);
    expect(text.match(/^method/gm)?.length).toBeGreaterThan(2);
    expect(text.match(/words/g)).toHaveLength(20);
  });

  it.each([20, 50, 80, 200])('loses no word of a whole report at %i columns', async (columns) => {
    const markdown = await readFile('docs/quick-report/report.md', 'utf8');
    const text = terminalText(markdown, columns);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThan(Math.max(columns, 41));
    const letters = (of: string) => new Set(of.replaceAll(/[^\p{L}\d.]+/gu, ' ').split(' '));
    if (columns >= 80) for (const word of letters(markdown)) expect(letters(text)).toContain(word);
    expect(text).not.toMatch(/\*\*|^#|\\\||^\| .*\|$/m);
  });
});

describe('a bar', () => {
  const text = '160/160 · loss 0.1234, validation 71.2 % · 1 min 15 s left';
  const visible = stripVTControlCharacters;

  it.each([10, 30, 50, 60, 80, 81, 100, 120, 200])('fits a terminal of %i columns', (columns) => {
    for (const colored of [false, true]) {
      const line = barLine({ label: 'ExterGraft seed 0', text, share: 0.5, columns, colored });
      expect(line.length).toBeLessThanOrEqual(Math.max(columns, visible(line).length));
      expect(visible(line).length).toBeLessThan(columns);
      if (columns >= 80) expect(line).toContain('validation 71.2 %');
      if (columns >= 120) expect(visible(line)).toContain(`${'█'.repeat(12)}${'░'.repeat(12)} 160`);
      expect(line.includes('\u001b[36m')).toBe(line.includes('\u001b[39m'));
    }
  });

  it.each([50, 80])('is redrawn in one line of %i columns', async (columns) => {
    const stream = Object.assign(new PassThrough(), {
      ...{ isTTY: true, columns, cursorTo: () => true, moveCursor: () => true, clearLine: () => true },
    });
    const drawn: string[] = [];
    stream.on('data', (chunk) => drawn.push(visible(String(chunk))));
    const progress = createProgress({ total: 160, label: 'ExterGraft seed 0', stream, environment: {} });
    progress.update(80, 'loss 0.1234, validation 71.2 %');
    progress.stop();
    await new Promise(setImmediate);
    for (const line of drawn) expect(line.length, line).toBeLessThan(columns);
    expect(drawn.join('')).toContain(columns === 80 ? 'validation 71.2 %' : 'loss 0.1234');
  });
});
