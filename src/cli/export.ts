/** `regrad export RUN`: its metrics and weights as files for other programs. */
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { type ExportFormat, exportFormats } from '../experiments/export/run-export.ts';
import { createFolder, writeFileAtomic } from '../experiments/files.ts';
import { readRun } from '../experiments/run-store.ts';

/** True where a format is asked for without a path. */
type Options = Partial<Record<ExportFormat, string | true>>;

export function addExport(program: Command): void {
  program
    .command('export')
    .description('Write the metrics or the best weights of a run as files for other programs.')
    .argument('<run>', 'the folder of a run')
    .option('--tensorboard [folder]', 'an event file of the metrics (default: RUN/export)')
    .option('--csv [file]', 'the metrics as a table (default: RUN/export/metrics.csv)')
    .option(
      '--safetensors [file]',
      'the weights best in validation (default: RUN/export/weights.safetensors)',
    )
    .option('--npz [file]', 'these weights and the metrics, for NumPy (default: RUN/export/run.npz)')
    .action(exportRun);
}

async function exportRun(folder: string, options: Options): Promise<void> {
  const formats = (Object.keys(exportFormats) as ExportFormat[]).filter(
    (format) => options[format] !== undefined,
  );
  if (formats.length === 0) {
    throw new Error('Say what to export: --tensorboard, --csv, --safetensors or --npz.');
  }
  const run = await readRun(folder);
  if (run.status === 'damaged') throw new Error(run.problem);
  // All contents first: what cannot be exported leaves no file.
  const contents = [];
  for (const format of formats) {
    contents.push({
      path: pathOf(folder, format, options[format]),
      content: await exportFormats[format].content(run),
    });
  }
  for (const { path, content } of contents) {
    createFolder(dirname(path));
    await writeFileAtomic(path, content);
    console.log(path);
  }
}

function pathOf(folder: string, format: ExportFormat, given: string | true | undefined): string {
  const { file } = exportFormats[format];
  if (typeof given !== 'string') return join(folder, 'export', file);
  return format === 'tensorboard' ? join(given, file) : given;
}
