/** From what a person writes after `--data` to a data set in memory. */
import { loadCifar10, loadCifar100 } from './cifar.ts';
import { loadFashionMnist, loadMnist } from './idx.ts';
import type { Dataset } from './image-set.ts';
import { expandHome, shippedFolder } from './locate.ts';
import { loadOptdigits } from './optdigits.ts';

const loaders: Record<string, { load: (folder: string) => Promise<Dataset>; shipped: boolean }> = {
  optdigits: { load: loadOptdigits, shipped: true },
  'fashion-mnist': { load: loadFashionMnist, shipped: true },
  mnist: { load: loadMnist, shipped: false },
  cifar10: { load: loadCifar10, shipped: false },
  cifar100: { load: loadCifar100, shipped: false },
};

/**
 * Loads a data set: `optdigits` or `fashion-mnist` (a subset of it) as shipped with regrad, or `NAME:DIR` with NAME one of
 * optdigits, fashion-mnist, mnist, cifar10, cifar100 and DIR the folder of its official files.
 *
 * The labels and sizes in the files are checked; any fault throws an Error that names the file and the cure.
 * PyTorch counterpart: `torchvision.datasets`. The sets of the paper are CIFAR-10 and CIFAR-100 (section 4).
 */
export async function loadDataset(spec: string): Promise<Dataset> {
  const colon = spec.indexOf(':');
  const name = colon === -1 ? spec : spec.slice(0, colon);
  const folder = colon === -1 ? '' : spec.slice(colon + 1);
  if (!Object.hasOwn(loaders, name)) {
    throw new Error(`Unknown data set "${spec}"; choose one of ${choices().join(', ')}.`);
  }
  const { load, shipped } = loaders[name];
  if (folder !== '') {
    return load(expandHome(folder));
  }
  if (colon !== -1 || !shipped) {
    throw new Error(`Data set "${spec}" needs the folder of its files: ${name}:DIR.`);
  }
  return load(shippedFolder(name));
}

function choices(): string[] {
  return Object.entries(loaders).flatMap(([name, { shipped }]) =>
    shipped ? [name, `${name}:DIR`] : [`${name}:DIR`],
  );
}
