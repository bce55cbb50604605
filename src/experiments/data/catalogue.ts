/** All data sets there are: how each is loaded, whether it is shipped, and how large the official set is. */
import { readdirSync, statSync } from 'node:fs';
import { loadCifar10, loadCifar100 } from './cifar.ts';
import { loadFashionMnist, loadMnist } from './idx.ts';
import type { Dataset } from './image-set.ts';
import { fetchedFolder } from './locate.ts';
import { type OfficialFile, officialFiles } from './official-files.ts';
import { loadOptdigits } from './optdigits.ts';
import { loadSvhn } from './svhn.ts';
import { loadTinyImagenet } from './tiny-imagenet.ts';

export interface CatalogueEntry {
  /** From a folder with the official files; an archive will do for CIFAR and Tiny-ImageNet. */
  readonly load: (path: string) => Promise<Dataset>;
  readonly shipped: boolean;
  /** Images in the whole official set. */
  readonly official: { readonly train: number; readonly test: number };
  readonly files: readonly OfficialFile[];
}

function entry(
  name: keyof typeof officialFiles,
  load: CatalogueEntry['load'],
  train: number,
  test: number,
  shipped = false,
): [string, CatalogueEntry] {
  return [name, { load, shipped, official: { train, test }, files: officialFiles[name] }];
}

export const catalogue: ReadonlyMap<string, CatalogueEntry> = new Map([
  entry('optdigits', loadOptdigits, 3823, 1797, true),
  entry('fashion-mnist', loadFashionMnist, 60000, 10000, true),
  entry('mnist', loadMnist, 60000, 10000),
  entry('cifar10', loadCifar10, 50000, 10000),
  entry('cifar100', loadCifar100, 50000, 10000),
  entry('svhn', loadSvhn, 73257, 26032),
  entry('tiny-imagenet', loadTinyImagenet, 100000, 10000),
]);

/** The entry of that name. Throws a sentence that lists what there is. */
export function catalogueEntry(name: string): CatalogueEntry {
  const found = catalogue.get(name);
  if (found === undefined) {
    throw new Error(`Unknown data set "${name}"; choose one of ${[...catalogue.keys()].join(', ')}.`);
  }
  return found;
}

/** Whether something lies where `regrad data fetch` puts the set, be it fetched or put there by hand. */
export function isFetched(name: string): boolean {
  const folder = fetchedFolder(name);
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder && readdirSync(folder).some((file) => !file.includes('.part'));
}
