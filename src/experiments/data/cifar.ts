/**
 * CIFAR-10 and CIFAR-100, binary version. A file is records and nothing else:
 *
 *     CIFAR-10    label (0 … 9), then 1,024 red, 1,024 green, 1,024 blue bytes, each plane row by row
 *     CIFAR-100   coarse label (0 … 19), fine label (0 … 99), then the same
 *
 * The count comes from the file's length, so a cut-down set in this layout loads too; a file cut off exactly between two
 * records cannot be told from it.
 */
import { join } from 'node:path';
import { readBytes } from '../files.ts';
import { cifar10Classes, cifar100Classes } from './class-names.ts';
import type { Dataset, ImageSet } from './image-set.ts';
import { listFolder, requireFiles } from './locate.ts';

interface Layout {
  name: string;
  folder: string;
  trainFiles: readonly string[];
  testFile: string;
  classNames: readonly string[];
  /** Labels before the pixels; the last one is used. */
  labelBytes: number;
  mean: readonly number[];
  std: readonly number[];
}

const pixelBytes = 3 * 32 * 32;

// The constants are those of the paper's code. Its CIFAR-10 std is smaller than that of the pixels (about 0.247):
// it is the mean of the images' own deviations, in wide use.
const cifar10: Layout = {
  name: 'CIFAR-10',
  folder: 'cifar-10-batches-bin',
  trainFiles: [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`),
  testFile: 'test_batch.bin',
  classNames: cifar10Classes,
  labelBytes: 1,
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.2023, 0.1994, 0.201],
};

const cifar100: Layout = {
  name: 'CIFAR-100',
  folder: 'cifar-100-binary',
  trainFiles: ['train.bin'],
  testFile: 'test.bin',
  classNames: cifar100Classes,
  labelBytes: 2,
  mean: [0.5070751592371323, 0.48654887331495095, 0.4409178433670343],
  std: [0.2673342858792401, 0.2564384629170883, 0.27615047132568404],
};

/** CIFAR-10 from `cifar-10-batches-bin` or the folder that holds it. Normalised by the constants of the paper's code. */
export function loadCifar10(folder: string): Promise<Dataset> {
  return load(cifar10, folder);
}

/** CIFAR-100 with its fine labels, from `cifar-100-binary` or the folder that holds it. */
export function loadCifar100(folder: string): Promise<Dataset> {
  return load(cifar100, folder);
}

async function load(layout: Layout, folder: string): Promise<Dataset> {
  const { name, mean, std, trainFiles, testFile } = layout;
  const inner = (await listFolder(folder, name)).includes(layout.folder)
    ? join(folder, layout.folder)
    : folder;
  await requireFiles(inner, [...trainFiles, testFile], name);
  return {
    name,
    train: await readPart(layout, inner, trainFiles, 'training images'),
    test: await readPart(layout, inner, [testFile], 'test images'),
    mean,
    std,
    terms:
      'No licence is stated by the authors, who ask for a citation of A. Krizhevsky, ' +
      '"Learning Multiple Layers of Features from Tiny Images", 2009.',
  };
}

async function readPart(
  layout: Layout,
  folder: string,
  files: readonly string[],
  part: string,
): Promise<ImageSet> {
  const name = `${layout.name}, ${part}`;
  const contents: Uint8Array[] = [];
  for (const file of files) {
    contents.push(await readRecords(layout, join(folder, file), name));
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
  path: string,
  what: string,
): Promise<Uint8Array> {
  const bytes = await readBytes(path, what);
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
