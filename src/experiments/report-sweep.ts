/** The report of a sweep: all combinations, the best in validation first. */
import { acrossSeeds, lineFigure } from './figure.ts';
import {
  countText,
  finalAccuracy,
  gradientNorm2,
  rowEstimate,
  type SeedRuns,
  seconds,
  testAccuracy,
  validationAccuracy,
} from './paper/results.ts';
import type { Records, ReportContent } from './report.ts';
import { runsSummary, runsTable, unfinishedText } from './report-runs.ts';
import { estimateText, markdownOf, type Table } from './report-table.ts';
import type { SweepPlan } from './run-plan.ts';

/** So many combinations are still told apart in a figure. */
const drawn = 7;

export async function sweepReport(plan: SweepPlan, records: Records): Promise<ReportContent> {
  const results = plan.combinations.map(({ values, runs }) => ({
    values,
    result: {
      runs: runs.map(({ seed, name }) => {
        const record = records.get(name);
        return { seed, record: record?.status === 'damaged' ? undefined : record };
      }),
    } satisfies SeedRuns,
  }));
  const validation = (result: SeedRuns) => rowEstimate(result, validationAccuracy).mean;
  const rank = (result: SeedRuns) => (Number.isFinite(validation(result)) ? validation(result) : -1);
  const ordered = [...results].sort((a, b) => rank(b.result) - rank(a.result));
  const table: Table = {
    name: 'combinations',
    caption: `${plan.title}: all combinations, the best in validation first`,
    columns: [
      ...plan.keys,
      'validation, %',
      'test accuracy, %',
      'at the end, %',
      'gradient norm²',
      'seconds',
      'n',
    ],
    rows: ordered.map(({ values, result }) => [
      ...values,
      { estimate: rowEstimate(result, validationAccuracy), digits: 2 },
      { estimate: rowEstimate(result, testAccuracy), digits: 2 },
      { estimate: rowEstimate(result, finalAccuracy), digits: 2 },
      { estimate: rowEstimate(result, gradientNorm2), digits: 3 },
      { estimate: rowEstimate(result, seconds), digits: 1 },
      countText(result),
    ]),
    notes: ['Mean ± half the 95 % interval (Student) over n seeds. Runs that diverged are in no mean.'],
  };
  const names = plan.combinations.flatMap(({ runs }) => runs.map(({ name }) => name));
  const [best] = ordered.filter(({ result }) => rank(result) >= 0);
  const shown = ordered.filter(({ result }) => rank(result) >= 0).slice(0, drawn);
  const figure =
    shown.length === 0
      ? undefined
      : await lineFigure({
          title: plan.title,
          subtitle: `${shown.length < ordered.length ? `The best ${shown.length} of ${ordered.length} combinations` : 'All combinations'}, band ± one standard deviation`,
          columns: 1,
          panels: [
            {
              title: 'Validation accuracy',
              xLabel: 'updates',
              yLabel: 'accuracy, %',
              series: shown.map(({ values, result }) => ({
                name: plan.keys.map((key, at) => `${key} ${values[at]}`).join(', '),
                points: acrossSeeds(
                  result.runs.flatMap(({ record }) =>
                    record?.status === 'finished'
                      ? [record.points.map(({ step, validationAccuracy: y }) => ({ x: step, y: 100 * y }))]
                      : [],
                  ),
                  'std',
                ),
              })),
            },
          ],
        });
  const text = [
    `# ${plan.title}`,
    '',
    runsSummary(names, records),
    '',
    best
      ? `Best in validation: ${plan.keys.map((key, at) => `${key} ${best.values[at]}`).join(', ')}, with a test accuracy of ` +
        `${estimateText({ estimate: rowEstimate(best.result, testAccuracy), digits: 2 })} %.`
      : 'No run has finished.',
    '',
    markdownOf(table),
    ...(figure === undefined ? [] : ['![Validation accuracy](figures/sweep.svg)', '']),
    ...unfinishedText(names, records),
  ].join('\n');
  return {
    text,
    tables: [table, runsTable([...records.values()])],
    figures: figure === undefined ? {} : { sweep: figure },
  };
}
