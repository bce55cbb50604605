/** `regrad train` as people call it, on the shipped digits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mainMethods } from '../src/experiments/methods.ts';
import { parseSafetensors } from '../src/nn/safetensors.ts';
import { regrad } from './command-line.ts';
import { makeFolder, put } from './data-files.ts';

const files = ['config.json', 'environment.json', 'metrics.jsonl', 'result.json', 'weights.safetensors'];

function trainArguments(out: string, method: string, changes: Record<string, string> = {}): string[] {
  const options = {
    '--method': method,
    '--data': 'optdigits',
    '--model': 'mlp[6]',
    '--batch': '8',
    '--lr': '0.1',
    '--steps': '2',
    '--seed': '7',
    '--train-images': '40',
    '--validation-images': '30',
    '--adapter': 'reference',
    '--out': out,
    ...(['sb', 'lb'].includes(method) ? {} : { '--lambda': '0.01' }),
    ...(method === 'sb' ? {} : { '--micro-batch': '4' }),
    ...changes,
  };
  return ['train', ...Object.entries(options).flat()];
}

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));

async function metricsOf(folder: string): Promise<Record<string, number | null>[]> {
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

describe('regrad train', () => {
  it.each(mainMethods.map((name) => name.toLowerCase()))('--method %s leaves a whole run', async (method) => {
    const parent = await makeFolder();
    const out = join(parent, 'run');
    const { status, stdout, stderr } = regrad(trainArguments(out, method));
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(
      /^test accuracy \d+\.\d\d % \(checkpoint of step [12], validation .* %\), average .*; in .*run\n$/,
    );
    expect(await readdir(parent)).toEqual(['run']);
    expect((await readdir(out)).sort()).toEqual(files);
    expect(await readJson(out, 'config.json')).toMatchObject({
      method: method.toUpperCase(),
      model: { family: 'mlp', inputs: 64, hidden: [6], classes: 10 },
      batch: 8,
      microBatch: method === 'sb' ? 8 : 4,
      learningRate: 0.1,
      lambda: ['sb', 'lb'].includes(method) ? 0 : 0.01,
      steps: 2,
      seed: 7,
      augment: false,
      data: 'optdigits',
      trainImages: 40,
      validationImages: 30,
    });
    expect(await readJson(out, 'environment.json')).toMatchObject({ executor: 'reference' });
    const metrics = await metricsOf(out);
    expect(metrics.map(({ step }) => step)).toEqual([1, 2]);
    for (const point of metrics) {
      expect(Object.values(point).every((value) => Number.isFinite(value))).toBe(true);
      expect(Number(point.penalty) > 0).toBe(!['sb', 'lb'].includes(method));
    }
    const result = await readJson(out, 'result.json');
    expect(result).toMatchObject({ status: 'finished' });
    expect(stdout).toContain(`test accuracy ${(100 * result.testAccuracy).toFixed(2)} %`);
    const { tensors } = parseSafetensors(await readFile(join(out, 'weights.safetensors')));
    expect([...tensors.keys()]).toEqual(['net.0.weight', 'net.0.bias', 'net.2.weight', 'net.2.bias']);
  });

  it.each([
    ['NGD', {}],
    ['IterGraft', {}],
    ['SampleGN', { '--lambda': '0.01' }],
  ])('--method %s, in small letters too', async (method, more) => {
    const out = join(await makeFolder(), 'run');
    const { status, stderr } = regrad(
      trainArguments(out, 'lb', { '--method': method.toLowerCase(), ...more }),
    );
    expect(status, stderr).toBe(0);
    expect(await readJson(out, 'config.json')).toMatchObject({ method });
    const metrics = await metricsOf(out);
    expect(metrics.map(({ step, penalty }) => [step, Number(penalty) > 0])).toEqual(
      [1, 2].map((step) => [step, method === 'SampleGN']),
    );
  });

  it('trains a convolutional network on the best adapter there is, with crops and flips', async () => {
    const out = join(await makeFolder(), 'run');
    const args = trainArguments(out, 'gn', { '--model': 'resnet[2]', '--adapter': 'auto' });
    const { status, stderr } = regrad([...args, '--augment']);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^adapter: /m);
    expect((await readdir(out)).sort()).toEqual(files);
    expect(await readJson(out, 'config.json')).toMatchObject({
      augment: true,
      model: { widths: [2], blocks: [1] },
    });
    const [first, second] = await metricsOf(out);
    expect(Number(first.penalty)).toBeGreaterThan(0);
    expect(second.trainLoss).not.toBe(first.trainLoss);
  });

  it('that diverges exits with 1 and what to do, and keeps the run whole', async () => {
    const parent = await makeFolder();
    const out = join(parent, 'run');
    const { status, stdout, stderr } = regrad(trainArguments(out, 'gn', { '--lr': '1e300', '--steps': '9' }));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    const { step } = (await metricsOf(out)).at(-1) ?? {};
    expect(step).toBeLessThan(9);
    expect(
      stderr.endsWith(
        `error: The loss stopped being a number at step ${step}; the run is kept in ${out}. Try a smaller --lr or --lambda.\n`,
      ),
    ).toBe(true);
    expect(await readdir(parent)).toEqual(['run']);
    expect((await readdir(out)).sort()).toEqual(files);
    expect(await readJson(out, 'result.json')).toMatchObject({ status: 'diverged', bestStep: 0 });
  });

  it('does not touch a folder that is in use', async () => {
    const out = join(await makeFolder(), 'run');
    await mkdir(out);
    await put(out, 'old.txt', 'precious');
    const { status, stdout, stderr } = regrad(trainArguments(out, 'lb'));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error: .*run is not empty; give the run a folder of its own, or remove that one\.$/m,
    );
    expect(await readdir(out)).toEqual(['old.txt']);
  });

  it('leaves nothing of a model that cannot be', async () => {
    const parent = await makeFolder();
    // Five max pools leave nothing of 8 x 8 pixels.
    const { status, stderr } = regrad(trainArguments(join(parent, 'run'), 'lb', { '--model': 'vgg11' }));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: vgg: 5 max pools leave nothing of an image of size 8; .*\.$/m);
    expect(await readdir(parent)).toEqual([]);
  });

  it('that is killed leaves no run under its name', async () => {
    const parent = await makeFolder();
    const out = join(parent, 'run');
    const args = trainArguments(out, 'gn', { '--steps': '1000000', '--evaluate-every': '1' });
    const child = spawn(process.execPath, ['scripts/regrad.mjs', ...args], { env: {}, stdio: 'ignore' });
    const metricsBegun = async () =>
      (await readdir(parent)).some((name) => existsSync(join(parent, name, 'metrics.jsonl')));
    while (child.exitCode === null && !(await metricsBegun())) await setTimeout(20);
    child.kill('SIGKILL');
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    expect(await readdir(parent)).toEqual([expect.stringMatching(/^run\.partial-/)]);
  });
});
