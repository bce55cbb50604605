/**
 * CIFAR-10 and CIFAR-100, binary version. A file is records and nothing else:
 *
 *     CIFAR-10    label (0 … 9), then 1,024 red, 1,024 green, 1,024 blue bytes, each plane row by row
 *     CIFAR-100   coarse label (0 … 19), fine label (0 … 99), then the same
 *
 * The count comes from the file's length, so a cut-down set in this layout loads too; a file cut off exactly between two
 * records cannot be told from it.
 */
import { cifar10Classes, cifar100Classes } from './class-names.ts';
import { type FileTree, requireFiles, withTree } from './file-tree.ts';
import type { Dataset, ImageSet } from './image-set.ts';

interface Layout {
  name: string;
  folder: string;
  archive: string;
  trainFiles: readonly string[];
  testFile: string;
  classNames: readonly string[];
  /** Labels before the pixels; the last one is used. */
  labelBytes: number;
  mean: readonly number[];
  std: readonly number[];
  releasedSelection: Dataset['releasedSelection'];
}

const pixelBytes = 3 * 32 * 32;

// The constants are those of the paper's code. Its CIFAR-10 std is smaller than that of the pixels (about 0.247):
// it is the mean of the images' own deviations, in wide use.
const cifar10: Layout = {
  name: 'CIFAR-10',
  folder: 'cifar-10-batches-bin',
  archive: 'cifar-10-binary.tar.gz',
  trainFiles: [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`),
  testFile: 'test_batch.bin',
  classNames: cifar10Classes,
  labelBytes: 1,
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.2023, 0.1994, 0.201],
  releasedSelection: 'test',
};

const cifar100: Layout = {
  name: 'CIFAR-100',
  folder: 'cifar-100-binary',
  archive: 'cifar-100-binary.tar.gz',
  trainFiles: ['train.bin'],
  testFile: 'test.bin',
  classNames: cifar100Classes,
  labelBytes: 2,
  mean: [0.5070751592371323, 0.48654887331495095, 0.4409178433670343],
  std: [0.2673342858792401, 0.2564384629170883, 0.27615047132568404],
  releasedSelection: 'held-out',
};

/** CIFAR-10 from its folder or archive (see `withTree`). Normalised by the constants of the paper's code. */
export function loadCifar10(path: string): Promise<Dataset> {
  return load(cifar10, path);
}

/** CIFAR-100 with its fine labels, from its folder or archive. Normalised by the constants of the paper's code. */
export function loadCifar100(path: string): Promise<Dataset> {
  return load(cifar100, path);
}

function load(layout: Layout, path: string): Promise<Dataset> {
  const { name, mean, std, trainFiles, testFile, releasedSelection } = layout;
  return withTree(path, name, layout, async (tree) => {
    await requireFiles(tree, [...trainFiles, testFile], name);
    return {
      name,
      train: await readPart(layout, tree, trainFiles, 'training images'),
      test: await readPart(layout, tree, [testFile], 'test images'),
      mean,
      std,
      releasedSelection,
      terms:
        'No licence is stated by the authors, who ask for a citation of A. Krizhevsky, ' +
        '"Learning Multiple Layers of Features from Tiny Images", 2009.',
    };
  });
}

async function readPart(
  layout: Layout,
  tree: FileTree,
  files: readonly string[],
  part: string,
): Promise<ImageSet> {
  const name = `${layout.name}, ${part}`;
  const contents: Uint8Array[] = [];
  for (const file of files) {
    contents.push(await readRecords(layout, tree, file, name));
  }
  const { labelBytes, classNames } = layout;
  const record = labelBytes + pixelBytes;
  const count = contents.reduce((sum, bytes) => sum + bytes.length / record, 0);
  const images = new Uint8Array(count * pixelBytes);
  const labels = new Uint8Array(count);
  let n = 0;
  for (const bytes of contents) {
    for (let at = labelBytes; at < bytes.length; at += record, n++) {
      labels[n] = bytes[at - 1];
      images.set(bytes.subarray(at, at + pixelBytes), n * pixelBytes);
    }
  }
  return {
    name,
    classes: classNames.length,
    classNames,
    shape: [3, 32, 32],
    images,
    labels,
    count,
    scale: 255,
  };
}

/** A file's bytes, known to be whole records with labels in range. */
async function readRecords(
  { labelBytes, classNames }: Layout,
  tree: FileTree,
  file: string,
  what: string,
): Promise<Uint8Array> {
  const path = tree.label(file);
  const bytes = await tree.read(file, what);
  const record = labelBytes + pixelBytes;
  if (bytes.length === 0) {
    throw new Error(`${path}: the file is empty; it should hold records of ${record} bytes.`);
  }
  if (bytes.length % record !== 0) {
    throw new Error(
      `${path}: ${bytes.length} bytes are ${Math.floor(bytes.length / record)} records of ${record} bytes and ` +
        `${bytes.length % record} bytes more; the file is cut off or of another kind.`,
    );
  }
  for (let at = labelBytes - 1; at < bytes.length; at += record) {
    if (bytes[at] >= classNames.length) {
      throw new Error(
        `${path}: record ${Math.floor(at / record)} has label ${bytes[at]}, ` +
          `but labels go from 0 to ${classNames.length - 1}; the file is damaged or of another kind.`,
      );
    }
  }
  return bytes;
}
