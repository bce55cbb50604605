/** Calling regrad as people do, for tests. */
import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { vi } from 'vitest';

/** Runs the command line from the checkout with nothing in its environment but `env`, and without measuring kernels. */
export function regrad(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/regrad.mjs', ...args], {
    env: { REGRAD_TUNE: 'off', ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/**
 * What one verb says to arguments that it must refuse before it computes anything, without a process of its own:
 * commander's message for wrong usage, else that of the error.
 */
export async function refusal(addVerb: (program: Command) => void, args: readonly string[]): Promise<string> {
  const program = new Command('regrad').exitOverride().configureOutput({ writeErr: () => undefined });
  addVerb(program);
  const error = await program.parseAsync([...args], { from: 'user' }).then(
    () => new Error(`It was accepted: ${args.join(' ')}`),
    (thrown: Error) => thrown,
  );
  return error.message;
}

/** What one verb prints on standard output, without a process of its own. */
export async function called(addVerb: (program: Command) => void, args: readonly string[]): Promise<string> {
  const program = new Command('regrad').exitOverride();
  addVerb(program);
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((text) => void printed.push(`${text}\n`));
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
  return printed.join('');
}
