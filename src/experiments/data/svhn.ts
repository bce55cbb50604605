/**
 * SVHN, cropped digits: `train_32x32.mat` and `test_32x32.mat`. Each is a MATLAB v5 file with
 *
 *     X   32 × 32 × 3 × count bytes, column-major: row fastest, then column, channel, image
 *     y   count labels of any numeric type, from 1 to 10; the digit 0 has 10
 */
import { join } from 'node:path';
import { readBytes } from '../files.ts';
import { digitClasses } from './class-names.ts';
import { channelStatistics, checkImageSet, type Dataset, type ImageSet } from './image-set.ts';
import { listFolder } from './locate.ts';
import { type MatArray, parseMat } from './mat.ts';

const size = 32;
const plane = size * size;
const channels = 3;

/** SVHN from a folder with both files. Mean and deviation are computed from the training images. */
export async function loadSvhn(folder: string): Promise<Dataset> {
  const files = { train: 'train_32x32.mat', test: 'test_32x32.mat' };
  const present = await listFolder(folder, 'SVHN');
  const missing = Object.values(files).filter((file) => !present.includes(file));
  if (missing.length > 0) {
    throw new Error(
      `SVHN: ${folder} should hold ${files.train} and ${files.test}, but has no ${missing.join(', ')}.`,
    );
  }
  const readPart = async (file: string, part: string): Promise<ImageSet> => {
    const name = `SVHN, ${part}`;
    const origin = join(folder, file);
    return parseDigits(await parseMat(await readBytes(origin, name), origin), name, origin);
  };
  const train = await readPart(files.train, 'training images');
  const test = await readPart(files.test, 'test images');
  return {
    name: 'SVHN',
    train,
    test,
    ...channelStatistics(train),
    terms: 'For non-commercial use only; Y. Netzer et al., Reading Digits in Natural Images, 2011.',
  };
}

function parseDigits(arrays: Map<string, MatArray>, name: string, origin: string): ImageSet {
  const [X, y] = ['X', 'y'].map((key) => {
    const array = arrays.get(key);
    if (array === undefined) {
      const found = [...arrays.keys()].join(', ') || 'none';
      throw new Error(`${origin}: it should hold the arrays X and y, but has no ${key} (found: ${found}).`);
    }
    return array;
  });
  const [height, width, depth, count = 1] = X.dims;
  if (X.dims.length > 4 || height !== size || width !== size || depth !== channels) {
    throw new Error(
      `${origin}: X should be ${size} × ${size} × ${channels} × images, but is ${X.dims.join(' × ')}; ` +
        'the file is of another kind.',
    );
  }
  if (!(X.values instanceof Uint8Array)) {
    throw new Error(`${origin}: the pixels in X should be unsigned bytes, but are of another type.`);
  }
  const wrong = y.values.findIndex(
    (label: number) => !(Number.isInteger(label) && label >= 1 && label <= 10),
  );
  if (wrong !== -1) {
    throw new Error(`${origin}: label ${wrong} is ${y.values[wrong]}, but labels go from 1 to 10.`);
  }
  return checkImageSet({
    name,
    classes: digitClasses.length,
    classNames: digitClasses,
    shape: [channels, size, size],
    images: transposePlanes(X.values),
    labels: Uint8Array.from(y.values, (label) => label % 10),
    count,
    scale: 255,
  });
}

/** Turns every plane from column after column to row after row; the planes themselves are in order already. */
function transposePlanes(pixels: Uint8Array): Uint8Array {
  const turned = new Uint8Array(pixels.length);
  for (let start = 0; start < pixels.length; start += plane) {
    for (let column = 0; column < size; column++) {
      for (let row = 0; row < size; row++) {
        turned[start + row * size + column] = pixels[start + column * size + row];
      }
    }
  }
  return turned;
}
