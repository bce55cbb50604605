/**
 * Optical Recognition of Handwritten Digits (UCI): `optdigits.tra` and `optdigits.tes`, plain or gzip.
 * A line is 65 comma-separated integers: 8 · 8 pixels from 0 to 16, row by row, then the digit.
 */
import { join } from 'node:path';
import { excerpt, readBytes } from '../files.ts';
import { allowedBytes } from '../unpacking.ts';
import { digitClasses } from './class-names.ts';
import { channelStatistics, checkImageSet, type Dataset, type ImageSet } from './image-set.ts';
import { listFolder } from './locate.ts';

const pixels = 64;
const brightest = 16;

/** The digits from a folder with both files. Mean and deviation are computed from the training images. */
export async function loadOptdigits(folder: string): Promise<Dataset> {
  const present = await listFolder(folder, 'optdigits');
  const readPart = async (stem: string, part: string): Promise<ImageSet> => {
    const file = [stem, `${stem}.gz`].find((name) => present.includes(name));
    if (file === undefined) {
      throw new Error(
        `optdigits, ${part}: looked for ${stem} or ${stem}.gz in ${folder}, but found neither.`,
      );
    }
    const name = `optdigits, ${part}`;
    const bytes = await readBytes(join(folder, file), name, allowedBytes.text);
    return parseDigits(new TextDecoder().decode(bytes), name, join(folder, file));
  };
  const train = await readPart('optdigits.tra', 'training images');
  const test = await readPart('optdigits.tes', 'test images');
  return {
    name: 'optdigits',
    train,
    test,
    ...channelStatistics(train),
    terms: 'CC BY 4.0; E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.',
  };
}

/** Reads one file's text. `name` becomes the set's name, `origin` names the file in errors. */
function parseDigits(text: string, name: string, origin: string): ImageSet {
  const lines = text.trimEnd().split(/\r?\n/);
  if (lines[0] === '') {
    throw new Error(`${origin}: the file is empty; it should hold lines of ${pixels} pixels and a digit.`);
  }
  const images = new Uint8Array(lines.length * pixels);
  const labels = new Uint8Array(lines.length);
  lines.forEach((line, n) => {
    const values = line.split(',').map((text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN));
    if (values.length !== pixels + 1) {
      throw new Error(
        `${origin}, line ${n + 1}: expected ${pixels} pixels and a digit, separated by commas, ` +
          `but there are ${values.length} values; the file is cut off or of another kind.`,
      );
    }
    // A comparison with NaN is false, so what is no number is caught too.
    const wrong = values.findIndex(
      (value, i) => !(value <= (i < pixels ? brightest : digitClasses.length - 1)),
    );
    if (wrong !== -1) {
      const expected = wrong < pixels ? `a pixel from 0 to ${brightest}` : 'a digit from 0 to 9';
      throw new Error(
        `${origin}, line ${n + 1}: value ${wrong + 1} should be ${expected}, but is "${excerpt(line.split(',')[wrong])}".`,
      );
    }
    images.set(values.slice(0, pixels), n * pixels);
    labels[n] = values[pixels];
  });
  return checkImageSet({
    name,
    classes: digitClasses.length,
    classNames: digitClasses,
    shape: [1, 8, 8],
    images,
    labels,
    count: lines.length,
    scale: brightest,
  });
}
