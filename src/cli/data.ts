/** `regrad data`: which data sets there are, fetching them, and checking the files. */
import { type Command, InvalidArgumentError } from 'commander';
import { catalogue, catalogueEntry, isFetched } from '../experiments/data/catalogue.ts';
import { download } from '../experiments/data/download.ts';
import { formatFacts, inspectDataset } from '../experiments/data/inspect.ts';
import { loadDataset, parseDataSpec } from '../experiments/data/load-dataset.ts';
import { expandHome, fetchedFolder, shippedFolder } from '../experiments/data/locate.ts';
import type { OfficialFile } from '../experiments/data/official-files.ts';
import { createProgress, type Progress } from '../experiments/progress.ts';

export function addData(program: Command): void {
  const data = program.command('data').description('Data sets: list, fetch and check them.');
  data
    .command('list')
    .description('Say which data sets are here, and where the others are looked for.')
    .action(list);
  data
    .command('fetch')
    .description('Fetch the official files of a data set; a fetch that was cut off goes on where it stopped.')
    .argument('<name>', `one of ${[...catalogue.keys()].join(', ')}`)
    .option('--to <folder>', 'where the files go (default: where regrad looks for the name, see data list)')
    .option(
      '--from <url>',
      'a mirror: a folder on a server that has the files by their official names',
      parseUrl,
    )
    .action(fetchSet);
  data
    .command('check')
    .description('Load data sets and print what they hold. Exit code 1 if one is damaged or missing.')
    .argument('[sets...]', 'as after train --data: NAME or NAME:DIR (default: all that are here)')
    .option('--json', 'print the facts as JSON, a line for each set')
    .action(check);
}

function parseUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new InvalidArgumentError('Expected an address that begins with http:// or https://.');
  }
  return text.endsWith('/') ? text : `${text}/`;
}

function list(): void {
  for (const [name, { shipped, official, files }] of catalogue) {
    const size = mebibytes(files.reduce((sum, { bytes }) => sum + bytes, 0));
    const places = [
      ...(shipped ? [`shipped in ${shippedFolder(name)}`] : []),
      isFetched(name)
        ? `in ${fetchedFolder(name)}`
        : `not in ${fetchedFolder(name)} (regrad data fetch ${name}: ${size})`,
    ];
    console.log(`${name.padEnd(14)} ${official.train} + ${official.test} images; ${places.join('; ')}`);
  }
  console.log('\nA set elsewhere is named with its folder, NAME:DIR.');
}

async function fetchSet(name: string, options: { to?: string; from?: string }): Promise<void> {
  const { files, shipped } = catalogueEntry(name);
  const folder = options.to === undefined ? fetchedFolder(name) : expandHome(options.to);
  for (const official of files) {
    const file = options.from === undefined ? official : { ...official, url: options.from + official.name };
    const outcome = await fetchWithProgress(file, folder);
    console.log(outcome === 'present' ? `${file.name} is there already, and right` : `${file.name} fetched`);
  }
  const { terms } = await loadDataset(`${name}:${folder}`);
  // The name alone means the shipped set where there is one.
  const spec = shipped || options.to !== undefined ? `${name}:${folder}` : name;
  console.log(`Use it with --data ${spec}. Terms: ${terms}`);
}

async function fetchWithProgress(file: OfficialFile, folder: string): Promise<'fetched' | 'present'> {
  const kilobytes = (bytes: number): number => Math.floor(bytes / 1000);
  let progress: Progress | undefined;
  try {
    return await download(file, folder, {
      onProgress(bytes) {
        // What came in an earlier call does not count towards the speed.
        progress ??= createProgress({
          total: kilobytes(file.bytes),
          start: kilobytes(bytes),
          label: `${file.name}, kB`,
        });
        progress.update(kilobytes(bytes));
      },
    });
  } finally {
    progress?.stop();
  }
}

async function check(sets: string[], { json = false }: { json?: boolean }): Promise<void> {
  const specs = sets.length > 0 ? sets : [...catalogue.keys()].flatMap(presentSpecs);
  for (const spec of specs) {
    try {
      const { official } = catalogueEntry(parseDataSpec(spec).name);
      const facts = inspectDataset(await loadDataset(spec), official);
      console.log(
        json ? JSON.stringify({ spec, ...facts }) : `${spec}: ${facts.name}\n${formatFacts(facts)}`,
      );
    } catch (error) {
      process.exitCode = 1;
      console.error(`error: ${spec}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** How the copies of a set that are here are named: the shipped one, and the fetched one. */
function presentSpecs(name: string): string[] {
  const { shipped } = catalogueEntry(name);
  return [
    ...(shipped ? [name] : []),
    ...(isFetched(name) ? [shipped ? `${name}:${fetchedFolder(name)}` : name] : []),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MiB`;
}
