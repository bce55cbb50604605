/** What a person, or a parent process, sees of a run: a bar with the time left, a line for each epoch, progress messages. */
import type { RunConfig } from '../experiments/config.ts';
import { createProgress, type Progress } from '../experiments/progress.ts';
import type { FolderRunOptions } from '../experiments/run-in-folder.ts';
import type { RunPoint } from '../experiments/run-training.ts';
import { listenForInterruption } from './interruption.ts';

/** Milliseconds between two messages to a parent process. */
const messageEvery = 250;

/**
 * Watches a run: for `runInFolder`. An interruption makes it save and stop; a second one ends the process at once.
 * Call `stop` in the end.
 */
export function watchTraining(config: RunConfig): FolderRunOptions & { stop(): void } {
  const { method, seed, steps } = config;
  const tell = parentTeller(steps);
  let progress: Progress | undefined;
  const say = (line: string) => (progress ? progress.print(line) : console.error(line));
  const interruption = listenForInterruption(() => {
    // What started this process has said it.
    if (!process.send) say('Interrupting: the step under way is finished and saved; once more ends at once.');
  });
  let latest: RunPoint | undefined;
  const note = () =>
    latest ? `loss ${latest.trainLoss.toPrecision(4)}, validation ${percent(latest.validationAccuracy)}` : '';
  return {
    signal: interruption.signal,
    onStart(step) {
      console.error(step > 0 ? `continuing after step ${step} of ${steps}` : `first of ${steps} updates`);
      tell(step, note());
    },
    onWarning: (text) => console.error(`warning: ${text}`),
    onStep(step) {
      // The first update here has compiled the kernels, which is shown as work of its own, and says nothing of the others.
      progress ??= createProgress({ total: steps, start: step, label: `${method} seed ${seed}` });
      progress.update(step, note());
      tell(step, note());
    },
    onEpoch(epoch, { step, meanLoss }) {
      const seen = latest ? `, validation ${percent(latest.validationAccuracy)} at step ${latest.step}` : '';
      progress?.print(`epoch ${epoch}: step ${step}, mean loss ${meanLoss.toPrecision(4)}${seen}`);
    },
    onPoint(point) {
      latest = point;
      progress?.update(point.step, note());
      tell(point.step, note());
    },
    stop() {
      interruption.stop();
      progress?.stop();
    },
  };
}

/** Sends progress to the process that started this one with a channel for messages, if there is one. */
function parentTeller(steps: number): (step: number, note: string) => void {
  let toldAt = 0;
  return (step, note) => {
    const due = step === steps || Date.now() - toldAt >= messageEvery;
    if (!process.send || !process.connected || !due) return;
    toldAt = Date.now();
    // That the parent is gone is told by 'disconnect'.
    process.send({ type: 'progress', step, steps, note }, () => undefined);
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
