/**
 * Runs as child processes, several at once: each is `regrad train --config FILE --runs DIR`, which goes on where an earlier
 * one stopped. Nothing is shared between them but the folder, so the numbers do not depend on how many there are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createFolder, writeFileAtomic } from './files.ts';
import type { PlannedRun } from './run-plan.ts';
import { readRun } from './run-store.ts';

export type Outcome = 'finished' | 'diverged' | 'failed' | 'interrupted' | 'not started';

export interface RunOutcome {
  readonly run: PlannedRun;
  readonly outcome: Outcome;
  /** It was done before. */
  readonly skipped?: boolean;
  /** Why it failed, in a sentence. */
  readonly problem?: string;
}

export interface RunProgress {
  readonly step: number;
  readonly steps: number;
  readonly note: string;
}

export interface RunnerOptions {
  /** Folder of the runs. */
  readonly root: string;
  /** Children at once. */
  readonly jobs: number;
  /** Program and arguments that are `regrad`. */
  readonly command: readonly [program: string, ...args: string[]];
  /** More options for `regrad train`, as the adapter. */
  readonly trainOptions?: readonly string[];
  /** Aborted to stop: no run is started any more, and those under way are asked to save and end. */
  readonly signal?: AbortSignal;
  onSkip?(run: PlannedRun): void;
  onStart?(run: PlannedRun): void;
  onProgress?(run: PlannedRun, progress: RunProgress): void;
  onEnd?(outcome: RunOutcome): void;
}

/** How `regrad train` ends. */
const outcomes: Readonly<Record<number, Outcome>> = { 0: 'finished', 4: 'diverged', 130: 'interrupted' };

/**
 * Makes all runs that are not done yet, in order, one that needs another after it. A run that fails takes only those with it
 * that need it; the others go on.
 */
export async function makeRuns(runs: readonly PlannedRun[], options: RunnerOptions): Promise<RunOutcome[]> {
  const { root, jobs, signal } = options;
  createFolder(join(root, 'configs'));
  const done = new Map<string, RunOutcome>();
  const waiting = new Set(runs);
  const end = (outcome: RunOutcome): void => {
    done.set(outcome.run.name, outcome);
    if (!outcome.skipped) options.onEnd?.(outcome);
  };
  for (const run of runs) {
    const { status } = await readRun(join(root, run.name));
    if (status !== 'finished' && status !== 'diverged') continue;
    waiting.delete(run);
    end({ run, outcome: status, skipped: true });
    options.onSkip?.(run);
  }
  /** The next run whose forerunner is done; one whose forerunner cannot be is told as failed on the way. */
  const next = (): PlannedRun | undefined => {
    for (const run of waiting) {
      const before = run.after === undefined ? undefined : done.get(run.after);
      if (run.after !== undefined && before === undefined) continue;
      waiting.delete(run);
      if (before === undefined || before.outcome === 'finished') return run;
      end({ run, outcome: 'failed', problem: `It needs ${before.run.label}, which has ${before.outcome}.` });
    }
    return undefined;
  };
  const active = new Map<string, Promise<void>>();
  while (!signal?.aborted) {
    const run = active.size < jobs ? next() : undefined;
    if (run) {
      const work = makeRun(run, options).then((outcome) => {
        active.delete(run.name);
        end(outcome);
      });
      active.set(run.name, work);
    } else if (active.size > 0) {
      await Promise.race(active.values());
    } else {
      break;
    }
  }
  await Promise.all(active.values());
  for (const run of waiting) end({ run, outcome: 'not started' });
  return runs.flatMap(({ name }) => done.get(name) ?? []);
}

async function makeRun(run: PlannedRun, options: RunnerOptions): Promise<RunOutcome> {
  const { root, command, trainOptions = [], signal } = options;
  const [program, ...args] = command;
  const config = join(root, 'configs', `${run.name}.json`);
  await writeFileAtomic(config, `${JSON.stringify(run.config, null, 2)}\n`);
  options.onStart?.(run);
  // A signal that is aborted by now tells nothing to those who begin to listen.
  if (signal?.aborted) return { run, outcome: 'not started' };
  return new Promise((resolve) => {
    const child = spawn(program, [...args, 'train', '--config', config, '--runs', root, ...trainOptions], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C reaches the children through us alone, once.
      detached: process.platform !== 'win32',
    });
    const stop = (): boolean => child.kill('SIGINT');
    signal?.addEventListener('abort', stop, { once: true });
    const lastWords = keepLastLines(child);
    child.on('message', (message) => {
      if (isProgress(message)) options.onProgress?.(run, message);
    });
    const finish = (outcome: Outcome, problem?: string): void => {
      signal?.removeEventListener('abort', stop);
      resolve({ run, outcome, problem });
    };
    child.on('error', (error) => finish('failed', `It could not be started: ${error.message}.`));
    child.on('close', (code, killedBy) => {
      if (code === null && signal?.aborted) return finish('interrupted');
      const outcome = (code !== null && outcomes[code]) || 'failed';
      const how = code === null ? `It was ended by ${killedBy}.` : `It ended with exit code ${code}.`;
      finish(outcome, outcome === 'failed' ? lastWords() || how : undefined);
    });
  });
}

/** The message of an error is the last line; without one, whatever was said last. */
function keepLastLines(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-4000);
  });
  return () => {
    const lines = text.trimEnd().split('\n');
    return (lines.findLast((line) => line.startsWith('error: ')) ?? lines.at(-1) ?? '').replace(
      /^error: /,
      '',
    );
  };
}

function isProgress(message: unknown): message is RunProgress & { type: 'progress' } {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'progress';
}
