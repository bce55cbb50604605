/**
 * The claims H0 to H8 on the runs at hand. Each is put as "a quantity, by seed, is above 0" and decided only where the 95 %
 * interval of its mean over paired seeds lies on one side of 0. See docs/decisions/0019-experiments.md.
 */
import type { MethodName } from './methods.ts';
import {
  logNorm,
  type Measure,
  paired,
  type RowResult,
  type SettingResults,
  testAccuracy,
  valuesBySeed,
} from './paper/results.ts';
import type { Setting } from './paper/settings.ts';
import type { Table } from './report-table.ts';
import { type Estimate, estimate, exceeds, rankCorrelation, type Verdict } from './statistics.ts';

export interface Judgement {
  readonly id: string;
  readonly claim: string;
  /** Where the claim is from: some are our recollection of the paper or our own inference. */
  readonly source: Source;
  /** Name of the setting; absent where no setting has the rows. */
  readonly setting?: string;
  readonly verdict: Verdict | 'not run';
  /** What is above 0 if the claim holds, in words, and its estimate. */
  readonly quantity: string;
  readonly effect?: Estimate;
  /** The same from the README's numbers, where it has them for one model and data set. */
  readonly readme?: number;
  /** Why it was not decided, or more numbers. */
  readonly detail: string;
}

type Source = 'abstract and README' | 'README' | 'recalled, not read' | 'our inference';

interface Question {
  readonly id: string;
  readonly claim: string;
  readonly source: Source;
  readonly quantity: string;
  /** Rows that must be there. */
  readonly rows: readonly string[];
  /** Of a seed's values, in the order of `rows`; above 0 if the claim holds. */
  readonly combine?: (values: readonly number[]) => number;
  /** In place of `combine`, where a seed's quantity takes more than one measure. */
  readonly effect?: (rows: SettingResults['rows']) => Estimate;
  /** Test accuracy unless told. */
  readonly measure?: Measure;
  /** What must be established before the claim means anything: that a row is above another. */
  readonly premise?: readonly [above: string, below: string];
  /** A difference whose share of the premise's is told too. */
  readonly gain?: readonly [above: string, below: string];
}

/** Every claim in every setting that has its rows; a claim without such a setting is told as not run. */
export function judge(results: readonly SettingResults[]): Judgement[] {
  const judged = results.flatMap((each) => questions(each).map((question) => answer(question, each)));
  const missing = unjudged.filter(({ id }) => !judged.some((judgement) => judgement.id === id));
  return [...judged, ...missing].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function questions({ setting, rows }: SettingResults): Question[] {
  const asked = [
    gap,
    ...(['GN', 'FT'] as const).map(recovers),
    ...(['AJ', 'UJ'] as const).map(doesNotRecover),
    normsFollow,
    ...breaksDown(setting, rows),
    ...sampled(setting, rows),
    ...grafted(setting),
    ...trajectories,
    notSufficient,
  ];
  return asked.filter((question) => question.rows.every((name) => rows.has(name)));
}

const ofGap = ['SB', 'LB'] as const;
const aboveMidpoint = ([method, small, large]: readonly number[]) => method - (small + large) / 2;
const belowMidpoint = (values: readonly number[]) => -aboveMidpoint(values);

const gap: Question = {
  id: 'H0',
  claim: 'Small-batch SGD tests better than large-batch SGD',
  source: 'README',
  quantity: 'SB − LB',
  rows: ofGap,
  combine: ([small, large]) => small - large,
};

const recovers = (method: 'GN' | 'FT'): Question => ({
  id: 'H1',
  claim: `LB with ${method} recovers at least half of what LB loses to SB`,
  source: 'abstract and README',
  quantity: `${method} − midpoint of SB and LB`,
  rows: [method, ...ofGap],
  combine: aboveMidpoint,
  premise: ofGap,
  gain: [method, 'LB'],
});

const doesNotRecover = (method: 'AJ' | 'UJ'): Question => ({
  id: 'H2',
  claim: `LB with ${method} does not recover it: less than half`,
  source: 'abstract and README',
  quantity: `midpoint of SB and LB − ${method}`,
  rows: [method, ...ofGap],
  combine: belowMidpoint,
  premise: ofGap,
  gain: [method, 'LB'],
});

/** Rank correlation over the large-batch rows of accuracy with closeness to SB's norm, one value a seed. */
const normsFollow: Question = {
  id: 'H3',
  claim: 'Recovery goes with a micro-batch gradient norm close to that of SB early in training',
  source: 'abstract and README',
  quantity: 'rank correlation of accuracy with closeness to the early norm of SB',
  rows: ['SB', 'LB', 'GN', 'FT', 'AJ', 'UJ'],
  effect: followsNorm,
  premise: ofGap,
};

function breaksDown(setting: Setting, rows: SettingResults['rows']): Question[] {
  return (['GN', 'FT'] as const).flatMap((method): Question[] => {
    const half = `${method}, |M| = ${setting.batch / 2}`;
    return rows.has(half)
      ? [
          {
            id: 'H4',
            claim: `${method} loses accuracy when |M| grows to |B| / 2`,
            source: 'abstract and README',
            quantity: `${method} − ${half}`,
            rows: [method, half],
            combine: ([small, large]) => small - large,
          },
        ]
      : [];
  });
}

function sampled(setting: Setting, rows: SettingResults['rows']): Question[] {
  const sizes = [...rows.values()]
    .flatMap(({ row }) => (row.method === 'SampleGN' ? (row.microBatch ?? setting.microBatch) : []))
    .sort((a, b) => a - b);
  if (sizes.length < 2) return [];
  const [small, large] = [`|S| = ${sizes[0]}`, `|S| = ${sizes[sizes.length - 1]}`];
  return [
    {
      id: 'H5',
      claim: `Penalising one sampled micro-batch (${small}) keeps at least half of GN's gain`,
      source: 'README',
      quantity: `(${small}) − midpoint of GN and LB`,
      rows: [small, 'GN', 'LB'],
      combine: aboveMidpoint,
      premise: ['GN', 'LB'],
      gain: [small, 'LB'],
    },
    {
      id: 'H5',
      claim: `A large sample (${large}) keeps less of it than a small one (${small})`,
      source: 'README',
      quantity: `(${small}) − (${large})`,
      rows: [small, large],
      combine: ([a, b]) => a - b,
    },
  ];
}

/** Recovery on ten classes, and none on a hundred; but for one exception that the README has. */
function grafted({ classes, name }: Setting): Question[] {
  return (['IterGraft', 'ExterGraft', 'NGD'] as const).map((method): Question => {
    const exception = name.startsWith('VGG-16') && classes === 100 && method === 'ExterGraft';
    const expected = classes <= 10 || exception;
    return {
      id: exception ? "H6'" : 'H6',
      claim: expected
        ? `${method} recovers at least half of what LB loses${exception ? ': the exception on 100 classes' : ''}`
        : `${method} does not recover what LB loses on ${classes} classes: less than half`,
      source: 'abstract and README',
      quantity: expected ? `${method} − midpoint of SB and LB` : `midpoint of SB and LB − ${method}`,
      rows: [method, ...ofGap],
      combine: expected ? aboveMidpoint : belowMidpoint,
      premise: ofGap,
      gain: [method, 'LB'],
    };
  });
}

const trajectories: readonly Question[] = [
  {
    id: 'H7',
    claim: 'Without a penalty LB has a larger micro-batch gradient norm than SB early in training',
    source: 'recalled, not read',
    quantity: 'ln ‖g‖² of LB − that of SB, first half',
    rows: ['LB', 'SB'],
    combine: ([large, small]) => large - small,
    measure: logNorm('early'),
  },
  {
    id: 'H7',
    claim: 'GN drives the norm below that of SB late in training',
    source: 'recalled, not read',
    quantity: 'ln ‖g‖² of SB − that of GN, second half',
    rows: ['SB', 'GN'],
    combine: ([small, penalised]) => small - penalised,
    measure: logNorm('late'),
  },
  {
    id: 'H7',
    claim: 'FT stays closer to the norm of SB late in training than GN does',
    source: 'recalled, not read',
    quantity: '|ln ‖g‖² of GN − SB| − |ln ‖g‖² of FT − SB|, second half',
    rows: ['GN', 'FT', 'SB'],
    combine: ([gn, ft, sb]) => Math.abs(gn - sb) - Math.abs(ft - sb),
    measure: logNorm('late'),
  },
];

const notSufficient: Question = {
  id: 'H8',
  claim: 'Copying the step lengths of SB (ExterGraft) is not enough: it recovers less than half',
  source: 'our inference',
  quantity: 'midpoint of SB and LB − ExterGraft',
  rows: ['ExterGraft', ...ofGap],
  combine: belowMidpoint,
  premise: ofGap,
  gain: ['ExterGraft', 'LB'],
};

/** What is told of claims that no setting has the rows for. */
const unjudged: readonly Judgement[] = [
  gap,
  recovers('GN'),
  doesNotRecover('AJ'),
  normsFollow,
  {
    ...gap,
    id: 'H4',
    claim: 'GN and FT lose accuracy when |M| grows to |B| / 2',
    source: 'abstract and README' as const,
  },
  { ...gap, id: 'H5', claim: "Penalising one sampled micro-batch keeps most of GN's gain, if it is small" },
  {
    ...gap,
    id: 'H6',
    claim: 'Grafting recovers on 10 classes and not on 100',
    source: 'abstract and README' as const,
  },
  { ...gap, id: "H6'", claim: 'ExterGraft recovers with VGG-16 on CIFAR-100, the exception' },
  trajectories[0],
  notSufficient,
].map(
  ({ id, claim, source }): Judgement => ({
    id,
    claim,
    source,
    verdict: 'not run',
    quantity: '',
    detail: 'The experiments that were run do not have its rows.',
  }),
);

function answer(question: Question, { setting, rows }: SettingResults): Judgement {
  const { id, claim, source, quantity, premise } = question;
  const find = (names: readonly string[]) => names.flatMap((name) => rows.get(name) ?? []);
  const { combine = () => Number.NaN, measure = testAccuracy } = question;
  const effect = question.effect?.(rows) ?? paired(find(question.rows), measure, combine);
  const difference = ([above, below]: readonly [string, string]) =>
    paired(find([above, below]), testAccuracy, ([a, b]) => a - b);
  const ground = premise && difference(premise);
  const isGrounded = ground === undefined || exceeds(ground) === 'holds';
  const verdict = isGrounded ? exceeds(effect) : 'not decidable';
  return {
    id,
    claim,
    source,
    setting: setting.name,
    verdict,
    quantity,
    effect,
    readme: measure === testAccuracy ? readmeEffect(question, find(question.rows)) : undefined,
    detail:
      effect.n === 0
        ? 'no seed has finished in all of its rows'
        : [
            ...(question.gain && ground ? [gainText(question.gain, difference(question.gain), ground)] : []),
            ...(isGrounded || !premise || !ground
              ? []
              : [`that ${premise[0]} is above ${premise[1]} is not established: ${intervalText(ground)}`]),
            ...(effect.n === 1 ? ['one seed decides nothing'] : []),
            ...(isGrounded && verdict === 'not decidable' && effect.n >= 2 ? [undecided(effect)] : []),
          ].join('; '),
  };
}

function undecided({ mean }: Estimate): string {
  return Number.isNaN(mean) ? 'all values are equal, or one is not a number' : 'the interval includes 0';
}

/** H3's quantity: over LB and the penalties, accuracy against the negative distance of the early log norm to SB's. */
function followsNorm(rows: SettingResults['rows']): Estimate {
  const others: readonly MethodName[] = ['LB', 'GN', 'FT', 'AJ', 'UJ'];
  const values = (name: string, measure: Measure) => {
    const row = rows.get(name);
    return row ? valuesBySeed(row, measure) : new Map<number, number>();
  };
  const accuracies = others.map((name) => values(name, testAccuracy));
  const norms = others.map((name) => values(name, logNorm('early')));
  return estimate(
    [...values('SB', logNorm('early'))].flatMap(([seed, ofSmall]) => {
      const accuracy = accuracies.flatMap((each) => each.get(seed) ?? []);
      const closeness = norms.flatMap((each) => -Math.abs((each.get(seed) ?? Number.NaN) - ofSmall));
      return accuracy.length === others.length ? [rankCorrelation(closeness, accuracy)] : [];
    }),
  );
}

/** Nothing where the rows' numbers are of different models or data sets, or one is missing. */
function readmeEffect({ combine }: Question, rows: readonly RowResult[]): number | undefined {
  const numbers = rows.flatMap(({ row }) => row.official ?? []);
  const labels = new Set(numbers.map(({ label }) => label.split(',')[0]));
  if (!combine || numbers.length !== rows.length || labels.size !== 1) return undefined;
  return combine(numbers.map(({ best }) => best));
}

function gainText([above, below]: readonly [string, string], gain: Estimate, ground: Estimate): string {
  const share =
    exceeds(ground) === 'holds' ? `, ${((100 * gain.mean) / ground.mean).toFixed(0)} % of the gap` : '';
  return `${above} − ${below} = ${intervalText(gain)}${share}`;
}

function intervalText({ mean, halfWidth, n }: Estimate): string {
  const spread = Number.isFinite(halfWidth) ? ` ± ${halfWidth.toFixed(2)}` : '';
  return `${mean >= 0 ? '+' : ''}${mean.toFixed(2)}${spread} (n = ${n})`;
}

/** One line a verdict. */
export function hypothesesTable(judgements: readonly Judgement[]): Table {
  return {
    name: 'hypotheses',
    caption: 'Verdicts',
    columns: ['', 'claim', 'setting', 'verdict', 'quantity', 'effect', 'n', 'README', 'more'],
    rows: judgements.map(({ id, claim, setting, verdict, quantity, effect, readme, source, detail }) => [
      id,
      `${claim} [${source}]`,
      setting ?? '',
      verdict === 'not decidable' && effect && effect.n >= 2 ? `not decidable with n = ${effect.n}` : verdict,
      quantity,
      effect ? { estimate: effect, digits: 2, signed: true } : '',
      effect ? effect.n : '',
      readme === undefined ? '' : `${readme >= 0 ? '+' : ''}${readme.toFixed(2)}`,
      detail,
    ]),
    notes: [
      "Effects are means over paired seeds with 95 % intervals by Student's t, in points of test accuracy unless the quantity " +
        'says otherwise. A claim holds if the interval is above 0, does not hold if it is below, and is not decidable if it ' +
        'includes 0, or if the difference that it is about is not established itself. Intervals are not corrected for the ' +
        'number of claims: of twenty true zeros one would be decided by chance.',
    ],
  };
}
