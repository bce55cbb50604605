/** Finds the fastest of several kernels that compute the same. */
import type { Kernel } from '../../../kernels/kernel.ts';

/** Runs kernels on buffers of its own. */
export interface Stopwatch {
  /** Compiles a kernel and runs it once. Rejects, with a sentence, if the device refuses it. */
  prepare(kernel: Kernel): Promise<Prepared>;
  /** Gives its memory back. */
  dispose(): void;
}

export interface Prepared {
  readonly sample: Sampler;
  /** What the kernel computed, in places: equal for kernels that compute the same, in whatever order they add. */
  readonly answer: Float32Array;
}

/** Milliseconds that so many launches in a row take. */
export type Sampler = (launches: number) => Promise<number>;

/**
 * A stopwatch for kernels with so many elements in each input and in the result, which may come in so many parts.
 * Throws where that is too much.
 */
export type NewStopwatch = (inputs: readonly number[], output: number, parts: number) => Stopwatch;

/** A lead below this is noise: the preferred kernel wins. */
const tie = 0.05;

/** Launches in a row, so that a sample is long for the clock (here in milliseconds) but not endless. */
const sampleLength = 1;
const mostLaunches = 100;

/** Samples of a kernel, whose least counts. */
const mostRounds = 9;

/** A kernel so much slower than the fastest at its first sample gets no second. */
const hopeless = 2;

interface Runner {
  readonly variant: string;
  readonly sample: Sampler;
  /** Of one launch. */
  milliseconds: number;
}

/**
 * The variant whose kernel takes the least time. Those that fail, or compute something else than the first does, are
 * left out, with a warning.
 *
 * @param what is measured, for warnings.
 * @param budget milliseconds for all samples after each kernel's first.
 * @param newStopwatch is given the most parts that a kernel leaves its sums in.
 * @returns undefined if none can be run.
 */
export async function fastest(
  what: string,
  kernels: ReadonlyMap<string, Kernel>,
  preferred: string,
  budget: number,
  newStopwatch: (parts: number) => Stopwatch,
): Promise<string | undefined> {
  let stopwatch: Stopwatch;
  try {
    stopwatch = newStopwatch(Math.max(...[...kernels.values()].map(({ parts = 1 }) => parts)));
  } catch (error) {
    warn(what, error);
    return undefined;
  }
  try {
    const runners: Runner[] = [];
    let expected: Float32Array | undefined;
    for (const [variant, kernel] of kernels) {
      try {
        const { sample, answer } = await stopwatch.prepare(kernel);
        expected ??= answer;
        checkAnswer(answer, expected, runners[0]?.variant);
        runners.push({ variant, sample, milliseconds: await sample(1) });
      } catch (error) {
        warn(`${variant} of ${what}`, error);
      }
    }
    await race(runners, budget);
    return winner(runners, preferred);
  } catch (error) {
    warn(what, error);
    return undefined;
  } finally {
    stopwatch.dispose();
  }
}

/** Throws unless both are the same numbers. */
function checkAnswer(answer: Float32Array, expected: Float32Array, by: string): void {
  const at = expected.findIndex((value, i) => !Object.is(answer[i] + 0, value + 0));
  if (at < 0) return;
  throw new Error(`it computes ${answer[at]} where ${by} computes ${expected[at]}. It is not used here.`);
}

/** In turns, so that a change of the clock rate or of the load meets all alike. */
async function race(runners: readonly Runner[], budget: number): Promise<void> {
  const best = leastOf(runners);
  const entered = runners
    .filter(({ milliseconds }) => milliseconds <= hopeless * best)
    .map((runner) => ({
      runner,
      launches: Math.min(mostLaunches, Math.max(1, Math.ceil(sampleLength / runner.milliseconds))),
    }));
  if (entered.length < 2) return;
  let spent = 0;
  for (let round = 0; round < mostRounds && spent < budget; round++) {
    for (const { runner, launches } of entered) {
      const milliseconds = await runner.sample(launches);
      spent += milliseconds;
      // The first sample was of one launch, which a coarse clock may show as nothing.
      const earlier = round === 0 ? Infinity : runner.milliseconds;
      runner.milliseconds = Math.min(earlier, milliseconds / launches);
    }
  }
}

function winner(runners: readonly Runner[], preferred: string): string | undefined {
  const best = leastOf(runners);
  const usual = runners.find(({ variant }) => variant === preferred);
  if (usual && usual.milliseconds <= best * (1 + tie)) return preferred;
  return runners.find(({ milliseconds }) => milliseconds === best)?.variant;
}

const leastOf = (runners: readonly Runner[]): number =>
  Math.min(...runners.map(({ milliseconds }) => milliseconds));

function warn(what: string, error: unknown): void {
  const detail = error instanceof Error ? error.message : String(error);
  console.warn(`regrad: ${what} could not be timed and is not considered: ${detail}`);
}
