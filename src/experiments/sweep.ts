/**
 * A sweep: one configuration, changed in a grid of values or along a list, for some seeds. Its plan is a YAML file:
 *
 *     title: Rates for LB            # optional
 *     preset: optdigits-resnet-lb    # optional; `base` is laid over it
 *     base: { steps: 160 }           # part of a configuration, as regrad train --config takes it
 *     grid:                          # every combination of these
 *       learningRate: [0.3, 1]
 *       microBatch: [8, 16]
 *     list:                          # each of these with each combination of the grid
 *       - { method: LB }
 *       - { method: GN, lambda: 0.05 }
 *     seeds: [0, 1, 2]               # [0] unless given
 */
import { basename } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from './config.ts';
import { problemsOf } from './config-problems.ts';
import { type ConfigSource, configFrom, presetSource, readConfigFile } from './config-sources.ts';
import { runName } from './reproduce.ts';
import type { PlannedRun, SweepPlan } from './run-plan.ts';

const mapping = z.record(z.string(), z.unknown());
const sweepSchema = z.strictObject({
  title: z.string().optional().describe('a text'),
  preset: z.string().optional().describe('the name of a preset'),
  base: mapping.default({}).describe('part of a configuration'),
  grid: z
    .record(z.string(), z.array(z.unknown()).min(1))
    .default({})
    .describe('a mapping of keys to lists of values, as learningRate: [0.1, 1]'),
  list: z.array(mapping).min(1).default([{}]).describe('a list of parts of a configuration'),
  seeds: z.array(z.int().min(0)).min(1).default([0]).describe('a list of whole numbers of 0 or more'),
});

/**
 * Reads a sweep and resolves all of its configurations. Throws a sentence for what is wrong in the file, an unknown key with the
 * one that was probably meant, before anything is run.
 */
export async function planSweep(path: string): Promise<{ plan: SweepPlan; runs: PlannedRun[] }> {
  const { values: written } = await readConfigFile(path);
  const parsed = sweepSchema.safeParse(written);
  if (!parsed.success) throw new Error(`${path}: ${problemsOf(parsed.error.issues, written, sweepSchema)}`);
  const { title = `Sweep ${basename(path)}`, preset, base, grid, list, seeds } = parsed.data;
  const sources: ConfigSource[] = [
    ...(preset === undefined ? [] : [presetSource(preset)]),
    { where: `${path}, base`, values: base },
  ];
  checkCount(path, [list, ...Object.values(grid), seeds]);
  // The same value may be written in several ways, as 1e-3 and 0.001.
  const changes = distinctBy(combinationsOf(path, grid, list), ({ values }) =>
    JSON.stringify(Object.entries(values).sort()),
  );
  if (changes.length === 1) {
    throw new Error(
      `${path}: there is one combination only; give grid or list with more, or use regrad train.`,
    );
  }
  const keys = [...new Set(changes.flatMap(({ values }) => Object.keys(values)))];
  const runs = new Map<string, PlannedRun & { seed: number }>();
  const combinations = changes.map(({ values, sources: own }) => {
    const shown = keys.map((key) => (key in values ? textOf(values[key]) : ''));
    const label = keys.flatMap((key, at) => (shown[at] === '' ? [] : [`${key} ${shown[at]}`])).join(', ');
    return {
      values: shown,
      runs: [...new Set(seeds)].map((seed) => {
        const config: RunConfig = configFrom([
          ...sources,
          ...own,
          { where: `${path}, seeds`, values: { seed } },
        ]);
        const name = runName(config);
        if (!runs.has(name)) runs.set(name, { name, config, label: `${label}, seed ${seed}`, seed });
        return { seed, name };
      }),
    };
  });
  return {
    plan: { kind: 'sweep', title, keys, combinations },
    runs: [...runs.values()].sort((a, b) => a.seed - b.seed).map(({ seed: _, ...run }) => run),
  };
}

/** The most runs that are planned at once: more take longer than anyone waits, and a slip of the hand is soon made. */
const mostRuns = 1_000;

function checkCount(path: string, choices: readonly (readonly unknown[])[]): void {
  const count = choices.reduce((product, { length }) => product * length, 1);
  if (count <= mostRuns) return;
  throw new Error(
    `${path}: grid, list and seeds make ${choices.map(({ length }) => length).join(' × ')} = ${count} runs, but at most ` +
      `${mostRuns} are planned at once; take fewer values, or several plans.`,
  );
}

interface Change {
  /** What differs, by key as it is written: `norms.hold`. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly sources: readonly ConfigSource[];
}

function combinationsOf(
  path: string,
  grid: Readonly<Record<string, readonly unknown[]>>,
  list: readonly Readonly<Record<string, unknown>>[],
): Change[] {
  const items = list.map(
    (values, at): Change => ({ values, sources: [{ where: `${path}, list[${at}]`, values }] }),
  );
  return Object.entries(grid).reduce<Change[]>(
    (changes, [key, choices]) =>
      changes.flatMap(({ values, sources }) =>
        choices.map((choice) => ({
          values: { ...values, [key]: choice },
          sources: [...sources, { where: `${path}, grid`, values: nested(key, choice) }],
        })),
      ),
    items,
  );
}

/** The first of those with equal keys. */
function distinctBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  return [...new Map([...items].reverse().map((item) => [keyOf(item), item])).values()].reverse();
}

/** `a.b` and v as { a: { b: v } }. */
function nested(key: string, value: unknown): unknown {
  return key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
