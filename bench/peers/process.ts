/** A library's process as the parent sees it: questions with a time limit, and a new process after a crash. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Answer } from './answer.ts';

export type Request =
  | { readonly type: 'prepare'; readonly name: string }
  | { readonly type: 'sample'; readonly count: number }
  | { readonly type: 'release' };

export interface Reply {
  readonly version?: string;
  readonly first?: number;
  readonly answer?: Answer;
  readonly remark?: string;
  readonly times?: readonly number[];
  readonly error?: string;
}

/** The process ended or did not answer: not an error that the library threw. */
export class ProcessFailure extends Error {}

export class LibraryProcess {
  readonly name: string;
  /** Known once it was asked something. */
  version = '';
  readonly #limit: number;
  readonly #start: () => ChildProcess;
  #child: ChildProcess | undefined;

  /** @param limit seconds that an answer may take. */
  constructor(name: string, file: string, adapter: string, limit: number) {
    this.name = name;
    this.#limit = limit;
    this.#start = () =>
      fork(file, [name, adapter], {
        serialization: 'advanced',
        execArgv: ['--enable-source-maps'],
        // Standard output is the table's.
        stdio: ['ignore', 2, 2, 'ipc'],
      });
  }

  /** @throws Error if the library throws; ProcessFailure. */
  async ask(request: Request): Promise<Reply> {
    if (!this.#child) {
      this.#child = this.#start();
      const { version = '' } = await this.#reply(this.#child);
      this.version = version;
    }
    this.#child.send(request);
    const reply = await this.#reply(this.#child);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }

  stop(): void {
    this.#child?.removeAllListeners();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #reply(child: ChildProcess): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => {
        this.stop();
        clearTimeout(timer);
        reject(new ProcessFailure(reason));
      };
      const timer = setTimeout(() => fail(`no answer in ${this.#limit} s`), this.#limit * 1000);
      child.removeAllListeners();
      child.once('message', (reply: Reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      child.once('exit', (code, signal) => fail(`the process ended with ${signal ?? `code ${code}`}`));
    });
  }
}
