/** `regrad report`: the report of a folder of runs, made anew from what lies there. */
import type { Command } from 'commander';
import { writeReport } from '../experiments/report.ts';
import { forOutput } from '../experiments/terminal-text.ts';

export function addReport(program: Command): void {
  program
    .command('report')
    .description('Make the report of a reproduction, a demo or a sweep anew, from its folder alone.')
    .argument('<folder>', 'the folder of the runs, as runs/quick')
    .action(report);
}

async function report(folder: string): Promise<void> {
  const written = await writeReport(folder);
  console.log(`${forOutput(written.text)}\nSaved in ${written.folder}: ${written.files.join(', ')}.`);
}
