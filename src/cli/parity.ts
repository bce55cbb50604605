/** `regrad parity DIR`: one step of every fixture in a folder, against its reference values. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { listFolder } from '../experiments/data/locate.ts';
import { readBytes } from '../experiments/files.ts';
import { type ParityResult, runParityCase } from '../experiments/parity.ts';
import { createProgress } from '../experiments/progress.ts';
import { formatTable } from '../experiments/table.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { parsePositive } from './numbers.ts';

/** Default tolerances: float32 on a device, float64 weights and data rounded to float32 on the reference executor. */
const tolerances = { gpu: 2e-4, reference: 1e-6 };

const measures = ['loss', 'penalty', 'microNorm2', 'grad', 'after'] as const;

interface Options extends AdapterOptions {
  readonly json?: boolean;
  readonly tolerance?: number;
}

export function addParity(program: Command): void {
  const [tune, noTune] = tuneOptions();
  program
    .command('parity')
    .description(
      'Run the step that each fixture (*.safetensors) in a folder describes, and compare with its values.',
    )
    .argument('<folder>', 'where the fixtures are')
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .option('--json', 'print one JSON object per case')
    .option(
      '--tolerance <number>',
      'largest relative error allowed (default: 2e-4, reference 1e-6)',
      parsePositive,
    )
    .action(parity);
}

async function parity(folder: string, options: Options): Promise<void> {
  const files = await fixtureFiles(folder);
  const { device, adapter } = await useAdapter(options);
  const tolerance = options.tolerance ?? tolerances[device.kind];
  const progress = createProgress({ total: files.length, label: 'parity' });
  const rows: (ParityResult & { adapter: string; ok: boolean })[] = [];
  try {
    for (const file of files) {
      progress.update(rows.length, file);
      const path = join(folder, file);
      const { case: name, method, ...errors } = await runParityCase(await readBytes(path, 'a fixture'), path);
      const ok = measures.every((measure) => errors[measure] <= tolerance);
      const row = { case: name, method, adapter: adapter.name, ...errors, ok };
      rows.push(row);
      if (options.json) console.log(JSON.stringify(row));
    }
    progress.update(rows.length);
  } finally {
    progress.stop();
  }
  const failed = rows.filter((row) => !row.ok);
  if (!options.json) console.log(formatRows(rows));
  console.error(
    `${rows.length - failed.length} of ${rows.length} cases are within ${tolerance} on ${adapter.name}.`,
  );
  if (failed.length > 0) process.exitCode = 1;
}

async function fixtureFiles(folder: string): Promise<string[]> {
  const names = await listFolder(folder, 'fixtures');
  const files = names.filter((name) => name.endsWith('.safetensors'));
  if (files.length === 0) {
    throw new Error(`${folder} holds no *.safetensors file; name a folder of fixtures.`);
  }
  return files;
}

function formatRows(rows: readonly (ParityResult & { ok: boolean })[]): string {
  return formatTable(
    ['case', 'method', ...measures, 'ok'],
    rows.map((row) => [
      row.case,
      row.method,
      ...measures.map((m) => row[m].toExponential(1)),
      row.ok ? 'yes' : 'NO',
    ]),
  );
}
