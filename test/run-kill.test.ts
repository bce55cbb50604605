/** A run that is killed at random moments and started again ends with the same bits as one that was left alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { machineFields } from '../src/experiments/run-training.ts';
import { regrad } from './command-line.ts';
import { makeFolder } from './data-files.ts';

/** All that a run can hold: batch norm, drawn labels, crops and flips, a partial batch, recorded norms. */
const config = {
  method: 'FT',
  lambda: 0.01,
  data: 'optdigits',
  model: 'resnet[2]',
  trainImages: 20,
  validationImages: 30,
  testImages: 30,
  augment: true,
  batch: 6,
  microBatch: 3,
  learningRate: 0.2,
  steps: 400,
  seed: 5,
  evaluateEvery: 10,
  measureBatches: 1,
  recordNormsEvery: 7,
  checkpointEvery: 3,
};

const kills = 20;

/** The command line as the first call of `regrad` leaves it: bundled once, not at every start. */
const bundle = 'node_modules/.cache/regrad/cli.mjs';

interface Started {
  readonly child: ChildProcess;
  /** Resolves to the updates done when training begins or goes on; to undefined if the process ends before. */
  readonly training: Promise<number | undefined>;
  readonly errors: () => string;
}

function start(file: string, runs: string): Started {
  const args = ['train', '--config', file, '--runs', runs, '--adapter', 'reference'];
  const child = spawn(process.execPath, [bundle, ...args], {
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors += text;
  });
  const training = new Promise<number | undefined>((resolve) => {
    child.once('message', ({ step }: { step: number }) => resolve(step));
    child.once('exit', () => resolve(undefined));
  });
  return { child, training, errors: () => errors };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function finish(file: string, runs: string): Promise<{ folder: string; startup: number }> {
  const begun = performance.now();
  const { child, training, errors } = start(file, runs);
  await training;
  const startup = performance.now() - begun;
  await ended(child);
  expect(child.exitCode, errors()).toBe(0);
  const [name] = await readdir(runs);
  return { folder: join(runs, name), startup };
}

/** The step of the newest checkpoint of the one run in a folder; 0 if there is none. */
async function newestCheckpoint(runs: string): Promise<number> {
  const [run] = await readdir(runs);
  const names = await readdir(join(runs, run, 'checkpoints')).catch(() => []);
  return Math.max(0, ...names.flatMap((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0)));
}

/** Metrics without what tells of the machine. */
async function numbersOf(folder: string): Promise<unknown[]> {
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const point = JSON.parse(line);
    for (const field of machineFields) delete point[field];
    return point;
  });
}

/** Numbers from 0 to 1 by a linear congruence (Numerical Recipes), so that a failure can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a run that is killed', () => {
  it(`${kills} times at random moments ends with the same bits`, async () => {
    const seed = Number(process.env.REGRAD_TEST_SEED ?? Date.now() % 2 ** 32);
    console.info(`kills by seed ${seed} (REGRAD_TEST_SEED)`);
    const random = randomNumbers(seed);
    regrad(['--version']);
    const parent = await makeFolder();
    const file = join(parent, 'config.json');
    await writeFile(file, JSON.stringify(config));
    const whole = await finish(file, join(parent, 'whole'));
    const runs = join(parent, 'runs');
    const begunFrom: number[] = [];
    let hits = 0;
    for (let kill = 0; kill < kills; kill++) {
      const { child, training, errors } = start(file, runs);
      // Every fifth while it starts; else while it trains, a moment after none to four more checkpoints.
      if (kill % 5 === 4) {
        await setTimeout(random() * whole.startup);
      } else {
        const step = await training;
        expect(step, errors()).toBeDefined();
        begunFrom.push(step ?? 0);
        const until = (step ?? 0) + config.checkpointEvery * Math.floor(random() * 5);
        while ((await newestCheckpoint(runs)) < until && child.exitCode === null) await setTimeout(2);
        await setTimeout(random() * 30);
        hits++;
      }
      child.kill('SIGKILL');
      await ended(child);
      expect(child.signalCode, `kill ${kill}, seed ${seed}: ${errors()}`).toBe('SIGKILL');
    }
    const { folder } = await finish(file, runs);
    const where = `seed ${seed}, continued after steps ${begunFrom}`;
    expect(hits).toBeGreaterThanOrEqual(kills / 2);
    expect(begunFrom.filter((step) => step > 0).length, where).toBeGreaterThan(kills / 2);
    expect(await numbersOf(folder), where).toEqual(await numbersOf(whole.folder));
    const names = [
      'norms.jsonl',
      'weights.safetensors',
      'config.json',
      'checkpoints/step-000400/state.safetensors',
    ];
    for (const name of names) {
      const [actual, expected] = await Promise.all(
        [folder, whole.folder].map((each) => readFile(join(each, name))),
      );
      expect(actual.equals(expected), `${name}, ${where}`).toBe(true);
    }
    const [result, expected] = await Promise.all(
      [folder, whole.folder].map(async (each) =>
        JSON.parse(await readFile(join(each, 'result.json'), 'utf8')),
      ),
    );
    expect({ ...result, seconds: 0 }).toEqual({ ...expected, seconds: 0 });
    // Nothing is left of what was under way when it was killed.
    expect(await readdir(runs)).toHaveLength(1);
    expect((await readdir(folder)).sort()).toEqual((await readdir(whole.folder)).sort());
    expect(await readdir(join(folder, 'checkpoints'))).toEqual(['step-000400']);
  });
});
