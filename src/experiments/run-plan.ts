/**
 * What a folder of runs is for: `plan.json` beside the run folders, from which, with them, a report is made. One plan is for
 * the paper's experiments at a scale, the other for a sweep.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from './config.ts';
import { writeFileAtomic } from './files.ts';
import { experimentIds, type Row } from './paper/experiment.ts';
import { type Scale, type Setting, scales } from './paper/settings.ts';
import { readJson } from './run-store.ts';

/** A run to be made, as the runner takes it. */
export interface PlannedRun {
  /** Name of its folder. */
  readonly name: string;
  readonly config: RunConfig;
  /** For people: "GN, seed 0". */
  readonly label: string;
  /** Folder name of the run that must be finished before. */
  readonly after?: string;
}

/** Folder names by seed. */
export interface PlannedRow {
  readonly row: Row;
  readonly runs: readonly { readonly seed: number; readonly name: string }[];
}

export interface PlannedSetting {
  readonly setting: Setting;
  readonly rows: readonly PlannedRow[];
}

export interface ReproductionPlan {
  readonly kind: 'reproduce';
  readonly scale: Scale;
  readonly selection: RunConfig['selection'];
  readonly experiments: readonly {
    readonly id: (typeof experimentIds)[number];
    readonly settings: readonly PlannedSetting[];
  }[];
}

export interface SweepPlan {
  readonly kind: 'sweep';
  readonly title: string;
  /** The keys that differ between combinations. */
  readonly keys: readonly string[];
  readonly combinations: readonly {
    /** In order of `keys`, as they are shown. */
    readonly values: readonly string[];
    readonly runs: readonly { readonly seed: number; readonly name: string }[];
  }[];
}

export type Plan = ReproductionPlan | SweepPlan;

const runs = z.array(z.object({ seed: z.number(), name: z.string() }));
const officialSchema = z.object({
  label: z.string(),
  best: z.number(),
  final: z.number().optional(),
  note: z.string().optional(),
});
/** Settings and rows as they were planned: written by us, so it is their presence that is checked, not their every field. */
const settingSchema = z.custom<Setting>(
  (value) => typeof value === 'object' && value !== null && 'name' in value,
);
const rowSchema = z.custom<Row>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'method' in value &&
    (!('official' in value) || officialSchema.safeParse(value.official).success),
);
const planSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('reproduce'),
    scale: z.enum(scales),
    selection: z.enum(['held-out', 'official']),
    experiments: z.array(
      z.object({
        id: z.enum(experimentIds),
        settings: z.array(
          z.object({ setting: settingSchema, rows: z.array(z.object({ row: rowSchema, runs })) }),
        ),
      }),
    ),
  }),
  z.object({
    kind: z.literal('sweep'),
    title: z.string(),
    keys: z.array(z.string()),
    combinations: z.array(z.object({ values: z.array(z.string()), runs })),
  }),
]);

/** The plan in a folder; undefined if it has none. Throws a sentence if plan.json is not as it was written. */
export async function readPlan(folder: string): Promise<Plan | undefined> {
  return readJson(join(folder, 'plan.json'), planSchema, 'remove it, and repeat the command that made it.');
}

export async function writePlan(folder: string, plan: Plan): Promise<void> {
  await writeFileAtomic(join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
}
