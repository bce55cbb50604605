/** `regrad bench` alone, for the one file that scripts/bench-bundle.mjs makes: `node FILE [filter] [options]`. */
import { Command, CommanderError } from 'commander';
import { version } from '../package.json';
import { addBench } from '../src/cli/bench.ts';

const program = new Command('regrad').version(version).exitOverride();
addBench(program);
try {
  await program.parseAsync(['bench', ...process.argv.slice(2)], { from: 'user' });
} catch (error) {
  const usage = error instanceof CommanderError;
  if (!usage) console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = usage ? error.exitCode && 2 : 1;
}
