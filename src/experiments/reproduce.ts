/** From the experiments asked for, at a scale, to the runs that they need: each configuration once, whoever shares it. */
import { type RunConfig, resolveConfig } from './config.ts';
import type { Experiment, ExperimentId, Row } from './paper/experiment.ts';
import { figure1 } from './paper/figure-1.ts';
import { grafting } from './paper/grafting.ts';
import { largeMicroBatch } from './paper/large-micro-batch.ts';
import { mainTable } from './paper/main-table.ts';
import { rowConfig } from './paper/row-config.ts';
import { sampleMicroBatch } from './paper/sample-micro-batch.ts';
import { type Scale, type Setting, settingsOf } from './paper/settings.ts';
import type { PlannedRun, PlannedSetting, ReproductionPlan } from './run-plan.ts';
import { runFolder } from './run-store.ts';

export const experiments: Readonly<Record<ExperimentId, Experiment>> = {
  main: mainTable,
  figure1,
  large: largeMicroBatch,
  sample: sampleMicroBatch,
  graft: grafting,
};

export interface ReproductionOptions {
  readonly ids: readonly ExperimentId[];
  readonly scale: Scale;
  readonly seeds: readonly number[];
  /** As in `--data`; nothing for what the scale has of its own. */
  readonly data: readonly string[];
  readonly selection: RunConfig['selection'];
  /** Folder of the runs. */
  readonly root: string;
  /** Updates, where they are not the scale's; evaluations are then as many. */
  readonly steps?: number;
  /** The methods to run; all by default. */
  readonly methods?: readonly string[];
}

/**
 * The plan and its runs, seed by seed, so that what is interrupted has whole seeds to compare. Throws a sentence if there are
 * no images for the scale, or no experiment has rows for those that there are.
 */
export function planReproduction(options: ReproductionOptions): {
  plan: ReproductionPlan;
  runs: PlannedRun[];
} {
  const { ids, scale, seeds, data, selection, methods } = options;
  const settings = [...settingsOf(scale, data)].map(
    ([key, setting]) => [key, withSteps(setting, options.steps)] as const,
  );
  const runs = new Map<string, PlannedRun & { seed: number }>();
  const planned = ids.map((id) => ({
    id,
    settings: settings.flatMap(([key, setting]): PlannedSetting[] => {
      const rows = experiments[id]
        .rows(key, setting)
        .filter(({ method }) => methods === undefined || methods.includes(method));
      if (rows.length === 0) return [];
      return [
        {
          setting,
          rows: rows.map((row) => ({
            row,
            runs: seeds.map((seed) => {
              const run = plannedRun(row, rows, setting, seed, options);
              if (!runs.has(run.name)) runs.set(run.name, { ...run, seed });
              return { seed, name: run.name };
            }),
          })),
        },
      ];
    }),
  }));
  if (runs.size === 0) {
    const names = settings.map(([, { name }]) => name).join(' and ');
    throw new Error(`Nothing to run: ${ids.join(' and ')} has no rows for ${names} at the ${scale} scale.`);
  }
  return {
    plan: { kind: 'reproduce', scale, selection, experiments: planned },
    runs: [...runs.values()].sort((a, b) => a.seed - b.seed).map(({ seed: _, ...run }) => run),
  };
}

function withSteps(setting: Setting, steps = setting.steps): Setting {
  const evaluateEvery = Math.max(1, Math.floor((setting.evaluateEvery * steps) / setting.steps));
  return { ...setting, steps, evaluateEvery };
}

/** A plan with the experiments of an earlier one that it does not have itself. Throws a sentence if they cannot be told of together. */
export function mergedPlan(
  plan: ReproductionPlan,
  earlier: ReproductionPlan,
  folder: string,
): ReproductionPlan {
  if (earlier.scale !== plan.scale || earlier.selection !== plan.selection) {
    throw new Error(
      `${folder} holds experiments at the ${earlier.scale} scale with selection ${earlier.selection}; give --out another ` +
        `folder for the ${plan.scale} scale with selection ${plan.selection}.`,
    );
  }
  const own = new Set(plan.experiments.map(({ id }) => id));
  const all = [...plan.experiments, ...earlier.experiments.filter(({ id }) => !own.has(id))];
  const order = Object.keys(experiments);
  return { ...plan, experiments: all.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id)) };
}

function plannedRun(
  row: Row,
  rows: readonly Row[],
  setting: Setting,
  seed: number,
  options: ReproductionOptions,
): PlannedRun {
  const source = row.normsOf === undefined ? undefined : rows.find(({ name }) => name === row.normsOf);
  if (row.normsOf !== undefined && source === undefined) {
    throw new Error(
      `${row.name} takes its step lengths from ${row.normsOf}, which is not among the methods to run.`,
    );
  }
  const recording = source && plannedRun(source, rows, setting, seed, options);
  const config = resolveConfig(
    {
      ...rowConfig(row, setting),
      norms: recording && { run: runFolder(options.root, recording.config), hold: setting.holdNorms },
      selection: options.selection,
      seed,
    },
    `${row.name} in ${setting.name}`,
  );
  return {
    name: runName(config),
    config,
    label: `${setting.name.includes('/') && options.scale !== 'quick' ? `${setting.name} ` : ''}${row.name}, seed ${seed}`,
    after: recording?.name,
  };
}

/** Name of a run's folder. */
export function runName(config: RunConfig): string {
  return runFolder('', config);
}
