/** From what a person writes after `--data` to a data set in memory. */
import { catalogueEntry, isFetched } from './catalogue.ts';
import type { Dataset } from './image-set.ts';
import { expandHome, fetchedFolder, shippedFolder } from './locate.ts';

/** What a specification says. */
export interface DataSpec {
  readonly name: string;
  /** Where its files are. */
  readonly path: string;
}

/**
 * Takes a specification apart: `NAME:PATH`, or NAME alone for the set as shipped with regrad or else as fetched. Throws a
 * sentence for an unknown name, or a set that is neither shipped nor fetched.
 */
export function parseDataSpec(spec: string): DataSpec {
  const colon = spec.indexOf(':');
  const name = colon === -1 ? spec : spec.slice(0, colon);
  const path = colon === -1 ? undefined : spec.slice(colon + 1);
  const { shipped } = catalogueEntry(name);
  if (path === '') {
    throw new Error(`Data set "${spec}" needs the folder of its files: ${name}:DIR.`);
  }
  if (path !== undefined) return { name, path: expandHome(path) };
  if (shipped) return { name, path: shippedFolder(name) };
  if (isFetched(name)) return { name, path: fetchedFolder(name) };
  throw new Error(
    `Data set "${name}" is not shipped, and not in ${fetchedFolder(name)} either: run regrad data fetch ${name}, ` +
      `or name the folder of its files: ${name}:DIR.`,
  );
}

/**
 * Loads a data set: `optdigits` or `fashion-mnist` (a subset of it) as shipped with regrad, another that was fetched by its
 * name, or `NAME:PATH` with PATH the folder of its official files (for CIFAR and Tiny-ImageNet also the archive).
 *
 * The labels and sizes in the files are checked; any fault throws an Error that names the file and the cure.
 * PyTorch counterpart: `torchvision.datasets`. The sets of the paper are CIFAR-10 and CIFAR-100 (section 4).
 */
export async function loadDataset(spec: string): Promise<Dataset> {
  const { name, path } = parseDataSpec(spec);
  return catalogueEntry(name).load(path);
}
