/** SVHN and the MATLAB v5 reader: files by SciPy and written by hand, sound and faulty. */
import { readFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import { parseMat } from '../src/experiments/data/mat.ts';
import {
  type MatType,
  matArray,
  matElement,
  matFile,
  matTypeNames,
  svhnFile,
  svhnPixel,
  svhnPixels,
} from './data-archives.ts';
import { makeFolder, put } from './data-files.ts';

async function makeSvhn(train: Uint8Array | string, test: Uint8Array = svhnFile([10])): Promise<string> {
  const folder = await makeFolder();
  await put(folder, 'train_32x32.mat', train);
  await put(folder, 'test_32x32.mat', test);
  return folder;
}

describe('SVHN', () => {
  it.each([
    ['little-endian', { little: true }],
    ['big-endian', { little: false }],
    ['compressed', { compressed: true }],
    ['compressed, big-endian', { compressed: true, little: false }],
  ])('is read from %s files, rows and columns the right way round', async (_, options) => {
    const folder = await makeSvhn(svhnFile([1, 10, 9], options), svhnFile([4], options));
    const { train, test, mean } = await loadDataset(`svhn:${folder}`);
    expect([train.shape, train.count, Array.from(train.labels)]).toEqual([[3, 32, 32], 3, [1, 0, 9]]);
    expect([test.count, Array.from(test.labels), test.classNames[4]]).toEqual([1, [4], '4']);
    for (const [n, channel, row, column] of [
      [0, 0, 0, 1],
      [0, 0, 1, 0],
      [1, 2, 7, 30],
      [2, 1, 31, 5],
    ]) {
      const at = ((n * 3 + channel) * 32 + row) * 32 + column;
      expect(train.images[at]).toBe(svhnPixel(row, column, channel, n));
    }
    const red = Array.from({ length: 3 }, (_, n) => train.images.subarray(3072 * n, 3072 * n + 1024));
    const sum = red.flatMap((plane) => [...plane]).reduce((a, b) => a + b, 0);
    expect(mean[0]).toBeCloseTo(sum / 3072 / 255, 12);
  });

  it('is read from a file that SciPy wrote', async () => {
    const folder = await makeSvhn(await readFile('test/fixtures/scipy-1.17-compressed.mat'));
    const { train } = await loadDataset(`svhn:${folder}`);
    // SciPy stored the labels as double.
    expect(Array.from(train.labels)).toEqual([0, 7]);
    // Row 31, column 2, blue, image 1: by the formula that made the file.
    expect(train.images[3072 + 2 * 1024 + 31 * 32 + 2]).toBe((31 + 3 * 2 + 70 * 2 + 5) % 256);
  });

  it.each(matTypeNames)('may have labels of type %s', async (type) => {
    const folder = await makeSvhn(svhnFile([3, 10], { type }));
    expect(Array.from((await loadDataset(`svhn:${folder}`)).train.labels)).toEqual([3, 0]);
  });

  it('may have one image, whose last dim MATLAB drops, and labels in a narrower type', async () => {
    const X = matArray('X', 'uint8', [32, 32, 3], svhnPixels(1));
    const y = matArray('y', 'double', [1, 1], [8], { stored: 'uint8' });
    const folder = await makeSvhn(matFile([y, X]));
    expect(Array.from((await loadDataset(`svhn:${folder}`)).train.labels)).toEqual([8]);
  });

  const sound = svhnFile([1, 2]);
  const packed = svhnFile([1, 2], { compressed: true });
  const X = matArray('X', 'uint8', [32, 32, 3, 2], svhnPixels(2));
  const y = (type: MatType, ...labels: number[]) => matArray('y', type, [labels.length, 1], labels);
  const damaged = packed.map((byte, i) => (i > 300 && i < 310 ? byte ^ 0xff : byte));

  it.each<[string, Uint8Array | string, RegExp]>([
    ['an empty file', '', /begins with 128 bytes .* cut off or of another kind/],
    ['a text', 'x'.repeat(300), /MATLAB v5 file begins with 128 bytes .* it is of another kind/],
    ['an HDF5 file', 'MATLAB 7.3 MAT-file, Platform'.padEnd(600), /MATLAB 7.3 file \(HDF5\); save it again/],
    ['a cut-off header', sound.subarray(0, 100), /cut off or of another kind/],
    [
      'a cut-off array',
      sound.subarray(0, 5000),
      /should have \d+ bytes, but 4864 are left; .* cut off or damaged/,
    ],
    [
      'a cut-off compressed array',
      packed.subarray(0, 400),
      /should have \d+ bytes, but 264 are left; .* cut off/,
    ],
    ['a cut-off tag', sound.subarray(0, 132), /should have 8 bytes, but 4 are left/],
    ['damaged zlib data', damaged, /its compressed data are damaged \(.*\); fetch it again/],
    [
      'zlib data that end early',
      matFile([matElement(15, deflateSync(X).subarray(0, 300))]),
      /compressed data are damaged \(unexpected end of file\)/,
    ],
    [
      'zlib data of half an array',
      matFile([matElement(15, deflateSync(X.subarray(0, 2000)))]),
      /should have \d+ bytes, but 1992 are left/,
    ],
    ['no arrays', matFile([]), /should hold the arrays X and y, but has no X \(found: none\)/],
    ['no labels', matFile([X]), /has no y \(found: X\)/],
    ['other names', matFile([matArray('x', 'uint8', [1, 1], [1])]), /has no X \(found: x\)/],
    [
      'images of another size',
      matFile([matArray('X', 'uint8', [28, 28, 3, 1], Array(2352).fill(0)), y('uint8', 1)]),
      /X should be 32 × 32 × 3 × images, but is 28 × 28 × 3 × 1/,
    ],
    [
      'images before channels',
      matFile([matArray('X', 'uint8', [2, 32, 32, 3], svhnPixels(2)), y('uint8', 1, 2)]),
      /but is 2 × 32 × 32 × 3; the file is of another kind/,
    ],
    [
      'pixels as numbers',
      matFile([matArray('X', 'double', [32, 32, 3, 1], svhnPixels(1)), y('uint8', 1)]),
      /pixels in X should be unsigned bytes/,
    ],
    [
      'fewer pixels than its dims say',
      matFile([matArray('X', 'uint8', [32, 32, 3, 3], svhnPixels(2)), y('uint8', 1, 2, 3)]),
      /array X of 32 × 32 × 3 × 3 should have 9216 values, but has 6144/,
    ],
    ['fewer labels', matFile([X, y('uint8', 1)]), /2 images came with 1 labels/],
    ['the label 0', matFile([X, y('uint8', 1, 0)]), /label 1 is 0, but labels go from 1 to 10/],
    ['the label 11', matFile([X, y('int16', 11, 1)]), /label 0 is 11/],
    ['half a label', matFile([X, y('double', 1, 1.5)]), /label 1 is 1.5/],
    ['no number for a label', matFile([X, y('double', Number.NaN, 1)]), /label 0 is NaN/],
    [
      'an unknown type of numbers',
      matFile([
        matElement(
          14,
          Buffer.concat([matElement(6, new Uint8Array(8).fill(9, 0, 1)), matElement(99, new Uint8Array(16))]),
        ),
      ]),
      /numbers of the unknown type 99/,
    ],
    [
      'a short element that is too long',
      matFile([Uint8Array.of(2, 0, 9, 0, 1, 2, 3, 4)]),
      /a short element claims 9 bytes, but 4 fit/,
    ],
    [
      'no images',
      matFile([matArray('X', 'uint8', [32, 32, 3, 0], []), matArray('y', 'uint8', [0, 1], [])]),
      /no images in it/,
    ],
  ])('explains a file with %s', async (_, content, sentence) => {
    const folder = await makeSvhn(content);
    const error: Error = await loadDataset(`svhn:${folder}`).then(
      () => new Error('It was accepted.'),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(sentence);
    expect(error.message).toMatch(/train_32x32\.mat|SVHN, training images/);
  });

  it('explains a missing file', async () => {
    const folder = await makeFolder();
    await put(folder, 'train_32x32.mat', sound);
    await expect(loadDataset(`svhn:${folder}`)).rejects.toThrow(
      /should hold train_32x32.mat and test_32x32.mat, but has no test_32x32.mat/,
    );
  });
});

describe('parseMat', () => {
  it('passes over what is no real numeric array', async () => {
    const struct = matElement(14, Buffer.concat([matElement(6, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0))]));
    const complex = matElement(14, Buffer.concat([matElement(6, Uint8Array.of(6, 8, 0, 0, 0, 0, 0, 0))]));
    const found = await parseMat(matFile([struct, matArray('a', 'int8', [1, 2], [-1, 5]), complex]), 'it');
    expect([...found]).toEqual([['a', { dims: [1, 2], values: [-1, 5] }]]);
  });

  it('passes over a few bytes behind the last array', async () => {
    const whole = matFile([matArray('a', 'uint8', [1, 1], [7])]);
    for (const rest of [[0], [10], [26], [0, 0], [13, 10], [0, 0, 0, 0, 0, 0, 0]]) {
      const found = await parseMat(Buffer.concat([whole, Uint8Array.from(rest)]), 'it');
      expect([...found.keys()]).toEqual(['a']);
    }
  });

  it('never takes a cut-off file for a whole one', async () => {
    const whole = matFile([
      matArray('a', 'uint16', [2, 2], [1, 2, 3, 4]),
      matArray('b', 'uint8', [1, 1], [7]),
    ]);
    const names = async (length: number) =>
      parseMat(whole.subarray(0, length), 'it').then(
        (arrays) => [...arrays.keys()].join(),
        (error: Error) => error.message.replace(/:.*/s, ''),
      );
    // Only between two elements can a cut not be seen.
    const border = 128 + matArray('a', 'uint16', [2, 2], [1, 2, 3, 4]).length;
    for (let length = 0; length < whole.length; length++) {
      const expected = { 128: '', [border]: 'a' }[length] ?? 'it';
      expect(await names(length), `${length} bytes`).toBe(expected);
    }
    expect(await names(whole.length)).toBe('a,b');
  });
});
