/** The command line as a person can type it again. */
import { relative } from 'node:path';
import { packageRoot } from '../experiments/data/locate.ts';

/** `regrad` with these arguments: installed, by npx, or from a checkout, which installs no command. */
export function ownCommand(args: readonly string[]): string {
  return [program(), ...args.map(quoted)].join(' ');
}

function program(): string {
  const root = packageRoot();
  // scripts/regrad.mjs bundles the checkout there.
  if (process.argv[1]?.startsWith(`${root}/node_modules/.cache/regrad/`)) {
    return `node ${quoted(relative('', `${root}/scripts/regrad.mjs`))}`;
  }
  return process.env.npm_command === 'exec' ? 'npx regrad' : 'regrad';
}

function quoted(argument: string): string {
  return /^[\w./:=,@-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
