/** A table of a report in its three formats. */
import { describe, expect, it } from 'vitest';
import { csvOf, estimateText, latexOf, markdownOf, type Table } from '../src/experiments/report-table.ts';
import { estimate } from '../src/experiments/statistics.ts';
import { csvTable, latexTable } from '../src/experiments/table.ts';

const table: Table = {
  name: 'main',
  caption: 'ResNet & 100 % of it',
  columns: ['method', 'λ', 'accuracy, %'],
  rows: [
    // Mean 2, deviation 1, half width 4.303 / sqrt(3) = 2.484.
    ['SB, |M| = 2', '', { estimate: estimate([1, 2, 3]), digits: 2 }],
    ['LB', 0.5, { estimate: estimate([7]), digits: 1, signed: true }],
    ['GN', 0.25, { estimate: estimate([]), digits: 2 }],
  ],
  notes: ['† A note, "quoted".'],
};

describe('a table of estimates', () => {
  it('as Markdown has its caption above and its notes below', () => {
    expect(markdownOf(table).split('\n')).toEqual([
      '**ResNet & 100 % of it**',
      '',
      '| method        |    λ | accuracy, % |',
      '| :------------ | ---: | ----------: |',
      '| SB, \\|M\\| = 2 |      | 2.00 ± 2.48 |',
      '| LB            |  0.5 |        +7.0 |',
      '| GN            | 0.25 |           – |',
      '',
      '† A note, "quoted".',
      '',
    ]);
  });

  it('as LaTeX is a float in which nothing is a command by accident', () => {
    expect(latexOf(table).split('\n')).toEqual([
      '\\begin{table}',
      '\\centering',
      '\\caption{ResNet \\& 100 \\% of it}',
      '\\label{tab:main}',
      '\\begin{tabular}{lrr}',
      '\\toprule',
      'method & $\\lambda$ & accuracy, \\% \\\\',
      '\\midrule',
      'SB, $|$M$|$ = 2 &  & 2.00 $\\pm$ 2.48 \\\\',
      'LB & 0.5 & +7.0 \\\\',
      'GN & 0.25 & -- \\\\',
      '\\bottomrule',
      '\\end{tabular}',
      '',
      '\\medskip\\footnotesize $\\dagger$ A note, "quoted".',
      '\\end{table}',
      '',
    ]);
  });

  it('as CSV has mean, half width and n in columns of their own', () => {
    expect(csvOf(table).split('\n')).toEqual([
      'method,λ,"accuracy, %","accuracy, %: half width","accuracy, %: n"',
      expect.stringMatching(/^"SB, \|M\| = 2",,2,2\.484\d+,3$/),
      'LB,0.5,7,,1',
      'GN,0.25,,,0',
      '',
    ]);
  });

  it('shows the sign of a difference either way', () => {
    const text = (values: number[]) => estimateText({ estimate: estimate(values), digits: 1, signed: true });
    expect(text([2, 2])).toBe('+2.0 ± 0.0');
    expect(text([-2, -2])).toBe('-2.0 ± 0.0');
  });
});

describe('plain tables', () => {
  it('escape what LaTeX and CSV would read as their own', () => {
    expect(latexTable(['a_b{}'], [['\\x ~ ^2 #1 $5']])).toContain(
      'a\\_b\\{\\} \\\\\n\\midrule\n\\textbackslash{}x \\textasciitilde{} \\textasciicircum{}2 \\#1 \\$5 \\\\',
    );
    expect(csvTable(['a', 'b'], [['x,"y"', 'two\nlines']])).toBe('a,b\n"x,""y""","two\nlines"\n');
  });

  it('leave no character beyond ASCII for LaTeX to stumble over, of those that reports use', () => {
    const text = latexTable(['±−×ηλ²†‖≥≤–—'], [['']]);
    expect([...text].every((character) => character.charCodeAt(0) < 128)).toBe(true);
  });

  it('refuse a row of another length', () => {
    expect(() => csvTable(['a', 'b'], [['1']])).toThrow('row 0 has 1 cells, but the header has 2');
    expect(() => latexTable(['a'], [['1', '2']])).toThrow('row 0 has 2 cells, but the header has 1');
  });
});
