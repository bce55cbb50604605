/** The report of the paper's experiments: each with its claim, tables and figures, then the verdicts, then what it took. */
import { lineFigure } from './figure.ts';
import { hypothesesTable, type Judgement, judge } from './hypotheses.ts';
import type { RowResult, SettingResults } from './paper/results.ts';
import type { Records, ReportContent } from './report.ts';
import { runsSummary, runsTable, unfinishedText } from './report-runs.ts';
import { estimateText, markdownOf, type Table } from './report-table.ts';
import { experiments } from './reproduce.ts';
import type { PlannedRow, PlannedSetting, ReproductionPlan } from './run-plan.ts';

const scaleTexts = {
  quick: 'sized for two cores without a GPU: small networks on small images',
  small: 'CIFAR with a small ResNet, meant for one GPU hour',
  paper: "the official code's hyperparameters",
} as const;

export async function reproductionReport(plan: ReproductionPlan, records: Records): Promise<ReportContent> {
  const tables: Table[] = [];
  const figures: Record<string, string> = {};
  const sections: string[] = [];
  for (const { id, settings } of plan.experiments) {
    const { title, claim, show } = experiments[id];
    sections.push(`## ${title}`, '', claim, '');
    if (settings.length === 0) sections.push('Not at this scale, or not with the data sets given.', '');
    for (const planned of settings) {
      const { setting } = planned;
      const suffix = settings.length > 1 ? `-${slug(setting.name)}` : '';
      const shown = show(setting, rowResults(planned.rows, records));
      for (const each of shown.tables) {
        const table = { ...each, name: `${each.name}${suffix}` };
        tables.push(table);
        sections.push(markdownOf(table));
      }
      for (const [name, options] of Object.entries(shown.figures)) {
        figures[`${name}${suffix}`] = await lineFigure(options);
        sections.push(`![${options.title}, ${setting.name}](figures/${name}${suffix}.svg)`, '');
      }
    }
  }
  const judgements = judge(byName(plan, records));
  const verdicts = hypothesesTable(judgements);
  const runs = runsTable([...records.values()]);
  tables.push(verdicts, runs);
  const text = [
    `# The experiments of the paper, ${plan.scale} scale`,
    '',
    `Scale: ${scaleTexts[plan.scale]}. ${runsSummary(plannedNames(plan), records)}`,
    '',
    'Test accuracy is that of the checkpoint best in validation, as mean ± half the 95 % interval (Student) over n paired seeds; ' +
      '"minus LB" is taken seed by seed. The gradient norm² is the squared norm of the loss gradient of a micro-batch of that row, averaged over the run: with ' +
      `another |M| it is another quantity. ${selectionText(plan)} Numbers beside are from the README of the official code; the tables printed in ` +
      'the paper may differ.',
    '',
    ...sections,
    '## Verdicts',
    '',
    ...judgements.map(verdictLine),
    '',
    ...verdicts.notes,
    '',
    ...unfinishedText(plannedNames(plan), records),
    ...(plan.scale === 'quick'
      ? [
          'These are numbers about a small network on small images. They say nothing about the sizes that the paper used.',
          '',
        ]
      : []),
  ].join('\n');
  return { text, tables, figures };
}

function selectionText({ selection }: ReproductionPlan): string {
  return selection === 'held-out'
    ? 'Checkpoints are selected on training images held out, and tested on the official test images; the official code does so on ' +
        'CIFAR-100, and the reverse on CIFAR-10.'
    : 'Checkpoints are selected and tested as by the released code: on CIFAR-10 the official test images select, and training ' +
        'images held out are tested on.';
}

function verdictLine({
  id,
  claim,
  source,
  setting,
  verdict,
  quantity,
  effect,
  readme,
  detail,
}: Judgement): string {
  const told =
    verdict === 'not decidable' && effect && effect.n >= 2 ? `not decidable with n = ${effect.n}` : verdict;
  const numbers =
    effect && Number.isFinite(effect.mean)
      ? ` ${quantity} = ${estimateText({ estimate: effect, digits: 2, signed: true })} (n = ${effect.n}).`
      : '';
  const beside = readme === undefined ? '' : ` README: ${readme >= 0 ? '+' : ''}${readme.toFixed(2)}.`;
  const more =
    detail === '' ? '' : ` ${detail[0].toUpperCase()}${detail.slice(1)}${detail.endsWith('.') ? '' : '.'}`;
  return `- ${id} **${told}**${setting === undefined ? '' : ` (${setting})`}: ${claim} [${source}].${numbers}${beside}${more}`;
}

function rowResults(rows: readonly PlannedRow[], records: Records): RowResult[] {
  return rows.map(({ row, runs }) => ({
    row,
    runs: runs.map(({ seed, name }) => {
      const record = records.get(name);
      return { seed, record: record?.status === 'damaged' ? undefined : record };
    }),
  }));
}

/** The rows of all experiments together, setting by setting: a claim may need rows of two. */
function byName({ experiments: planned }: ReproductionPlan, records: Records): SettingResults[] {
  const all = planned.flatMap(({ settings }) => settings);
  const names = [...new Set(all.map(({ setting }) => setting.name))];
  return names.map((name): SettingResults => {
    const members = all.filter(({ setting }) => setting.name === name);
    const [{ setting }] = members;
    const rows = new Map<string, RowResult>();
    for (const result of members.flatMap((member) => rowResults(member.rows, records))) {
      const known = rows.get(result.row.name);
      // Planned with different seeds by different experiments: the longer list knows more.
      if (!known || known.runs.length < result.runs.length) rows.set(result.row.name, result);
    }
    return { setting, rows };
  });
}

function plannedNames({ experiments: planned }: ReproductionPlan): string[] {
  const rows = planned.flatMap(({ settings }) => settings.flatMap((each: PlannedSetting) => each.rows));
  return [...new Set(rows.flatMap(({ runs }) => runs.map(({ name }) => name)))];
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
