/** Runs in folders: stopped and taken up again they give the same bits; what is damaged is told, and nothing is lost. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { configHash, type RunConfig, resolveConfig } from '../src/experiments/config.ts';
import { processStart } from '../src/experiments/process-start.ts';
import { type FolderRunOptions, InterruptedRun, runInFolder } from '../src/experiments/run-in-folder.ts';
import { runInputs } from '../src/experiments/run-inputs.ts';
import { readRun } from '../src/experiments/run-store.ts';
import { machineFields } from '../src/experiments/run-training.ts';
import { makeFolder, put } from './data-files.ts';
import { devices, reference } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

const dataset = syntheticDataset({ train: 30, test: 12, shape: [1, 4, 4] });

const base = {
  method: 'FT',
  lambda: 0.01,
  model: { family: 'resnet', widths: [2], blocks: [1], classes: 4, channels: 1 },
  data: 'made-up',
  validationImages: 10,
  batch: 6,
  microBatch: 4,
  learningRate: 0.2,
  steps: 11,
  seed: 3,
  augment: true,
  evaluateEvery: 3,
  measureBatches: 2,
  recordNormsEvery: 2,
  checkpointEvery: 2,
};

const configOf = (changes: Record<string, unknown> = {}): RunConfig =>
  resolveConfig({ ...base, batch: 8, ...changes }, 'the test');

/** Runs to the end, stopping after each of `stops` and taking the run up again. */
async function trained(folder: string, config: RunConfig, stops: readonly number[] = []): Promise<string> {
  const inputs = await runInputs(config, dataset);
  for (const stop of stops) {
    const interruption = new AbortController();
    const onStep = (step: number) => {
      if (step === stop) interruption.abort();
    };
    await expect(
      runInFolder(folder, config, inputs, { signal: interruption.signal, onStep }),
    ).rejects.toThrow(InterruptedRun);
  }
  await runInFolder(folder, config, inputs);
  return folder;
}

/** Makes the first number of a file another, of as many digits. */
async function flipDigit(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  await writeFile(
    path,
    text.replace(/\d(?=\D)/, (digit) => String((Number(digit) + 1) % 10)),
  );
}

const digest = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');

/** The bytes of a finished run that must not depend on how often it was taken up. */
async function bitsOf(folder: string): Promise<Record<string, string>> {
  const text = async (name: string) => readFile(join(folder, name), 'latin1').catch(() => 'none');
  const metrics = (await text('metrics.jsonl'))
    .trimEnd()
    .split('\n')
    .map((line) =>
      JSON.stringify(JSON.parse(line), (key, value) => (machineFields.some((f) => f === key) ? 0 : value)),
    );
  const [checkpoint] = await readdir(join(folder, 'checkpoints'));
  const { seconds: _, ...result } = JSON.parse(await text('result.json'));
  return {
    metrics: metrics.join('\n'),
    norms: await text('norms.jsonl'),
    weights: digest(await text('weights.safetensors')),
    states: digest(await text(`checkpoints/${checkpoint}/state.safetensors`)),
    result: JSON.stringify(result),
  };
}

const withDropout = {
  family: 'vgg',
  plan: [2, 'M'],
  hidden: [5],
  classes: 4,
  size: 4,
  channels: 1,
  bn: true,
  dropout: 0.5,
};

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each<[string, Record<string, unknown>]>([
    ['FT with batch norm, crops and a partial batch', {}],
    ['GN with dropout', { method: 'GN', model: withDropout }],
  ])('%s ends with the same bits, stopped or not', async (_, changes) => {
    const parent = await makeFolder();
    const config = configOf(changes);
    const whole = await bitsOf(await trained(join(parent, 'whole'), config));
    expect(whole.norms.split('\n')).toHaveLength(7);
    expect(await bitsOf(await trained(join(parent, 'again'), config))).toEqual(whole);
    expect(await bitsOf(await trained(join(parent, 'stopped'), config, [1, 4, 6, 7]))).toEqual(whole);
  });
});

describe('stopped runs', () => {
  beforeEach(() => setDevice(reference));

  it.each<[string, Record<string, unknown>]>([
    ['UJ', { method: 'UJ' }],
    ['SampleGN', { method: 'SampleGN' }],
    ['IterGraft', { method: 'IterGraft', lambda: undefined }],
    ['SAM', { method: 'SAM', lambda: undefined, radius: 0.05 }],
    ['nominal division', { lastBatch: 'nominal' }],
    ['full batches', { lastBatch: 'full' }],
    ['double evaluation', { evaluateEvery: 1, checkpointEvery: 1 }],
  ])('%s end with the same bits', async (_, changes) => {
    const parent = await makeFolder();
    const config = configOf(changes);
    const whole = await bitsOf(await trained(join(parent, 'whole'), config));
    expect(await bitsOf(await trained(join(parent, 'stopped'), config, [2, 5, 10]))).toEqual(whole);
  });

  it('take the lengths of external grafting from the norms of another run', async () => {
    const parent = await makeFolder();
    const small = configOf({ method: 'SB', lambda: undefined, batch: 4, recordNormsEvery: 1 });
    const { method, ...rest } = { method: 'ExterGraft', lambda: undefined };
    const source = join(parent, 'sb-0123456789ab');
    await trained(source, small);
    // A folder named by a hash is taken at its name, and found to be another.
    const misnamed = configOf({ ...rest, method, norms: { run: source, hold: 5 } });
    await expect(trained(join(parent, 'misnamed'), misnamed)).rejects.toThrow(
      /^The norms recorded in .* are of another run, [0-9a-f]{12}, than the configuration means, 0123456789ab\.$/,
    );
    await rename(source, join(parent, 'small'));
    const config = configOf({ ...rest, method, norms: { run: join(parent, 'small'), hold: 5 } });
    const whole = await bitsOf(await trained(join(parent, 'whole'), config));
    expect(await bitsOf(await trained(join(parent, 'stopped'), config, [4]))).toEqual(whole);
    const longer = configOf({ ...rest, method, steps: 20, norms: { run: join(parent, 'small'), hold: 5 } });
    await expect(trained(join(parent, 'longer'), longer)).rejects.toThrow(
      /The recording has no norm of step 15/,
    );
    expect((await readdir(parent)).sort()).toEqual(['small', 'stopped', 'whole']);
  });

  it('take no norms that were changed since they were recorded', async () => {
    const parent = await makeFolder();
    const small = configOf({ method: 'SB', lambda: undefined, batch: 4, recordNormsEvery: 1 });
    const source = await trained(join(parent, `sb-${configHash(small)}`), small);
    const norms = { run: source, hold: 5 };
    const config = configOf({ method: 'ExterGraft', lambda: undefined, norms });
    await flipDigit(join(source, 'norms.jsonl'));
    await expect(trained(join(parent, 'run'), config)).rejects.toThrow(
      /^\S*norms\.jsonl was changed: by the checkpoint step-000011, the first \d+ bytes of norms\.jsonl are not .* remove \S* to make the run anew\.$/,
    );
  });

  it('change nothing once they are done', async () => {
    const folder = await trained(join(await makeFolder(), 'run'), configOf());
    const before = await bitsOf(folder);
    const steps: number[] = [];
    const config = configOf();
    await runInFolder(folder, config, await runInputs(config, dataset), {
      onStep: (step) => steps.push(step),
    });
    expect(steps).toEqual([]);
    expect(await bitsOf(folder)).toEqual(before);
  });

  it('tell of the epoch under way as if they had not stopped', async () => {
    const epochs = async (stops: readonly number[], harm = async (_: string) => {}) => {
      const folder = join(await makeFolder(), 'run');
      const told: unknown[] = [];
      const onEpoch: FolderRunOptions['onEpoch'] = (epoch, end) => told.push({ epoch, ...end });
      for (const stop of [...stops, Infinity]) {
        const interruption = new AbortController();
        const onStep = (step: number) => step === stop && interruption.abort();
        const inputs = await runInputs(configOf(), dataset);
        await runInFolder(folder, configOf(), inputs, { signal: interruption.signal, onStep, onEpoch }).catch(
          () => harm(folder),
        );
      }
      return told;
    };
    const whole = await epochs([]);
    // 20 images are three updates of at most 8.
    expect(whole).toMatchObject([3, 6, 9].map((step, at) => ({ epoch: at + 1, step })));
    expect(await epochs([1, 2, 6, 8])).toEqual(whole);
    // A checkpoint of an earlier version knows nothing of it, nor of digests.
    const older = async (folder: string) => {
      const file = join(folder, 'checkpoints/step-000002/state.json');
      const { inEpoch: _, digests: __, digest: ___, ...about } = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify({ ...about, digest: digest(JSON.stringify(about)) }));
    };
    expect(await epochs([2], older)).toEqual(whole.slice(1));
  });

  it('are damaged where their metrics were changed since they were done', async () => {
    const folder = await trained(join(await makeFolder(), 'run'), configOf());
    await flipDigit(join(folder, 'metrics.jsonl'));
    expect(await readRun(folder)).toMatchObject({
      status: 'damaged',
      problem: expect.stringMatching(/^\S*metrics\.jsonl was changed: by the checkpoint step-000011, /),
    });
  });

  it('note in the environment when they were taken up, and keep where they began', async () => {
    const folder = await trained(join(await makeFolder(), 'run'), configOf(), [3, 5]);
    const run = await readRun(folder);
    expect(run).toMatchObject({
      status: 'finished',
      environment: { executor: 'reference', images: expect.stringMatching(/^[0-9a-f]{12}$/), variants: {} },
    });
    const { startedAt, resumedAt } = JSON.parse(await readFile(join(folder, 'environment.json'), 'utf8'));
    expect(resumedAt).toHaveLength(2);
    expect(Date.parse(startedAt)).toBeLessThanOrEqual(Date.parse(resumedAt[0]));
  });
});

describe('a run that was stopped after 7 of 11 updates', () => {
  beforeEach(() => setDevice(reference));

  /** Its folder, with checkpoints of steps 6 and 7. */
  async function stopped(): Promise<string> {
    const folder = join(await makeFolder(), 'run');
    const inputs = await runInputs(configOf(), dataset);
    const interruption = new AbortController();
    const onStep = (step: number) => step === 7 && interruption.abort();
    await runInFolder(folder, configOf(), inputs, { signal: interruption.signal, onStep }).catch(
      () => undefined,
    );
    expect((await readdir(join(folder, 'checkpoints'))).sort()).toEqual(['step-000006', 'step-000007']);
    return folder;
  }

  /** Takes it up: the updates made, and the warnings. */
  async function takenUp(folder: string, config = configOf(), set = dataset) {
    const steps: number[] = [];
    const warnings: string[] = [];
    await runInFolder(folder, config, await runInputs(config, set), {
      onStep: (step) => steps.push(step),
      onWarning: (text) => warnings.push(text),
    });
    return { first: steps[0], warnings };
  }

  const newest = 'checkpoints/step-000007';
  const flip = async (path: string, at: number) => {
    const bytes = await readFile(path);
    bytes[at] ^= 1;
    await writeFile(path, bytes);
  };

  it('goes on from the newest, and drops what was written after it', async () => {
    const folder = await stopped();
    await writeFile(join(folder, 'metrics.jsonl'), '{"step":8,"tor', { flag: 'a' });
    await writeFile(join(folder, 'norms.jsonl'), '{"step":8,"norm":1}\n', { flag: 'a' });
    await mkdir(join(folder, 'checkpoints', '.step-000008-abcd.tmp'));
    expect(await takenUp(folder)).toEqual({ first: 8, warnings: [] });
    expect(await bitsOf(folder)).toEqual(
      await bitsOf(await trained(join(folder, '..', 'whole'), configOf())),
    );
    expect(await readdir(join(folder, 'checkpoints'))).toEqual(['step-000011']);
  });

  it.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
    [
      'state.json cut off',
      (f) => truncate(join(f, newest, 'state.json'), 40),
      /state\.json should hold JSON/,
    ],
    ['state.json gone', (f) => rm(join(f, newest, 'state.json')), /it has no state\.json/],
    [
      'state.json of other content',
      (f) => writeFile(join(f, newest, 'state.json'), '{"format":2}'),
      /at "format"/,
    ],
    [
      'another step in state.json',
      async (f) => {
        const path = join(f, newest, 'state.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"step": 7', '"step": 5'));
      },
      /state\.json was changed/,
    ],
    ['tensors gone', (f) => rm(join(f, newest, 'state.safetensors')), /it has no state\.safetensors/],
    [
      'tensors cut off',
      (f) => truncate(join(f, newest, 'state.safetensors'), 99),
      /is not as it was written/,
    ],
    [
      'one bit of the tensors',
      (f) => flip(join(f, newest, 'state.safetensors'), 4000),
      /is not as it was written/,
    ],
    [
      'a checkpoint of another run',
      async (f) => {
        const other = join(f, '..', 'other');
        const config = configOf({ seed: 4, steps: 7 });
        await trained(other, config);
        await rm(join(f, newest), { recursive: true });
        await cp(join(other, newest), join(f, newest), { recursive: true });
      },
      /it is of a run with another configuration/,
    ],
  ])('takes an older checkpoint for %s, says so, and ends with the same bits', async (_, harm, problem) => {
    const folder = await stopped();
    await harm(folder);
    const { first, warnings } = await takenUp(folder);
    expect(first).toBe(7);
    expect(warnings).toEqual([expect.stringMatching(problem)]);
    expect(warnings[0]).toMatch(
      /^The checkpoint \S*step-000007 is damaged: .* The one of step 6 is taken\.$/,
    );
    expect(await bitsOf(folder)).toEqual(
      await bitsOf(await trained(join(folder, '..', 'whole'), configOf())),
    );
  });

  it.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
    [
      'with no sound checkpoint',
      async (f) => {
        for (const step of [6, 7])
          await truncate(join(f, `checkpoints/step-00000${step}/state.safetensors`), 9);
      },
      /^No checkpoint can be used\. .*step-000007 is damaged: .*step-000006 is damaged: .* Remove \S*checkpoints to begin/,
    ],
    [
      'with shortened metrics',
      (f) => truncate(join(f, 'metrics.jsonl'), 10),
      /metrics\.jsonl has 10 bytes, but had \d+ when it was written\./,
    ],
    [
      'with metrics that are none',
      async (f) => {
        const path = join(f, 'metrics.jsonl');
        await writeFile(path, (await readFile(path, 'utf8')).replaceAll('"step"', '"stop"'));
      },
      /the first \d+ bytes of metrics\.jsonl are not those there were when it was written\./,
    ],
    [
      'with a digit of its metrics flipped',
      (f) => flipDigit(join(f, 'metrics.jsonl')),
      /the first \d+ bytes of metrics\.jsonl are not those there were when it was written\./,
    ],
    [
      'with a digit of its norms flipped',
      (f) => flipDigit(join(f, 'norms.jsonl')),
      /the first \d+ bytes of norms\.jsonl are not those there were when it was written\./,
    ],
    ['without its norms', (f) => rm(join(f, 'norms.jsonl')), /norms\.jsonl has 0 bytes, but had \d+/],
    [
      'with a damaged environment.json',
      (f) => writeFile(join(f, 'environment.json'), '{"dev'),
      /environment\.json should hold JSON, but is cut off or was changed; the run is damaged\.$/,
    ],
    [
      'with an environment.json that lacks things',
      (f) => writeFile(join(f, 'environment.json'), '{}'),
      /environment\.json is not as regrad writes it at "device"; the run is damaged\.$/,
    ],
    [
      'with a damaged config.json',
      (f) => truncate(join(f, 'config.json'), 30),
      /config\.json should hold JSON, but is cut off/,
    ],
    [
      'with an unknown key in config.json',
      async (f) => {
        const path = join(f, 'config.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"seed"', '"sede"'));
      },
      /config\.json: "sede" is not a key; did you mean "seed"\?$/,
    ],
    [
      'with another configuration',
      async (f) => {
        const path = join(f, 'config.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"seed": 3', '"seed": 4'));
      },
      /holds a run with another configuration, [0-9a-f]{12}, not [0-9a-f]{12}; choose another folder/,
    ],
    [
      'begun on another device',
      async (f) => {
        const path = join(f, 'environment.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace(reference.name, 'Some GPU'));
      },
      /was begun on Some GPU, but this is .*; continue it there \(--adapter\), or remove the folder/,
    ],
    [
      'that another process works in',
      (f) =>
        writeFile(
          join(f, 'lock'),
          JSON.stringify({ pid: process.pid, host: hostname(), started: processStart(process.pid) }),
        ),
      /is in use by process \d+; wait for it, or end it first\.$/,
    ],
    [
      'that a process of another host works in',
      (f) => writeFile(join(f, 'lock'), JSON.stringify({ pid: 1, host: 'elsewhere', started: '' })),
      /is in use by process 1 on elsewhere; wait/,
    ],
  ])('%s is refused, and left as it is', async (_, harm, problem) => {
    const folder = await stopped();
    await harm(folder);
    const files = async () =>
      Promise.all(
        (await readdir(folder, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map(async ({ parentPath, name }) => [name, await readFile(join(parentPath, name), 'latin1')]),
      );
    const before = await files();
    await expect(takenUp(folder)).rejects.toThrow(problem);
    expect(await files()).toEqual(before);
  });

  it('is refused with other images', async () => {
    const folder = await stopped();
    const other = syntheticDataset({ train: 30, test: 12, shape: [1, 4, 4] });
    other.train.images[0] ^= 1;
    await expect(takenUp(folder, configOf(), other)).rejects.toThrow(
      /was begun with other images: the files of the data set have changed since\.$/,
    );
  });

  it('is taken up once the process that works in it ends', async () => {
    const folder = await stopped();
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1e6)'], { stdio: 'ignore' });
    const { pid = 0 } = child;
    await writeFile(
      join(folder, 'lock'),
      JSON.stringify({ pid, host: hostname(), started: processStart(pid) }),
    );
    setTimeout(() => child.kill('SIGKILL'), 300);
    const begun = Date.now();
    expect(await takenUp(folder)).toEqual({ first: 8, warnings: [] });
    expect(Date.now() - begun).toBeGreaterThan(200);
  });

  it.each<[string, string]>([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: '1' })],
    [
      'a process of that number, but another',
      JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }),
    ],
    ['nobody that can be read', '{"pid'],
  ])('is taken over from %s', async (_, lock) => {
    const folder = await stopped();
    await writeFile(join(folder, 'lock'), lock);
    expect(await takenUp(folder)).toEqual({ first: 8, warnings: [] });
    expect(await readdir(folder)).not.toContain('lock');
  });
});

describe('a place for a run', () => {
  it('that is a file, or lies below one, is refused with a sentence', async () => {
    const parent = await makeFolder();
    await put(parent, 'file', 'x');
    for (const path of [join(parent, 'file'), join(parent, 'file', 'run')]) {
      await expect(trained(path, configOf())).rejects.toThrow(
        `Could not use ${path} for the run: it is a file or lies below one; choose another.`,
      );
    }
    expect(await readdir(parent)).toEqual(['file']);
  });

  it('with files of something else is refused, and not touched', async () => {
    const folder = await makeFolder();
    await put(folder, 'old.txt', 'precious');
    await expect(trained(folder, configOf())).rejects.toThrow(
      `${folder} is not empty; give the run a folder of its own, or remove that one.`,
    );
    expect(await readdir(folder)).toEqual(['old.txt']);
    expect(await readFile(join(folder, 'old.txt'), 'utf8')).toBe('precious');
  });

  // The superuser may write everywhere.
  it.skipIf(process.getuid?.() === 0)('that may not be written is refused with a sentence', async () => {
    const parent = await makeFolder();
    await chmod(parent, 0o500);
    await expect(trained(join(parent, 'run'), configOf())).rejects.toThrow(
      /^Could not create a run folder at .*: permission denied; choose a folder/,
    );
    await chmod(parent, 0o700);
    expect(await readdir(parent)).toEqual([]);
  });
});
