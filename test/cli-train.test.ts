/** `regrad train` as people call it, on the shipped digits. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { hasPenalty, type MethodName, methodNames } from '../src/experiments/methods.ts';
import { machineFields } from '../src/experiments/run-training.ts';
import { parseSafetensors } from '../src/nn/safetensors.ts';
import { regrad } from './command-line.ts';
import { makeFolder, put } from './data-files.ts';

const files = [
  'checkpoints',
  'config.json',
  'environment.json',
  'metrics.jsonl',
  'result.json',
  'weights.safetensors',
];

type Changes = Record<string, string | undefined>;

function trainArguments(out: string, method: string, changes: Changes = {}): string[] {
  const name = methodNames.find((each) => each.toLowerCase() === method) ?? 'SB';
  const options: Changes = {
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
    ...(weighs(name) ? { '--lambda': '0.01' } : {}),
    ...(method === 'sb' ? {} : { '--micro-batch': '4' }),
    ...(name === 'SAM' || name === 'GNP' ? { '--set': 'radius=0.05' } : {}),
    ...changes,
  };
  return [
    'train',
    ...Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key, value])),
  ];
}

const weighs = (name: MethodName) => hasPenalty(name) || name === 'GNP';

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));

async function metricsOf(folder: string): Promise<Record<string, number | null>[]> {
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Metrics without what tells of the machine. */
async function numbersOf(folder: string): Promise<unknown[]> {
  return (await metricsOf(folder)).map((point) =>
    Object.fromEntries(
      Object.entries(point).filter(([key]) => !machineFields.some((field) => field === key)),
    ),
  );
}

describe('regrad train', () => {
  // One of each kind; the methods have tests of their own.
  const kinds = ['SB', 'LB', 'FT', 'SampleGN', 'ExterGraft', 'SAM'] as const;
  it.each(kinds.map((name) => [name.toLowerCase(), name] as const))(
    '--method %s leaves a whole run',
    async (method, name) => {
      const parent = await makeFolder();
      const out = join(parent, 'run');
      const recorded = join(parent, 'sb.jsonl');
      if (name === 'ExterGraft') await writeFile(recorded, '{"step":0,"norm":1.5}\n');
      const more: Changes = name === 'ExterGraft' ? { '--set': `norms.run=${recorded}` } : {};
      const { status, stdout, stderr } = regrad(trainArguments(out, method, more));
      await rm(recorded, { force: true });
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^\| +step \| epoch \|/);
      expect(stdout).toMatch(
        /^test accuracy \d+\.\d\d % \(checkpoint of step [12], validation .* %\), average .*; in .*run\n$/m,
      );
      expect(await readdir(parent)).toEqual(['run']);
      expect((await readdir(out)).sort()).toEqual(files);
      expect(await readdir(join(out, 'checkpoints'))).toEqual(['step-000002']);
      expect(await readJson(out, 'config.json')).toMatchObject({
        method: name,
        model: 'mlp[6]',
        batch: 8,
        microBatch: method === 'sb' ? 8 : 4,
        learningRate: 0.1,
        lambda: weighs(name) ? 0.01 : 0,
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
        expect(Number(point.penalty) > 0).toBe(hasPenalty(name));
      }
      const result = await readJson(out, 'result.json');
      expect(result).toMatchObject({ status: 'finished' });
      expect(stdout).toContain(`test accuracy ${(100 * result.testAccuracy).toFixed(2)} %`);
      const { tensors } = parseSafetensors(await readFile(join(out, 'weights.safetensors')));
      expect([...tensors.keys()]).toEqual(['net.0.weight', 'net.0.bias', 'net.2.weight', 'net.2.bias']);
    },
  );

  it('tells of every epoch in a line', async () => {
    const out = join(await makeFolder(), 'run');
    const { stderr } = regrad(trainArguments(out, 'lb', { '--steps': '12', '--evaluate-every': '4' }));
    // 40 images are 5 updates of 8.
    expect(stderr.match(/^epoch .*$/gm)).toEqual([
      expect.stringMatching(/^epoch 1: step 5, mean loss [\d.]+, validation [\d.]+ % at step 4$/),
      expect.stringMatching(/^epoch 2: step 10, mean loss [\d.]+, validation [\d.]+ % at step 8$/),
    ]);
  });

  it('trains a convolutional network on the best adapter there is, with crops and flips', async () => {
    const out = join(await makeFolder(), 'run');
    const args = trainArguments(out, 'gn', { '--model': 'resnet[2]', '--adapter': 'auto' });
    const { status, stderr } = regrad([...args, '--augment']);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^adapter: /m);
    expect((await readdir(out)).sort()).toEqual(files);
    expect(await readJson(out, 'config.json')).toMatchObject({ augment: true, model: 'resnet[2]' });
    const [first, second] = await metricsOf(out);
    expect(Number(first.penalty)).toBeGreaterThan(0);
    expect(second.trainLoss).not.toBe(first.trainLoss);
  });

  it('that diverges exits with 4 and what to do, and keeps the run', async () => {
    const parent = await makeFolder();
    const out = join(parent, 'run');
    const args = trainArguments(out, 'gn', { '--lr': '1e300', '--steps': '9' });
    const { status, stdout, stderr } = regrad(args);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    const { step } = (await metricsOf(out)).at(-1) ?? {};
    expect(step).toBeLessThan(9);
    const [, , sentence] = stderr.trimEnd().split('\n').slice(-3);
    expect(sentence).toMatch(
      /^diverged: the loss was (NaN|\d\S*) at step \d; the run is kept in \S*run\. Try a smaller learning rate or lambda\.$/,
    );
    expect(await readdir(parent)).toEqual(['run']);
    expect(await readdir(out)).toContain('result.json');
    expect(await readJson(out, 'result.json')).toMatchObject({ status: 'diverged' });
    // It is done: asked for again, it says the same at once.
    expect(regrad(args)).toMatchObject({
      status: 4,
      stdout: '',
      stderr: expect.stringContaining('done already'),
    });
  });

  it('ends a run whose loss, a number still, is above divergedAbove', async () => {
    const out = join(await makeFolder(), 'run');
    const { status, stderr } = regrad(trainArguments(out, 'lb', { '--set': 'divergedAbove=0.5' }));
    expect(status).toBe(4);
    expect(stderr).toMatch(/^diverged: the loss was [\d.]+ at step 1; /m);
  });

  it('names the folder by method and hash below --runs, alike for equal configurations', async () => {
    const runs = join(await makeFolder(), 'runs');
    const args = trainArguments('', 'sb', { '--out': undefined, '--runs': runs });
    expect(regrad(args).status).toBe(0);
    const [name] = await readdir(runs);
    expect(name).toMatch(/^sb-[0-9a-f]{12}$/);
    const before = await readFile(join(runs, name, 'metrics.jsonl'));
    const again = regrad([...args, '--checkpoint-every', '1']);
    expect(again).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/is done already; nothing was trained\.\n$/),
    });
    expect(again.stdout).toMatch(/^test accuracy /m);
    expect(await readFile(join(runs, name, 'metrics.jsonl'))).toEqual(before);
    expect(regrad([...args, '--seed', '8']).status).toBe(0);
    expect(await readdir(runs)).toHaveLength(2);
  });

  it('gives the same bits twice', async () => {
    const parent = await makeFolder();
    const outs = ['a', 'b'].map((name) => join(parent, name));
    for (const out of outs) {
      const { status, stderr } = regrad(
        trainArguments(out, 'ft', { '--model': 'resnet[2]', '--set': 'augment=true' }),
      );
      expect(status, stderr).toBe(0);
    }
    const [a, b] = outs;
    expect(await numbersOf(b)).toEqual(await numbersOf(a));
    for (const name of ['weights.safetensors', 'checkpoints/step-000002/state.safetensors']) {
      expect((await readFile(join(b, name))).equals(await readFile(join(a, name))), name).toBe(true);
    }
  });

  it('takes a configuration from a preset, a file and settings, each over the one before', async () => {
    const folder = await makeFolder();
    const file = join(folder, 'run.yaml');
    await writeFile(file, 'model: mlp[4]\nsteps: 3\nseed: 4\ntrainImages: 50\n# a comment\ntestImages: 20\n');
    const out = join(folder, 'run');
    const { status, stderr } = regrad(
      `train --preset optdigits-resnet-gn --config ${file} --steps 2 --set seed=9 --out ${out} --adapter reference`.split(
        ' ',
      ),
    );
    expect(status, stderr).toBe(0);
    expect(await readJson(out, 'config.json')).toMatchObject({
      method: 'GN',
      lambda: 0.05,
      batch: 48,
      model: 'mlp[4]',
      trainImages: 50,
      steps: 2,
      seed: 9,
    });
  });

  it('does not touch a folder that is in use, or holds another run', async () => {
    const parent = await makeFolder();
    const out = join(parent, 'run');
    await mkdir(out);
    await put(out, 'old.txt', 'precious');
    const { status, stdout, stderr } = regrad(trainArguments(out, 'lb'));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error: .*run is not empty; give the run a folder of its own, or remove that one\.$/m,
    );
    expect(await readdir(out)).toEqual(['old.txt']);
    const other = join(parent, 'other');
    expect(regrad(trainArguments(other, 'lb')).status).toBe(0);
    const clash = regrad(trainArguments(other, 'lb', { '--seed': '8' }));
    expect(clash.status).toBe(1);
    expect(clash.stderr).toMatch(
      /^error: .*other holds a run with another configuration, [0-9a-f]{12}, not /m,
    );
  });

  it('leaves nothing of a model that cannot be', async () => {
    const parent = await makeFolder();
    // Five max pools leave nothing of 8 x 8 pixels.
    const { status, stderr } = regrad(trainArguments(join(parent, 'run'), 'lb', { '--model': 'vgg11' }));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: vgg: 5 max pools leave nothing of an image of size 8; .*\.$/m);
    expect(await readdir(parent)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'the end of its parent'] as const)(
    'stops at %s with a checkpoint, exit code 130 and a line, and --resume continues to the same bits',
    async (signal) => {
      const parent = await makeFolder();
      const changes = { '--steps': '600', '--set': 'evaluateEvery=200' };
      const [whole, out] = ['whole', 'run'].map((name) => join(parent, name));
      const args = (folder: string) => trainArguments(folder, 'gn', changes);
      expect(regrad(args(whole)).status).toBe(0);
      const child = spawn(process.execPath, ['node_modules/.cache/regrad/cli.mjs', ...args(out)], {
        env: {},
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      let errors = '';
      child.stderr?.on('data', (text) => {
        errors += text;
      });
      const [message] = await once(child, 'message');
      expect(message).toEqual({ type: 'progress', step: 0, steps: 600, note: '' });
      if (signal === 'the end of its parent') child.disconnect();
      else child.kill(signal);
      await once(child, 'exit');
      expect(child.exitCode, errors).toBe(130);
      const [, step, again] =
        /^interrupted after step (\d+); continue with: (node scripts\/regrad\.mjs train --resume \S*run)\n$/m.exec(
          errors,
        ) ?? [];
      expect(Number(step), errors).toBeGreaterThan(0);
      expect(await readdir(join(out, 'checkpoints'))).toContain(`step-${step.padStart(6, '0')}`);
      expect(await readdir(out)).not.toContain('lock');
      const resumed = spawnSync(`${again} --adapter reference`, {
        shell: true,
        env: { PATH: process.env.PATH ?? '' },
        encoding: 'utf8',
      });
      expect(resumed.status, resumed.stderr).toBe(0);
      expect(resumed.stderr).toContain(`continuing after step ${step} of 600\n`);
      expect(await numbersOf(out)).toEqual(await numbersOf(whole));
      const states = 'checkpoints/step-000600/state.safetensors';
      expect((await readFile(join(out, states))).equals(await readFile(join(whole, states)))).toBe(true);
    },
  );

  it('ends at once when interrupted twice, also in the middle of a long update', async () => {
    const out = join(await makeFolder(), 'run');
    expect(regrad(['--version']).status).toBe(0);
    const args = [
      '--preset',
      'optdigits-resnet-gn',
      '--model',
      'resnet34',
      '--adapter',
      'reference',
      '--out',
      out,
    ];
    const child = spawn(process.execPath, ['node_modules/.cache/regrad/cli.mjs', 'train', ...args], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr?.on('data', (text) => {
      errors += text;
    });
    await vi.waitFor(() => expect(errors).toMatch(/^first of \d+ updates$/m), { timeout: 20_000 });
    child.kill('SIGTERM');
    const told = () =>
      expect(errors).toMatch(
        /Interrupting: the step under way is finished and saved; once more ends at once/,
      );
    await vi.waitFor(told, { timeout: 20_000 });
    await setTimeout(500);
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(child.exitCode).toBe(130);
  });
});
