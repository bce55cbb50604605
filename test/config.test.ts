/** Configurations: what they resolve to, how they are named, and what is said about wrong ones. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configHash, resolveConfig } from '../src/experiments/config.ts';
import {
  configFrom,
  presetSource,
  readConfigFile,
  settingSource,
} from '../src/experiments/config-sources.ts';
import { nearest } from '../src/experiments/nearest.ts';
import { presets } from '../src/experiments/presets.ts';
import { makeFolder } from './data-files.ts';

const least = { method: 'GN', lambda: 0.1, data: 'optdigits', batch: 8, learningRate: 0.5, steps: 40 };
const resolved = (changes: Record<string, unknown> = {}) => resolveConfig({ ...least, ...changes }, 'here');

describe('a configuration', () => {
  it('is filled in with its defaults, and is then its own resolution', () => {
    const config = resolved();
    expect(config).toEqual({
      ...least,
      derivative: 'double-backprop',
      radius: null,
      norms: null,
      model: 'resnet[8,16]',
      selection: 'held-out',
      trainImages: null,
      validationImages: null,
      testImages: null,
      augment: false,
      microBatch: 8,
      normBatch: null,
      lastBatch: 'partial',
      seed: 0,
      evaluateEvery: 4,
      measureBatches: 4,
      recordNormsEvery: null,
      divergedAbove: 1000,
      checkpointEvery: 4,
    });
    expect(resolveConfig(JSON.parse(JSON.stringify(config)), 'again')).toEqual(config);
    expect(resolved({ method: 'itergraft-MEAN', lambda: undefined }).method).toBe('IterGraft-mean');
    expect(resolved({ data: 'cifar10:/data' }).augment).toBe(true);
    expect(resolved({ steps: 3 }).evaluateEvery).toBe(1);
    // A penalty of weight 0 is allowed, said aloud: it should train as LB does.
    expect(resolved({ lambda: 0 }).lambda).toBe(0);
  });

  it('has a hash of what decides its numbers', () => {
    const hash = configHash(resolved());
    expect(hash).toMatch(/^[0-9a-f]{12}$/);
    const same = [
      { checkpointEvery: 9 },
      { data: 'optdigits:/elsewhere' },
      { microBatch: 8 },
      { radius: null },
    ];
    for (const changes of same) expect(configHash(resolved(changes)), JSON.stringify(changes)).toBe(hash);
    const others = [
      { seed: 1 },
      { lambda: 0.2 },
      { method: 'FT' },
      { data: 'mnist' },
      { model: 'mlp[4]' },
      { microBatch: 4 },
      { normBatch: 4 },
      { lastBatch: 'full' },
      { trainImages: 100 },
      { testImages: 100 },
      { evaluateEvery: 5 },
      { recordNormsEvery: 5 },
      { augment: true },
      { derivative: 'forward-difference', radius: 0.1 },
    ].map((changes) => configHash(resolved(changes)));
    expect(new Set([hash, ...others]).size).toBe(others.length + 1);
    // Whatever the order of the keys.
    expect(configHash(resolveConfig(Object.fromEntries(Object.entries(least).reverse()), 'here'))).toBe(hash);
  });

  it('of external grafting is named by the run that it takes norms from, not by its folder', async () => {
    const graft = (run: string, more = {}) =>
      resolved({ method: 'ExterGraft', lambda: undefined, norms: { run, ...more } });
    const config = graft('/nowhere/sb-0123456789ab');
    expect(config.norms).toEqual({ run: '/nowhere/sb-0123456789ab', hold: 20, identity: '0123456789ab' });
    expect(configHash(graft('elsewhere/sb-0123456789ab'))).toBe(configHash(config));
    expect(configHash(graft('/nowhere/sb-0123456789ac'))).not.toBe(configHash(config));
    expect(configHash(graft('/nowhere/sb-0123456789ab', { hold: 10 }))).not.toBe(configHash(config));
    const folder = await makeFolder();
    const [a, b] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl')];
    await writeFile(a, '{"step":0,"norm":1}\n');
    await writeFile(b, '{"step":0,"norm":1}\n');
    expect(configHash(graft(a))).toBe(configHash(graft(b)));
    await writeFile(b, '{"step":0,"norm":2}\n');
    expect(configHash(graft(a))).not.toBe(configHash(graft(b)));
    expect(() => graft(join(folder, 'none.jsonl'))).toThrow(
      /^Could not read recorded norms from .*none\.jsonl: there is no such file; check the path\.$/,
    );
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown key', { learningrat: 1 }, 'here: "learningrat" is not a key; did you mean "learningRate"?'],
    [
      'an unknown key like none',
      { zzzzzzzz: 1 },
      'here: "zzzzzzzz" is not a key; the keys are method, derivative, ',
    ],
    [
      'an unknown nested key',
      { norms: { run: 'x-0123456789ab', hodl: 2 } },
      '"norms.hodl" is not a key; did you mean "hold"?',
    ],
    [
      'a missing key',
      { batch: undefined },
      'batch is missing; it should be a whole number of 1 or more, the examples',
    ],
    [
      'a missing nested key',
      { norms: { hold: 2 } },
      'norms.run is missing; it should be the folder of a run with norms',
    ],
    ['a method that is none', { method: 'SGDD' }, 'method should be a method: SB, LB, GN, '],
    ['a method that is no text', { method: 3 }, ', but is 3.'],
    [
      'a text for a number',
      { learningRate: 'fast' },
      'learningRate should be a number above 0, but is "fast".',
    ],
    ['zero', { learningRate: 0 }, 'learningRate should be a number above 0, but is 0.'],
    ['infinity', { learningRate: Infinity }, 'learningRate should be a number above 0, but is Infinity.'],
    [
      'NaN',
      { lambda: Number.NaN },
      'lambda should be a number of 0 or more, the weight of the penalty, but is NaN.',
    ],
    ['a fraction', { steps: 2.5 }, 'steps should be a whole number of 1 or more, the updates, but is 2.5.'],
    ['a list', { seed: [1] }, 'seed should be a whole number of 0 or more, but is [1].'],
    [
      'null where it means nothing',
      { data: null },
      'data should be a data set, as optdigits or cifar10:DIR, but is null.',
    ],
    [
      'a seed that is too large',
      { seed: 2 ** 60 },
      'seed should be a whole number of 0 or more, but is 11529215046068',
    ],
    [
      'a choice that is none',
      { lastBatch: 'drop' },
      'lastBatch should be one of partial, nominal, full, but is "drop".',
    ],
    [
      'an unknown derivative',
      { derivative: 'exact' },
      'derivative should be how a penalty is differentiated: double-',
    ],
    ['a model of no family', { model: { family: 'bert' } }, 'model'],
    [
      'a model with an unknown key',
      { model: { family: 'mlp', inputs: 4, hiden: [1], classes: 2, activation: 'relu' } },
      '"model.hiden" is not a key; did you mean "hidden"?',
    ],
    [
      'a model with a wrong width',
      { model: { family: 'resnet', widths: [4, 0], blocks: [1, 1], classes: 2 } },
      'model.widths.1 should be a list of whole numbers of 1 or more, but is 0.',
    ],
    [
      'a penalty without weight',
      { lambda: undefined },
      'The method GN penalises a gradient; give its weight, lambda.',
    ],
    ['a weight without penalty', { method: 'LB' }, 'The method LB has no penalty; leave out lambda.'],
    [
      'micro-batches that do not fit',
      { microBatch: 3 },
      'The batch, 8, must be a multiple of microBatch, 3.',
    ],
    [
      'SB in micro-batches',
      { method: 'SB', lambda: 0, microBatch: 4 },
      'SB makes an update from every micro-batch: ',
    ],
    ['statistics of parts that do not fit', { normBatch: 3 }, 'normBatch, 3, must divide microBatch, 8.'],
    [
      'SAM without radius',
      { method: 'SAM', lambda: 0 },
      'SAM needs a radius, the length of its displacement.',
    ],
    [
      'a difference without radius',
      { derivative: 'central-difference' },
      'central-difference needs a radius',
    ],
    ['a radius for nothing', { radius: 0.1 }, 'Nothing in this configuration uses a radius; leave it out.'],
    [
      'a derivative for nothing',
      { method: 'LB', lambda: 0, derivative: 'forward-difference' },
      'no penalty to differ',
    ],
    [
      'grafting without norms',
      { method: 'ExterGraft', lambda: 0 },
      'ExterGraft takes its step lengths from another',
    ],
    [
      'norms for nothing',
      { norms: { run: 'sb-0123456789ab' } },
      'The method GN uses no recorded norms; leave out norms.',
    ],
  ])('with %s is refused in a sentence', (_, changes, sentence) => {
    expect(() => resolved(changes)).toThrow(sentence);
    expect(() => resolved(changes)).toThrow(/^here: .*[.?]$/);
  });

  it.each([[null], [[1]], ['text'], [3]])('that is %j, no mapping, is refused', (value) => {
    expect(() => resolveConfig(value, 'here')).toThrow(
      /^here: expected a mapping of keys to values, but it is .*\.$/,
    );
  });

  it('with several faults is told all of them', () => {
    expect(() => resolved({ steps: 0, sede: 2, batch: 'x' })).toThrow(
      /^here: batch should be .* but is "x"\. steps should be .* but is 0\. "sede" is not a key; did you mean "seed"\?$/,
    );
  });
});

describe('configuration files', () => {
  async function file(name: string, text: string): Promise<string> {
    const path = join(await makeFolder(), name);
    await writeFile(path, text);
    return path;
  }

  it('are YAML, or JSON, which is YAML too', async () => {
    const yaml = await file(
      'run.yaml',
      'method: gn # the method\nlambda: 1e-2\nmodel: "mlp[4]"\nnorms: null\n',
    );
    expect(await readConfigFile(yaml)).toEqual({
      where: yaml,
      values: { method: 'gn', lambda: 0.01, model: 'mlp[4]', norms: null },
    });
    const json = await file('run.json', JSON.stringify(least, null, 2));
    expect(configFrom([await readConfigFile(json)])).toEqual(resolved());
  });

  it.each([
    ['a list that is not closed', 'model: [1, 2', /run\.yaml: this is not YAML: .* at line 1, column \d+\.$/],
    [
      'a key twice',
      'seed: 1\nseed: 2\n',
      /run\.yaml: this is not YAML: Map keys must be unique at line 2, column 1\.$/,
    ],
    ['bad indentation', 'a:\n  b: 1\n c: 2\n', /run\.yaml: this is not YAML: .* at line \d, column \d+\.$/],
    [
      'an alias of itself',
      'model: &a\n  b: *a\n',
      /run\.yaml: this is not a configuration: an alias \(\*\) stands/,
    ],
    [
      'a list of itself',
      'model: &a [*a]\n',
      /run\.yaml: this is not a configuration: an alias \(\*\) stands/,
    ],
    ['aliases without end', bomb, /run\.yaml: this is not a configuration: Excessive alias count .*\.$/],
    [
      'an alias of nothing',
      'seed: *x\n',
      /run\.yaml: this is not a configuration: Unresolved alias .*: x\.$/,
    ],
    ['the key __proto__', '__proto__: {}\n', /run\.yaml: .* a key cannot be named __proto__\.$/],
    ['the key __proto__ below', 'norms: { __proto__: 1 }\n', /a key cannot be named __proto__\.$/],
    [
      'deep lists',
      `model: ${'['.repeat(1e4)}`,
      /run\.yaml: this is not a configuration: it is nested too deeply\.$/,
    ],
    ['a deep mapping', deep, /run\.yaml: this is not a configuration: it is nested too deeply\.$/],
    ['nothing', '', /run\.yaml: expected a mapping of keys to values, but it is null\.$/],
    ['a list', '- 1\n', /run\.yaml: expected a mapping of keys to values, but it is \[1\]\.$/],
    ['an unknown key', 'sede: 1\n', /run\.yaml: "sede" is not a key; did you mean "seed"\?$/],
  ])('with %s are refused with their name', async (_, text, sentence) => {
    const path = await file('run.yaml', text);
    await expect(readConfigFile(path).then((source) => configFrom([source]))).rejects.toThrow(sentence);
  });

  it('that are not there, or folders, are refused', async () => {
    const folder = await makeFolder();
    await expect(readConfigFile(join(folder, 'none.yaml'))).rejects.toThrow(
      /there is no such file; check the path\.$/,
    );
    await expect(readConfigFile(folder)).rejects.toThrow(/it is a folder, but a file was expected\.$/);
  });
});

const deep = `model: ${Array.from({ length: 2000 }, (_, at) => `${'\n'.padEnd(at + 2)}a:`).join('')}`;

/** Nine times nine times ... nothing. */
const bomb = Array.from('abcdefgh', (name, at) => {
  const below = at === 0 ? 'x' : `*${'abcdefgh'[at - 1]}`;
  return `${name}: &${name} [${new Array(9).fill(below)}]\n`;
}).join('');

describe('sources of a configuration', () => {
  it('win over the ones before, key by key', () => {
    const config = configFrom([
      { where: 'a', values: { ...least, norms: { run: 'sb-0123456789ab', hold: 3 } } },
      { where: 'b', values: { seed: 5, method: 'ExterGraft', lambda: 0 } },
      settingSource('norms.hold=7'),
      settingSource('model=mlp[4,5]'),
      settingSource('augment=true'),
    ]);
    expect(config).toMatchObject({
      seed: 5,
      norms: { run: 'sb-0123456789ab', hold: 7 },
      model: 'mlp[4,5]',
      augment: true,
    });
  });

  it.each([
    ['seed', /^--set seed: expected KEY=VALUE, as learningRate=0\.1 or norms\.hold=20\.$/],
    ['=1', /^--set =1: expected KEY=VALUE/],
    ['norms..hold=1', /^--set norms\.\.hold=1: expected KEY=VALUE/],
    ['seed=[1', /^--set seed=\[1: this is not YAML: /],
    ['norms.hodl=1', /^--set norms\.hodl=1: "norms\.hodl" is not a key; did you mean "hold"\?$/],
    ['stepps=1', /^--set stepps=1: "stepps" is not a key; did you mean "steps"\?$/],
    ['__proto__.x=1', /is not a key/],
    ['seed=one', /^base, --set seed=one: seed should be a whole number of 0 or more, but is "one"\.$/],
    ['seed.a=1', /^base, --set seed\.a=1: seed should be a whole number of 0 or more, but is \{"a":1\}\.$/],
  ])('refuse --set %s', (setting, sentence) => {
    expect(() => configFrom([{ where: 'base', values: least }, settingSource(setting)])).toThrow(sentence);
  });

  it('may be presets, each of which is whole', () => {
    const names = Object.keys(presets);
    expect(names).toContain('cifar10-resnet18-gn');
    const hashes = names.map((name) => configHash(configFrom([presetSource(name)])));
    expect(new Set(hashes).size).toBe(names.length);
    expect(configFrom([presetSource('cifar100-resnet18-lb')])).toMatchObject({
      method: 'LB',
      learningRate: 0.5,
      batch: 5120,
      microBatch: 128,
      augment: true,
    });
    expect(configFrom([presetSource('optdigits-resnet-gn')])).toMatchObject({
      trainImages: 100,
      lastBatch: 'full',
    });
    expect(configFrom([presetSource('cifar10-resnet18-gn')])).toMatchObject({
      measureBatches: 40,
      lambda: 0.01,
    });
    expect(configFrom([presetSource('cifar10-vgg11-samplegn')])).toMatchObject({
      microBatch: 100,
      lambda: 0.5,
    });
    expect(() => presetSource('optdigits-resnet-gm')).toThrow(
      'There is no preset "optdigits-resnet-gm"; did you mean "optdigits-resnet-gn"?',
    );
    expect(() => presetSource('toString')).toThrow(
      /^There is no preset "toString"; choose one of cifar10-resnet18-sb, /,
    );
  });
});

describe('the nearest word', () => {
  it('takes the fewest edits, case aside, and is none where all are far', () => {
    const known = ['batch', 'microBatch', 'lambda'];
    expect(nearest('bacth', known)).toBe('batch');
    expect(nearest('microbatch', known)).toBe('microBatch');
    expect(nearest('lamda', known)).toBe('lambda');
    expect(nearest('momentum', known)).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });
});
