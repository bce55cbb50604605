/**
 * MNIST and sets in its format: IDX files, plain or gzip, named `train-images-idx3-ubyte` or, as some unpack them,
 * `train-images.idx3-ubyte`. All numbers are big-endian:
 *
 *     images   2051, count, height, width (32 bits each), then the pixels, image by image, row by row
 *     labels   2049, count (32 bits each), then one byte per label
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes } from '../files.ts';
import { digitClasses, fashionClasses } from './class-names.ts';
import { channelStatistics, checkImageSet, type Dataset, type ImageSet } from './image-set.ts';
import { listFolder } from './locate.ts';

/** MNIST from a folder with its four files. Mean and deviation are computed from the training images. */
export function loadMnist(folder: string): Promise<Dataset> {
  return load(
    'MNIST',
    folder,
    digitClasses,
    'Y. LeCun, C. Cortes, C. Burges; commonly given as CC BY-SA 3.0.',
  );
}

/** Fashion-MNIST from a folder with its four files. Mean and deviation are computed from the training images. */
export function loadFashionMnist(folder: string): Promise<Dataset> {
  return load('Fashion-MNIST', folder, fashionClasses, 'MIT licence, copyright 2017 Zalando SE.');
}

async function load(
  name: string,
  folder: string,
  classNames: readonly string[],
  terms: string,
): Promise<Dataset> {
  // Some unpack each file into a folder of its name.
  const present = (await listFolder(folder, name)).filter((file) => isFile(join(folder, file)));
  const readPart = async (prefix: string, part: string): Promise<ImageSet> => {
    const what = `${name}, ${part}`;
    const files = findPair(present, prefix, folder, what);
    const { shape, images, count } = parseImages(await readBytes(files.images, what), files.images);
    const labels = parseLabels(await readBytes(files.labels, what), files.labels);
    return checkImageSet({
      name: what,
      classes: classNames.length,
      classNames,
      shape,
      images,
      labels,
      count,
      scale: 255,
    });
  };
  const train = await readPart('train', 'training images');
  const test = await readPart('t10k', 'test images');
  if (train.shape.join() !== test.shape.join()) {
    throw new Error(
      `${name}: training images are [${train.shape.join(', ')}], but test images are [${test.shape.join(', ')}]; ` +
        `the files in ${folder} do not belong together.`,
    );
  }
  return { name, train, test, ...channelStatistics(train), terms };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Paths of the images' and the labels' file of one part: the official names first, then those of a cut-down set. */
function findPair(present: readonly string[], prefix: string, folder: string, what: string) {
  const find = (pattern: string): string | undefined =>
    present.find((name) => new RegExp(`^${pattern}$`).test(name));
  for (const stem of [prefix, `${prefix}-\\d+`]) {
    const images = find(`${stem}-images[-.]idx3-ubyte(\\.gz)?`);
    const labels =
      images && find(`${images.slice(0, images.indexOf('-images'))}-labels[-.]idx1-ubyte(\\.gz)?`);
    if (images && labels) {
      return { images: join(folder, images), labels: join(folder, labels) };
    }
  }
  throw new Error(
    `${what}: looked in ${folder} for ${prefix}-images-idx3-ubyte and ${prefix}-labels-idx1-ubyte, plain or .gz ` +
      `(or ${prefix}-COUNT-images-… and ${prefix}-COUNT-labels-…, a cut-down set), but found no such pair.`,
  );
}

/** Reads IDX images of one channel. `origin` names the file in errors. */
function parseImages(bytes: Uint8Array, origin: string): Pick<ImageSet, 'shape' | 'images' | 'count'> {
  const [count, height, width] = readHeader(bytes, origin, 2051, 3, 'images');
  if (count > 0 && height * width === 0) {
    throw new Error(`${origin}: the header announces images of ${height} × ${width} pixels.`);
  }
  return { shape: [1, height, width], images: readBody(bytes, origin, 16, count * height * width), count };
}

/** Reads IDX labels. `origin` names the file in errors. */
function parseLabels(bytes: Uint8Array, origin: string): Uint8Array {
  const [count] = readHeader(bytes, origin, 2049, 1, 'labels');
  return readBody(bytes, origin, 8, count);
}

function readHeader(bytes: Uint8Array, origin: string, magic: number, dims: number, what: string): number[] {
  const length = 4 + 4 * dims;
  if (bytes.length < length) {
    throw new Error(
      `${origin}: an IDX file of ${what} begins with ${length} bytes of header, but there are ${bytes.length}; ` +
        'the file is cut off or empty.',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const found = view.getUint32(0);
  if (found !== magic) {
    throw new Error(
      `${origin}: an IDX file of ${what} begins with the number ${magic}, but this one begins with ${found}; ` +
        'it is not an IDX file of this kind.',
    );
  }
  return Array.from({ length: dims }, (_, dim) => view.getUint32(4 + 4 * dim));
}

function readBody(bytes: Uint8Array, origin: string, start: number, size: number): Uint8Array {
  const found = bytes.length - start;
  if (found !== size) {
    throw new Error(
      `${origin}: the header announces ${size} bytes, but ${found} follow it; ` +
        `the file is ${found < size ? 'cut off' : 'longer than it should be, hence damaged'}.`,
    );
  }
  return bytes.subarray(start);
}
