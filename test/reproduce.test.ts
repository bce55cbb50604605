/** From the experiments asked for to the runs that they need. */
import { describe, expect, it } from 'vitest';
import { configFrom, presetSource } from '../src/experiments/config-sources.ts';
import { type ExperimentId, experimentIds } from '../src/experiments/paper/experiment.ts';
import { official } from '../src/experiments/paper/official-numbers.ts';
import { settingsOf } from '../src/experiments/paper/settings.ts';
import { presets } from '../src/experiments/presets.ts';
import {
  experiments,
  mergedPlan,
  planReproduction,
  type ReproductionOptions,
  runName,
} from '../src/experiments/reproduce.ts';

function planned(ids: readonly ExperimentId[], changes: Partial<ReproductionOptions> = {}) {
  return planReproduction({
    ids,
    scale: 'quick',
    seeds: [0, 1],
    data: [],
    selection: 'held-out',
    root: 'runs',
    ...changes,
  });
}

const cifar = { scale: 'paper', data: ['cifar10:/images', 'cifar100:/images'], seeds: [0] } as const;

describe('the plan', () => {
  it('makes each configuration once, whoever shares it', () => {
    const each = experimentIds.map((id) => planned([id]).runs.length);
    // SB, LB and four penalties; the same; SB, LB, GN, FT and two large; SB, LB, GN and three sampled; SB, LB and three grafted.
    expect(each).toEqual([12, 12, 12, 12, 10]);
    const all = planned(experimentIds);
    // Six of the main comparison, two large, three sampled, three grafted.
    expect(all.runs).toHaveLength(28);
    expect(new Set(all.runs.map(({ name }) => name)).size).toBe(28);
    // Figure 1 needs no runs but the main table's.
    const names = (id: ExperimentId) =>
      all.plan.experiments
        .find((each) => each.id === id)
        ?.settings.flatMap(({ rows }) => rows.flatMap(({ runs }) => runs));
    expect(names('figure1')).toEqual(names('main'));
  });

  it('goes seed by seed, paired: rows differ in what they are for, and seeds in the seed alone', () => {
    const { runs } = planned(['main']);
    expect(runs.map(({ label }) => label)).toEqual(
      [0, 1].flatMap((seed) => ['SB', 'LB', 'GN', 'FT', 'AJ', 'UJ'].map((name) => `${name}, seed ${seed}`)),
    );
    const [first, second] = [runs[0].config, runs[6].config];
    expect({ ...second, seed: 0 }).toEqual(first);
    const { method: _, lambda, batch, recordNormsEvery, ...shared } = runs[2].config;
    expect(runs[1].config).toMatchObject(shared);
    expect({ lambda, batch, recordNormsEvery }).toEqual({ lambda: 0.05, batch: 48, recordNormsEvery: null });
  });

  it('lets external grafting wait for the run of SB with its seed, which records the norms it needs', () => {
    const { runs } = planned(['graft']);
    for (const run of runs.filter(({ config }) => config.method === 'ExterGraft')) {
      const source = runs.find(({ name }) => name === run.after);
      expect(source?.config).toMatchObject({ method: 'SB', seed: run.config.seed });
      expect(run.config.norms?.run).toBe(`runs/${source?.name}`);
      expect(run.config.norms?.hold).toBe(source?.config.recordNormsEvery);
      expect(runs.indexOf(run)).toBeGreaterThan(runs.findIndex(({ name }) => name === run.after));
    }
    expect(runs.filter(({ after }) => after !== undefined)).toHaveLength(2);
    expect(() => planned(['graft'], { methods: ['LB', 'ExterGraft'] })).toThrow(
      'ExterGraft takes its step lengths from SB, which is not among the methods to run.',
    );
  });

  it.each([
    ['quick', 'optdigits-resnet', 'ResNet[4,8]/optdigits'],
    ['paper', 'cifar10-resnet18', 'ResNet-18/CIFAR-10'],
    ['paper', 'cifar100-resnet18', 'ResNet-18/CIFAR-100'],
    ['paper', 'cifar10-vgg11', 'VGG-11/CIFAR-10'],
  ] as const)('makes at the %s scale the runs that the presets of %s name', (scale, family, setting) => {
    const { plan, runs } = planned(experimentIds, {
      ...{ scale, seeds: [0] },
      data: scale === 'quick' ? [] : ['cifar10', 'cifar100'],
    });
    const rows = plan.experiments.flatMap(({ settings }) =>
      settings.filter((each) => each.setting.name === setting).flatMap((each) => each.rows),
    );
    const names = Object.keys(presets).filter((name) => name.startsWith(`${family}-`));
    for (const method of [
      'SB',
      'LB',
      'GN',
      'FT',
      'AJ',
      ...(family.endsWith('vgg11') ? ['SampleGN'] : ['UJ', 'NGD']),
    ]) {
      expect(names).toContain(`${family}-${method.toLowerCase()}`);
    }
    for (const name of names) {
      const config = configFrom([presetSource(name)]);
      const run = runs.find((each) => each.name === runName(config));
      expect(run?.config, name).toEqual(config);
      expect(rows.some(({ runs: [first] }) => first.name === run?.name)).toBe(true);
    }
  });

  it('shortens runs and evaluates them as often', () => {
    for (const { config } of planned(['main'], { steps: 20, methods: ['SB', 'GN'] }).runs) {
      expect(config).toMatchObject({ steps: 20, evaluateEvery: 2 });
      expect(['SB', 'GN']).toContain(config.method);
    }
  });

  it('at the paper scale has the hyperparameters of the README', () => {
    const { runs, plan } = planned(experimentIds, cifar);
    const find = (label: string) => runs.find((run) => run.label === `${label}, seed 0`)?.config;
    expect(find('ResNet-18/CIFAR-100 LB')).toMatchObject({
      data: 'cifar100:/images',
      model: 'resnet18',
      learningRate: 0.5,
      batch: 5120,
      microBatch: 128,
      steps: 5000,
      evaluateEvery: 20,
      augment: true,
      validationImages: 10_000,
    });
    expect(find('VGG-11/CIFAR-10 GN')).toMatchObject({
      learningRate: 0.01,
      lambda: 0.5,
      batch: 5000,
      microBatch: 100,
    });
    expect(find('VGG-11/CIFAR-10 SB at the rate of LB')).toMatchObject({
      method: 'SB',
      learningRate: 0.01,
      batch: 100,
    });
    expect(find('VGG-11/CIFAR-10 |S| = 50')).toMatchObject({
      method: 'SampleGN',
      lambda: 0.25,
      microBatch: 50,
    });
    expect(find('VGG-11/CIFAR-10 GN, |M| = 2500')).toMatchObject({ lambda: 0.25, microBatch: 2500 });
    expect(find('ResNet-18/CIFAR-100 GN, |M| = 2560')).toMatchObject({ learningRate: 0.5, lambda: 0.0025 });
    expect(find('VGG-16/CIFAR-100 NGD')).toMatchObject({
      learningRate: 0.4322,
      model: { classes: 100, bn: true },
    });
    // The README has no UJ for VGG-11, and its mislabelled row is under CIFAR-100.
    expect(find('VGG-11/CIFAR-10 UJ')).toBeUndefined();
    const large = plan.experiments.find(({ id }) => id === 'large');
    expect(large?.settings.map(({ setting }) => setting.name)).toEqual([
      'ResNet-18/CIFAR-100',
      'VGG-11/CIFAR-10',
    ]);
  });

  it('has no row at any scale whose README number is of another method', () => {
    for (const scale of ['quick', 'small', 'paper'] as const) {
      for (const [key, setting] of settingsOf(scale, scale === 'quick' ? [] : cifar.data)) {
        for (const { name, official: number } of experimentIds.flatMap((id) =>
          experiments[id].rows(key, setting),
        )) {
          if (!number) continue;
          const [, row] = /^[^,]+, (.*)$/.exec(number.label) ?? [];
          const kind = (text: string) => text.replace(/\d+$/, '');
          expect(kind(row), `${name} of ${setting.name}`).toBe(kind(name));
        }
      }
    }
  });

  it.each([
    ['small', [], /The small scale needs --data cifar10:DIR or --data cifar100:DIR, or both\. .*data fetch/],
    ['small', ['mnist:/x'], /it has no use for 'mnist'/],
    ['quick', ['mnist:/x', 'cifar10:/y'], /takes one data set; 2 were given/],
  ] as const)('at the %s scale refuses the data %j', (scale, data, message) => {
    expect(() => planned(['main'], { scale, data })).toThrow(message);
  });

  it('says when there is nothing to run', () => {
    expect(() => planned(['sample'], { ...cifar, data: ['cifar100:/images'] })).toThrow(
      'Nothing to run: sample has no rows for ResNet-18/CIFAR-100 and VGG-16/CIFAR-100 at the paper scale.',
    );
  });

  it('keeps the experiments of an earlier plan, but not of another scale', () => {
    const main = planned(['main'], { seeds: [0] }).plan;
    const graft = planned(['graft', 'main']).plan;
    const merged = mergedPlan(main, graft, 'runs/quick');
    expect(merged.experiments.map(({ id }) => id)).toEqual(['main', 'graft']);
    expect(merged.experiments[0]).toEqual(graft.experiments[1]);
    expect(() => mergedPlan(planned(['main'], cifar).plan, graft, 'runs/quick')).toThrow(
      'runs/quick holds experiments at the quick scale with selection held-out; give --out another folder',
    );
  });

  it('of a folder keeps the seeds, rows and settings that it has, and refuses others for the same', () => {
    const earlier = planned(['main', 'figure1'], { seeds: [0, 1, 2] }).plan;
    // As it comes from a file.
    const read = JSON.parse(JSON.stringify(earlier));
    for (const changes of [{ seeds: [0] }, { seeds: [2], methods: ['LB', 'GN'] }]) {
      const { experiments: kept } = mergedPlan(planned(['main'], changes).plan, read, 'runs/quick');
      expect(JSON.parse(JSON.stringify(kept))).toEqual(read.experiments);
    }
    const more = mergedPlan(planned(['main'], { seeds: [3] }).plan, read, 'runs/quick').experiments;
    expect(more[0].settings[0].rows[0].runs.map(({ seed }) => seed)).toEqual([0, 1, 2, 3]);
    expect(more[1].settings[0].rows[0].runs.map(({ seed }) => seed)).toEqual([0, 1, 2]);
    const other = mergedPlan(planned(['main'], { data: ['mnist:/images'] }).plan, read, 'runs/quick');
    expect(other.experiments[0].settings.map(({ setting }) => setting.name)).toEqual([
      'ResNet[4,8]/optdigits',
      'ResNet[4,8]/mnist',
    ]);
    for (const id of ['main', 'graft'] as const) {
      expect(() => mergedPlan(planned([id], { steps: 8 }).plan, read, 'runs/quick')).toThrow(
        'runs/quick holds a report of ResNet[4,8]/optdigits with steps 160, not 8; evaluateEvery 16, not 1. ' +
          'It is kept: give --out another folder.',
      );
    }
    read.experiments[0].settings[0].rows[2].row.lambda = 0.5;
    expect(() => mergedPlan(planned(['main']).plan, read, 'runs/quick')).toThrow(
      'a report of ResNet[4,8]/optdigits, GN with lambda 0.5, not 0.05. It is kept',
    );
  });
});

describe("the README's numbers", () => {
  it('are as noted, the doubtful one with its doubt', () => {
    expect(official('ResNet-18/CIFAR-10', 'SB').best).toBe(92.64);
    expect(official('VGG-11/CIFAR-10', '|S| = 1000')).toMatchObject({ best: 75.73, final: 75.48 });
    expect(official('ResNet-18/CIFAR-100', 'GN, |M| = 2560').note).toContain('almost certainly CIFAR-100');
    expect(() => official('VGG-11/CIFAR-10', 'UJ')).toThrow('no number for UJ of VGG-11/CIFAR-10');
  });
});
