/** Being asked to stop: once, and what is under way is saved first; twice, and the process ends at once. */

/** Ctrl-C, `kill`, and the end of the terminal or the connection. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds in which signals are one: npm hands on what the terminal sends to its children too, and shells do alike. */
const together = 200;

/** The exit code of a process that was interrupted. */
export const interrupted = 130;

export interface Interruption {
  /** Aborted by the first signal, or by the end of a parent process that is told of progress. */
  readonly signal: AbortSignal;
  /** Leaves signals to what they do by default. */
  stop(): void;
}

/** Listens for signals. `onFirst` may say that what is under way is saved. */
export function listenForInterruption(onFirst?: () => void): Interruption {
  const interruption = new AbortController();
  let first = 0;
  const interrupt = (): void => {
    if (!interruption.signal.aborted) {
      first = Date.now();
      interruption.abort();
      onFirst?.();
    } else if (Date.now() - first > together) {
      process.exit(interrupted);
    }
  };
  /** A terminal that is gone must not end us by failing to show what we write. */
  const hangUp = (): void => {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  };
  process.on('SIGHUP', hangUp).on('disconnect', interrupt);
  for (const each of signals) process.on(each, interrupt);
  return {
    signal: interruption.signal,
    stop() {
      process.off('SIGHUP', hangUp).off('disconnect', interrupt);
      for (const each of signals) process.off(each, interrupt);
    },
  };
}
