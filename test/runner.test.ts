/** Many runs as child processes: a stand-in for `regrad train` that ends as it is told. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { resolveConfig } from '../src/experiments/config.ts';
import { createRunDisplay } from '../src/experiments/run-display.ts';
import type { PlannedRun } from '../src/experiments/run-plan.ts';
import { makeRuns, type RunnerOptions, type RunOutcome } from '../src/experiments/runner.ts';
import { makeFolder } from './data-files.ts';
import { anyConfig, putRun } from './made-up-runs.ts';

/** Ends as the learning rate says; logs when it starts and ends, and tells of two updates. */
const standIn = `
import { appendFileSync, readFileSync } from 'node:fs';
const [, , train, , file, , root, ...rest] = process.argv;
const { learningRate, seed } = JSON.parse(readFileSync(file, 'utf8'));
const log = (what) => appendFileSync(root + '/log', what + ' ' + seed + '\\n');
log('start ' + [train, ...rest].join(' '));
const end = (code) => process.send({ type: 'progress', step: 2, steps: 2, note: 'done' }, () => { log('end'); process.exit(code); });
process.send({ type: 'progress', step: 1, steps: 2, note: 'loss 1' });
process.send({ type: 'chatter' });
if (learningRate === 1) { console.error('adapter: x\\nerror: It broke, as told.'); end(1); }
else if (learningRate === 2) process.kill(process.pid, 'SIGKILL');
else if (learningRate === 4) end(4);
else if (learningRate === 130) { const keep = setInterval(() => {}, 1000); process.on('SIGINT', () => { clearInterval(keep); end(130); }); }
else if (learningRate === 3) { const meet = setInterval(() => { if (readFileSync(root + '/log', 'utf8').split('start').length > 2) { clearInterval(meet); end(0); } }, 10); }
else end(0);
`;

const ok = 0.5;
const [crash, killed, diverge, endless] = [1, 2, 4, 130];
/** Waits for another run to start. */
const meet = 3;

function run(seed: number, learningRate: number, after?: PlannedRun): PlannedRun {
  const config = resolveConfig({ ...anyConfig, learningRate, seed }, 'a test');
  return {
    name: `lb-${String(seed).padStart(12, '0')}`,
    config,
    label: `LB, seed ${seed}`,
    after: after?.name,
  };
}

async function make(runs: readonly PlannedRun[], changes: Partial<RunnerOptions> = {}) {
  const root = changes.root ?? (await makeFolder());
  const script = join(root, 'stand-in.mjs');
  await writeFile(script, standIn);
  const outcomes = await makeRuns(runs, { root, jobs: 1, command: [process.execPath, script], ...changes });
  const log = await readFile(join(root, 'log'), 'utf8').catch(() => '');
  return { root, outcomes, told: outcomes.map(({ outcome }) => outcome), log: log.trimEnd().split('\n') };
}

describe('the runner', () => {
  it('makes runs in order, one at a time, with the options it was given', async () => {
    const progress: string[] = [];
    const { told, log } = await make([run(1, ok), run(2, ok)], {
      trainOptions: ['--adapter', 'reference'],
      onProgress: ({ label }, { step, steps, note }) => progress.push(`${label}: ${step}/${steps} ${note}`),
    });
    expect(told).toEqual(['finished', 'finished']);
    expect(log).toEqual([
      'start train --adapter reference 1',
      'end 1',
      'start train --adapter reference 2',
      'end 2',
    ]);
    expect(progress).toEqual([
      'LB, seed 1: 1/2 loss 1',
      'LB, seed 1: 2/2 done',
      'LB, seed 2: 1/2 loss 1',
      'LB, seed 2: 2/2 done',
    ]);
  });

  it('tells what crashed, was killed or diverged, and goes on with the others', async () => {
    const ended: RunOutcome[] = [];
    const runs = [run(1, crash), run(2, killed), run(3, diverge), run(4, ok)];
    const { outcomes, told } = await make(runs, { jobs: 2, onEnd: (outcome) => ended.push(outcome) });
    expect(told).toEqual(['failed', 'failed', 'diverged', 'finished']);
    expect(outcomes.map(({ problem }) => problem)).toEqual([
      'It broke, as told.',
      'It was ended by SIGKILL.',
      undefined,
      undefined,
    ]);
    expect(ended).toHaveLength(4);
  });

  it('makes two at once if told to', async () => {
    const { told } = await make([run(1, meet), run(2, meet)], { jobs: 2 });
    expect(told).toEqual(['finished', 'finished']);
  });

  it('skips what is done, finished or diverged', async () => {
    const root = await makeFolder();
    const runs = [run(1, ok), run(2, ok), run(3, ok)];
    await putRun(root, runs[0], { accuracy: 50 });
    await putRun(root, runs[1], { accuracy: 50, status: 'diverged' });
    const skipped: string[] = [];
    const { told, log } = await make(runs, { root, onSkip: ({ label }) => skipped.push(label) });
    expect(told).toEqual(['finished', 'diverged', 'finished']);
    expect(skipped).toEqual(['LB, seed 1', 'LB, seed 2']);
    expect(log.filter((line) => line.startsWith('start'))).toEqual(['start train 3']);
  });

  it('makes a run after the one it needs, and not at all if that failed', async () => {
    const [source, broken] = [run(1, ok), run(2, crash)];
    const { told, outcomes, log } = await make([run(3, ok, source), source, broken, run(4, ok, broken)], {
      jobs: 2,
    });
    expect(told).toEqual(['finished', 'finished', 'failed', 'failed']);
    expect(outcomes[3].problem).toBe('It needs LB, seed 2, which has failed.');
    expect(log.indexOf('end 1')).toBeLessThan(log.indexOf('start train 3'));
    expect(log).not.toContain('start train 4');
  });

  it('asks the runs under way to stop when told to, and starts no more', async () => {
    const interruption = new AbortController();
    const { told } = await make([run(1, endless), run(2, ok)], {
      signal: interruption.signal,
      onProgress: () => interruption.abort(),
    });
    expect(told).toEqual(['interrupted', 'not started']);
  });

  it.each(['while its configuration is written', 'as it is about to start'])(
    'starts no run when told to stop %s',
    async (when) => {
      const interruption = new AbortController();
      const stop = () => interruption.abort();
      const asked = run(1, endless);
      const config = {
        ...asked.config,
        toJSON() {
          if (when.startsWith('while')) stop();
          return asked.config;
        },
      };
      const { told, log } = await make([{ ...asked, config }], {
        signal: interruption.signal,
        onStart: () => when.startsWith('as') && stop(),
      });
      expect({ told, log }).toEqual({ told: ['not started'], log: [''] });
    },
  );

  it('tells a command that is not there', async () => {
    const { outcomes } = await make([run(1, ok)], { command: ['/nowhere/regrad'] });
    expect(outcomes[0]).toMatchObject({ outcome: 'failed', problem: expect.stringContaining('ENOENT') });
  });
});

describe('the display', () => {
  let seconds = 0;
  beforeEach(() => {
    seconds = 0;
  });

  function display(runs: readonly PlannedRun[], isTTY: boolean) {
    const written: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        written.push(String(chunk));
        done();
      },
    });
    const stream = Object.assign(sink, {
      isTTY,
      columns: 200,
      cursorTo: () => true,
      moveCursor: () => true,
      clearLine: () => true,
    });
    const shown = createRunDisplay({
      runs,
      weight: ({ config }) => 10 * config.seed,
      stream: Object.assign(stream, { clearScreenDown: () => true }),
      interval: 5,
      now: () => 1000 * seconds,
      environment: {},
    });
    return { shown, written };
  }

  it('tells how far all and each are, with the time left, by what runs cost', () => {
    const [a, b, c] = [run(1, ok), run(2, ok), run(3, ok)];
    const { shown, written } = display([a, b, c], false);
    shown.skipped(a);
    shown.started(b);
    shown.progress(b, { step: 0, steps: 10, note: '' });
    // Compiling takes an hour, and says nothing of what is left.
    seconds = 3600;
    shown.progress(b, { step: 0, steps: 10, note: '' });
    shown.progress(b, { step: 1, steps: 10, note: '' });
    seconds += 6;
    shown.progress(b, { step: 4, steps: 10, note: 'loss 0.5' });
    seconds += 12;
    shown.ended({ run: b, outcome: 'finished' }, 'test 90 %');
    shown.started(c);
    shown.ended({ run: c, outcome: 'failed', problem: 'It broke.' }, '');
    shown.stop();
    // Of 10 + 20 + 30, 12 are done with the first update, 18 after 6 s more, which leaves 42 s for the other 42.
    expect(written.join('')).toBe(
      '1/3 runs · 16 % | LB, seed 2: 0/10 · first update, and compiling\n' +
        '1/3 runs · 30 % · 42 s left | LB, seed 2: 4/10 · loss 0.5 · 12 s left\n' +
        'LB, seed 2: finished, test 90 % (2/3 runs · 50 % · 30 s left)\n' +
        'LB, seed 3: failed. It broke. (3/3 runs · 100 %)\n',
    );
  });

  it('draws bars in a terminal', () => {
    const [a] = [run(1, ok)];
    const { shown, written } = display([a], true);
    shown.started(a);
    shown.progress(a, { step: 5, steps: 10, note: 'loss 0.5' });
    shown.ended({ run: a, outcome: 'finished' }, '');
    shown.stop();
    expect(written.join('')).toContain('LB, seed 1: finished (1/1 runs');
  });
});
