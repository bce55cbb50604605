/** The command line. Exit codes: 0 done; 1 an error, told in one sentence; 2 wrong usage; others as a verb's help says. */
import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { addBench } from './bench.ts';
import { addData } from './data.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export.ts';
import { addParity } from './parity.ts';
import { addReport } from './report.ts';
import { addReproduce } from './reproduce.ts';
import { addRuns } from './runs.ts';
import { addSweep } from './sweep.ts';
import { addTrain } from './train.ts';

const program = new Command('regrad')
  .description(
    'A WebGPU tensor engine with autodiff of any order, and a laboratory for implicit regularisation in SGD.',
  )
  .version(version)
  .showHelpAfterError('(regrad --help lists what there is)')
  .exitOverride();

// Verbs made by program.command(...) take over the settings above.
addBench(program);
addData(program);
addDemo(program);
addDoctor(program);
addExport(program);
addParity(program);
addReport(program);
addReproduce(program);
addRuns(program);
addSweep(program);
addTrain(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed what is wrong, or the help that was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.exitCode = 1;
    console.error(process.env.REGRAD_DEBUG === '1' ? error : `error: ${sentenceOf(error)}`);
  }
}

function sentenceOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
}
