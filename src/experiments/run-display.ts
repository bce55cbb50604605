/** What a person sees while many runs go on: how far all of them are, how far each, and a line for each that ends. */
import { MultiBar, type SingleBar } from 'cli-progress';
import { barLine } from './bar-line.ts';
import { formatSeconds } from './progress.ts';
import type { PlannedRun } from './run-plan.ts';
import type { RunOutcome, RunProgress } from './runner.ts';

export interface RunDisplay {
  skipped(run: PlannedRun): void;
  started(run: PlannedRun): void;
  progress(run: PlannedRun, progress: RunProgress): void;
  ended(outcome: RunOutcome, note: string): void;
  stop(): void;
}

export interface RunDisplayOptions {
  readonly runs: readonly PlannedRun[];
  /** Seconds that a run was estimated to take: what it counts in the whole. */
  readonly weight: (run: PlannedRun) => number;
  readonly stream?: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  /** Seconds between two plain lines. */
  readonly interval?: number;
  readonly now?: () => number;
  readonly environment?: Record<string, string | undefined>;
}

/** From when, and from how much, speed is measured: the first update of a run compiles its kernels, and is left out. */
interface Baseline {
  readonly at: number;
  readonly done: number;
}

interface Active {
  /** Updates that were done before: a run that is resumed. */
  first?: number;
  base?: Baseline;
  last?: RunProgress;
  bar?: SingleBar;
}

/**
 * In a terminal a bar for the whole and one for each run under way, redrawn; elsewhere a plain line at most every `interval`
 * seconds. Call `stop` in a `finally`.
 */
export function createRunDisplay(options: RunDisplayOptions): RunDisplay {
  const { runs, weight, stream = process.stderr, interval = 10, now = Date.now } = options;
  const { environment = process.env } = options;
  const total = runs.reduce((sum, run) => sum + weight(run), 0);
  const active = new Map<PlannedRun, Active>();
  /** Of the whole: estimated seconds done, and runs done. */
  let done = 0;
  let count = 0;
  let base: Baseline | undefined;
  let shownAt = now();

  const part = ({ last }: Active): number => (last ? last.step / last.steps : 0);
  const position = (): number =>
    [...active].reduce((sum, [run, each]) => sum + weight(run) * part(each), done);
  const timeLeft = (at: number, end: number, from?: Baseline): string =>
    from && at > from.done && at < end
      ? ` · ${formatSeconds(((now() - from.at) / 1000) * ((end - at) / (at - from.done)))} left`
      : '';
  const overall = (): string => {
    const percent = Math.floor((100 * position()) / total);
    return `${count}/${runs.length} runs · ${percent} %${timeLeft(position(), total, base)}`;
  };
  const one = (run: PlannedRun, each: Active): string => {
    const { last, base: from } = each;
    if (!last) return `${run.label}: starting`;
    if (!from) return `${run.label}: ${last.step}/${last.steps} · first update, and compiling`;
    const note = last.note === '' ? '' : ` · ${last.note}`;
    return `${run.label}: ${last.step}/${last.steps}${note}${timeLeft(last.step, last.steps, from)}`;
  };

  const bars = stream.isTTY && environment.TERM !== 'dumb' ? createBars(stream, environment) : undefined;
  const whole = bars?.create(1000, 0, { text: '' });
  const draw = (): void => {
    whole?.update(Math.floor((1000 * position()) / total), { text: overall() });
  };
  const say = (line: string): void => {
    if (bars) bars.log(`${line}\n`);
    else stream.write(`${line}\n`);
  };
  return {
    skipped(run) {
      done += weight(run);
      count += 1;
      draw();
    },
    started(run) {
      const bar = bars?.create(1000, 0, { text: `${run.label}: starting` });
      active.set(run, { bar });
      draw();
    },
    progress(run, progress) {
      const each = active.get(run);
      if (!each) return;
      each.first ??= progress.step;
      each.last = progress;
      if (progress.step > each.first) {
        each.base ??= { at: now(), done: progress.step };
        base ??= { at: now(), done: position() };
      }
      each.bar?.update(Math.floor(1000 * part(each)), { text: one(run, each) });
      draw();
      if (!bars && now() - shownAt >= 1000 * interval) {
        shownAt = now();
        say([overall(), ...[...active].map(([other, state]) => one(other, state))].join(' | '));
      }
    },
    ended({ run, outcome, problem }, note) {
      const each = active.get(run);
      active.delete(run);
      if (each?.bar) bars?.remove(each.bar);
      if (outcome !== 'not started' && outcome !== 'interrupted') {
        done += weight(run);
        count += 1;
        say(
          `${run.label}: ${problem === undefined ? [outcome, note].filter(Boolean).join(', ') : `failed. ${problem}`} (${overall()})`,
        );
      }
      draw();
    },
    stop() {
      // Lines that were said last wait for it.
      bars?.update();
      bars?.stop();
    },
  };
}

function createBars(
  stream: NodeJS.WritableStream & { columns?: number },
  environment: Record<string, string | undefined>,
): MultiBar {
  return new MultiBar({
    stream,
    format: (_, { progress }, { text }) =>
      barLine({
        ...{ label: '', share: progress, text },
        ...{ columns: stream.columns ?? 80, colored: !environment.NO_COLOR },
      }),
    linewrap: true,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: true,
  });
}
