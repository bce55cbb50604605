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

/**
 * A plan with all that an earlier one has: experiments, settings, rows and seeds. Throws a sentence if they cannot be told of
 * together, as with other updates for the same setting.
 */
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
  const settings = (of: ReproductionPlan) => of.experiments.flatMap((each) => each.settings);
  for (const { setting } of settings(plan)) {
    const known = settings(earlier).find((each) => each.setting.name === setting.name);
    if (known) refuseOther(setting.name, known.setting, setting, folder);
  }
  const all = merged(
    [...earlier.experiments, ...plan.experiments],
    ({ id }) => id,
    (before, now) => ({
      ...now,
      settings: merged(
        [...before.settings, ...now.settings],
        ({ setting }) => setting.name,
        (old, fresh) => ({
          ...fresh,
          rows: merged(
            [...old.rows, ...fresh.rows],
            ({ row }) => row.name,
            (first, second) => {
              refuseOther(`${fresh.setting.name}, ${second.row.name}`, first.row, second.row, folder);
              const runs = merged(
                [...first.runs, ...second.runs],
                ({ seed }) => seed,
                (_, run) => run,
              );
              return { ...second, runs: runs.sort((a, b) => a.seed - b.seed) };
            },
          ),
        }),
      ),
    }),
  );
  const order = Object.keys(experiments);
  return { ...plan, experiments: all.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id)) };
}

/** Parts of the same key made one, each where the first of them was. */
function merged<Part>(
  parts: readonly Part[],
  keyOf: (part: Part) => unknown,
  merge: (before: Part, now: Part) => Part,
): Part[] {
  const byKey = new Map<unknown, Part>();
  for (const part of parts) {
    const before = byKey.get(keyOf(part));
    byKey.set(keyOf(part), before === undefined ? part : merge(before, part));
  }
  return [...byKey.values()];
}

/** Throws unless all that `now` says is said by `before`, which may come from a file. */
function refuseOther(what: string, before: object, now: object, folder: string): void {
  const old: Readonly<Record<string, unknown>> = { ...before };
  const text = (value: unknown) => JSON.stringify(value) ?? 'none';
  const differing = Object.entries(now).filter(
    ([key, value]) => key !== 'official' && text(old[key]) !== text(value),
  );
  if (differing.length === 0) return;
  const told = differing.map(([key, value]) => `${key} ${text(old[key])}, not ${text(value)}`);
  throw new Error(
    `${folder} holds a report of ${what} with ${told.join('; ')}. It is kept: give --out another folder.`,
  );
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
