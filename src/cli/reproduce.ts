/** `regrad reproduce`: the paper's experiments at a scale, with their report. */
import { Argument, type Command, Option } from 'commander';
import { type Selection, selections } from '../experiments/data/protocol.ts';
import { type ExperimentId, experimentIds } from '../experiments/paper/experiment.ts';
import { type Scale, scales } from '../experiments/paper/settings.ts';
import { mergedPlan, planReproduction } from '../experiments/reproduce.ts';
import { type ReproductionPlan, readPlan } from '../experiments/run-plan.ts';
import { addRunsOptions, collect, makePlannedRuns, type RunsOptions, seedsUpTo } from './experiment-runs.ts';
import { parseCount } from './numbers.ts';

interface Options extends RunsOptions {
  readonly scale: Scale;
  readonly seeds: number;
  readonly data: readonly string[];
  readonly selection: Selection;
  readonly methods?: string;
  readonly steps?: number;
  readonly out?: string;
}

export function addReproduce(program: Command): void {
  const command = program
    .command('reproduce')
    .description("The paper's experiments: main table, figure 1, large and sample micro-batch, grafting.")
    .addArgument(new Argument('<experiment>', 'which of them').choices([...experimentIds, 'all']))
    .addOption(
      new Option(
        '--scale <scale>',
        'quick: shipped images, minutes on two cores; small: CIFAR with a small ResNet, for one GPU hour; paper: the ' +
          "official code's hyperparameters",
      )
        .choices(scales)
        .default('quick'),
    )
    .option('--seeds <count>', 'runs of each row, with the seeds from 0', parseCount, 3)
    .option(
      '--data <set>',
      'where images are, as cifar10:DIR; may be repeated (default: fetched sets)',
      collect,
      [],
    )
    .addOption(
      new Option('--selection <images>', 'what selects checkpoints, as in regrad train')
        .choices(selections)
        .default('held-out'),
    )
    .option('--methods <names>', 'only these methods, as SB,LB,GN')
    .option('--steps <count>', 'updates of each run (default: as the scale has it)', parseCount)
    .option(
      '--out <folder>',
      'the folder of the runs and their report (default: runs/SCALE, or runs/SCALE-COUNT-steps)',
    );
  addRunsOptions(command).action(reproduce);
}

async function reproduce(experiment: ExperimentId | 'all', options: Options): Promise<void> {
  await reproduceExperiments(experiment === 'all' ? experimentIds : [experiment], options);
}

/** Plans, shows the cost, makes the runs that are not done, and reports. */
export async function reproduceExperiments(ids: readonly ExperimentId[], options: Options): Promise<void> {
  const { scale, seeds, data, selection, methods, steps, out } = options;
  // Shorter runs are for a try: they leave the report of the scale as it is.
  const root = out ?? `runs/${scale}${steps === undefined ? '' : `-${steps}-steps`}`;
  const earlier = await readPlan(root);
  if (earlier?.kind === 'sweep') {
    throw new Error(`${root} holds a sweep, "${earlier.title}"; give --out another folder.`);
  }
  const { plan, runs } = planReproduction({
    ids,
    scale,
    seeds: seedsUpTo(seeds),
    data,
    selection,
    root,
    steps,
    methods: methods?.split(','),
  });
  await makePlannedRuns(root, withEarlier(plan, earlier, root), runs, options);
}

function withEarlier(
  plan: ReproductionPlan,
  earlier: ReproductionPlan | undefined,
  root: string,
): ReproductionPlan {
  return earlier === undefined ? plan : mergedPlan(plan, earlier, root);
}
