/** How far a long task is and when it will end: a bar in a terminal, a plain line now and then elsewhere. */
import { SingleBar } from 'cli-progress';
import { barLine } from './bar-line.ts';

export interface Progress {
  /** `done` of the total are done; `note` is shown behind the numbers. */
  update(done: number, note?: string): void;
  /** Prints a line of its own, above the bar. */
  print(line: string): void;
  /** Shows the last state and ends the display. More updates are ignored. */
  stop(): void;
}

export interface ProgressOptions {
  total: number;
  label: string;
  /** What was done before, when a task is resumed: it does not count towards the speed. */
  start?: number;
  /** Where to write: standard error, so that standard output stays clean for results. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  /** Seconds between two plain lines. */
  interval?: number;
  /** The clock in milliseconds, for tests. */
  now?: () => number;
  environment?: Record<string, string | undefined>;
}

/**
 * Starts showing progress. A terminal gets one line that is redrawn, coloured unless NO_COLOR is set; a pipe, a file or a
 * terminal that cannot move its cursor (TERM=dumb) gets a plain line at most every `interval` seconds.
 * Call `stop` in a `finally`: the bar's timer keeps the process alive.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { stream = process.stderr, environment = process.env } = options;
  return stream.isTTY && environment.TERM !== 'dumb' ? createBar(options) : createLines(options);
}

/** Shows how many of `total` kernels are compiled where that takes longer than `patience` seconds; for `onCompile`. */
export function showCompiling({
  patience = 1,
  now = Date.now,
  ...options
}: Omit<ProgressOptions, 'total' | 'label'> & { readonly patience?: number } = {}): (
  done: number,
  total: number,
) => void {
  let began = 0;
  let progress: Progress | undefined;
  return (done, total) => {
    if (done === 0) began = now();
    if (!progress && done > 0 && done < total && now() - began > 1000 * patience) {
      progress = createProgress({ ...options, now, total, label: 'compiling kernels', start: done });
    }
    progress?.update(done);
    if (done < total) return;
    progress?.stop();
    progress = undefined;
  };
}

function createBar(options: ProgressOptions): Progress {
  const { total, label, start = 0, stream = process.stderr, environment = process.env } = options;
  const display = new SingleBar({
    stream,
    // What a task says of itself counts more than the time that it will take.
    format: (_, { progress, value }, { left, note }) =>
      barLine({
        ...{ label, share: progress, text: `${value}/${total}${note}${left}` },
        ...{ columns: stream.columns ?? 80, colored: !environment.NO_COLOR },
      }),
    // The terminal's own wrapping stays on, and an interrupt is the training loop's business, not the bar's.
    linewrap: true,
    gracefulExit: false,
  });
  const timeLeft = createEstimate(options);
  const payload = (done: number, note = '') => ({ left: behind(timeLeft(done)), note: behind(note) });
  display.start(total, start, payload(start));
  return {
    update: (done, note) => display.update(done, payload(done, note)),
    print: (line) => {
      // Over the bar, which is drawn anew below with the next update.
      stream.write(`\r\u001b[2K${line}\n`);
    },
    stop: () => display.stop(),
  };
}

function createLines(options: ProgressOptions): Progress {
  const { total, label, stream = process.stderr, interval = 5, now = Date.now } = options;
  const timeLeft = createEstimate(options);
  let shownAt = now();
  let waiting = '';
  let stopped = false;
  const show = (): void => {
    if (waiting !== '') {
      stream.write(waiting);
    }
    waiting = '';
    shownAt = now();
  };
  return {
    update(done, note = '') {
      if (stopped) {
        return;
      }
      waiting = `${label} ${done}/${total}${behind(timeLeft(done))}${behind(note)}\n`;
      if (now() - shownAt >= 1000 * interval) {
        show();
      }
    },
    print: (line) => {
      stream.write(`${line}\n`);
    },
    stop() {
      stopped = true;
      show();
    },
  };
}

/** Time left at the mean speed so far: elapsed · (total - done) / (done - start). Empty while there is nothing to go by. */
function createEstimate({ total, start = 0, now = Date.now }: ProgressOptions): (done: number) => string {
  const begin = now();
  return (done) => {
    const seconds = ((now() - begin) / 1000) * ((total - done) / (done - start));
    return done > start && done < total ? `${formatSeconds(seconds)} left` : '';
  };
}

function behind(text: string): string {
  return text === '' ? '' : ` · ${text}`;
}

/** 75 as "1 min 15 s", 4,000 as "1 h 6 min". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
