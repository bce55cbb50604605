/** One case on all libraries: first calls, answers held against the right one, then samples in turns. */
import { type Summary, summarize } from '../samples.ts';
import { type Answer, relativeError } from './answer.ts';
import type { Case } from './library.ts';
import { type LibraryProcess, ProcessFailure } from './process.ts';

type Asked = Pick<LibraryProcess, 'name' | 'ask' | 'stop'>;

/** What one library made of a case. */
export interface Result {
  readonly library: string;
  /** Milliseconds of a call, from the call to having its results; absent where it could not be timed. */
  readonly wall?: Summary;
  /** Milliseconds of the first call. */
  readonly first?: number;
  /** By part of the answer (value, gradient, loss, update): || answer - right || / || right || of the worst array. */
  readonly errors: Readonly<Record<string, number>>;
  /** Whether they are all within the case's tolerance; false without an answer. */
  readonly right: boolean;
  readonly remarks: readonly string[];
}

/** Errors above it are told even where they are within the tolerance. */
const remarkable = 1e-3;

/** Libraries take turns, so that what else the machine does hits them alike. */
const rounds = 5;
const leastSamples = 3;
/** In multiples of its time: a library this slow is left at the samples that it has. */
const patience = 10;

/** @param seconds for the samples of each library. */
export async function measureCase(
  { name, tolerance }: Pick<Case, 'name' | 'tolerance'>,
  expected: Answer,
  processes: readonly Asked[],
  seconds: number,
): Promise<Result[]> {
  const runs = processes.map((process) => new Run(name, tolerance, process, 1000 * seconds));
  for (const run of runs) await run.prepare(expected);
  for (let round = 0; round < rounds; round++) {
    for (const run of runs) await run.sample();
  }
  for (const run of runs) await run.release();
  return runs.map((run) => run.result());
}

/** A case on one library. A failure ends it, and is kept as a remark. */
class Run {
  readonly #name: string;
  readonly #tolerance: number;
  readonly #process: Asked;
  readonly #budget: number;
  readonly #errors: Record<string, number> = {};
  readonly #remarks: string[] = [];
  #times: number[] = [];
  #first: number | undefined;
  #failed = false;

  constructor(name: string, tolerance: number, process: Asked, budget: number) {
    this.#name = name;
    this.#tolerance = tolerance;
    this.#process = process;
    this.#budget = budget;
  }

  async prepare(expected: Answer): Promise<void> {
    await this.#attempt(async () => {
      const { first, answer, remark } = await this.#process.ask({ type: 'prepare', name: this.#name });
      if (!answer) throw new ProcessFailure('the process gave no answer');
      this.#first = first;
      if (remark) this.#remarks.push(remark);
      for (const part of Object.keys(expected)) {
        const error = relativeError(answer[part] ?? [], expected[part]);
        this.#errors[part] = error;
        const wrong = !(error <= this.#tolerance);
        if (wrong || error > remarkable) {
          this.#remarks.push(`${part} ${wrong ? 'wrong' : 'off'} by ${error.toExponential(1)}`);
        }
      }
      // Warms up, and tells how long a call takes.
      this.#times = [...((await this.#process.ask({ type: 'sample', count: 1 })).times ?? [])];
    });
  }

  async sample(): Promise<void> {
    const spent = this.#times.reduce((total, time) => total + time, 0);
    if (this.#failed || (this.#times.length >= leastSamples && spent >= this.#budget)) return;
    if (spent >= patience * this.#budget) return;
    const count = Math.max(1, Math.round(this.#budget / rounds / Math.min(...this.#times)));
    await this.#attempt(async () => {
      const { times = [] } = await this.#process.ask({ type: 'sample', count: Math.min(count, 200) });
      this.#times.push(...times);
    });
  }

  async release(): Promise<void> {
    if (!this.#failed) return this.#attempt(async () => void (await this.#process.ask({ type: 'release' })));
    // What a failed call left on the device would burden the next case.
    this.#process.stop();
  }

  result(): Result {
    // The first of them was the warm-up, unless there is nothing else.
    const counted = this.#times.length > 1 ? this.#times.slice(1) : this.#times;
    const errors = Object.values(this.#errors);
    return {
      library: this.#process.name,
      wall: this.#failed || counted.length === 0 ? undefined : summarize(counted),
      first: this.#first,
      errors: this.#errors,
      right: errors.length > 0 && errors.every((error) => error <= this.#tolerance),
      remarks: this.#remarks,
    };
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed = true;
      this.#remarks.push(error instanceof Error ? firstSentence(error.message) : String(error));
    }
  }
}

function firstSentence(message: string): string {
  return message.trim().split(/(?<=\.)\s|\n/, 1)[0];
}
