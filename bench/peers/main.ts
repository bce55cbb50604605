/** `npm run bench:peers`: the same cases on regrad, TensorFlow.js and jax-js, on one adapter, in a process each. */
import { appendFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { adapterOption } from '../../src/cli/adapter.ts';
import { parsePositive } from '../../src/cli/numbers.ts';
import { type AdapterChoice, describeAdapter, requestNodeAdapter } from '../../src/engine/node.ts';
import { ReferenceDevice, setDevice } from '../../src/index.ts';
import { environmentOf } from '../records.ts';
import { type Answer, answerOf } from './answer.ts';
import { caseNames, findCase } from './cases.ts';
import type { Case } from './library.ts';
import { measureCase } from './measure.ts';
import { LibraryProcess } from './process.ts';
import { regrad } from './regrad.ts';
import { type CaseResults, formatPeers } from './report.ts';

interface Options {
  readonly adapter?: AdapterChoice;
  readonly seconds: number;
  readonly limit: number;
  readonly libraries: readonly string[];
  readonly out?: string;
}

const libraries = ['regrad', 'tfjs', 'jax'];

await new Command('bench:peers')
  .description('Time the same cases on regrad, TensorFlow.js (WebGPU) and jax-js, and check their answers.')
  .argument('[filters...]', 'parts of the names of the cases to run')
  .addOption(adapterOption())
  .option('--seconds <number>', 'time for the samples of each library in each case', parsePositive, 3)
  .option('--limit <seconds>', 'the longest that a library may take to answer', parsePositive, 300)
  .option('--libraries <names>', 'which to run', parseLibraries, libraries)
  .option('--out <file>', 'write JSON lines, one for each case')
  .action(compare)
  .parseAsync();

function parseLibraries(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !libraries.includes(name));
  if (unknown === undefined) return libraries.filter((name) => names.includes(name));
  throw new InvalidArgumentError(`'${unknown}' is none of ${libraries.join(', ')}.`);
}

async function compare(filters: readonly string[], options: Options): Promise<void> {
  const names = caseNames.filter(
    (name) => filters.length === 0 || filters.some((part) => name.includes(part)),
  );
  if (names.length === 0) {
    throw new Error(
      `No case has ${filters.join(' or ')} in its name; the cases are: ${caseNames.join(', ')}.`,
    );
  }
  const adapter = await requestNodeAdapter(options.adapter);
  if (adapter.kind === 'reference')
    throw new Error(`The peers need a GPU, real or simulated. ${adapter.reason}`);
  console.error(describeAdapter(adapter));
  const environment = await environmentOf(adapter);
  if (options.out !== undefined) await writeFile(options.out, '');

  const child = fileURLToPath(new URL('child.mjs', import.meta.url));
  const processes = options.libraries.map(
    (name) => new LibraryProcess(name, child, options.adapter ?? 'auto', options.limit),
  );
  setDevice(new ReferenceDevice());
  const cases: CaseResults[] = [];
  try {
    for (const [at, name] of names.entries()) {
      console.error(`${at + 1}/${names.length}: ${name}`);
      const use = findCase(name);
      const results = await measureCase(use, await rightAnswer(use), processes, options.seconds);
      const secondOrder = use.penalty !== undefined;
      cases.push({ case: name, secondOrder, results });
      const versions = Object.fromEntries(processes.map(({ name, version }) => [name, version]));
      const line = { ...environment, versions, case: name, secondOrder, results };
      if (options.out !== undefined) await appendFile(options.out, `${JSON.stringify(line)}\n`);
    }
  } finally {
    for (const process of processes) process.stop();
  }
  console.log(`${adapter.name}; ${processes.map(({ name, version }) => `${name} ${version}`).join(', ')}.\n`);
  console.log(formatPeers(cases, options.libraries));
}

/** By regrad's float64 reference executor, which its own tests hold against finite differences and PyTorch. */
async function rightAnswer(use: Case): Promise<Answer> {
  const prepared = await regrad.prepare(use);
  const answer = await answerOf(use, prepared, await prepared.call());
  prepared.dispose();
  return answer;
}
