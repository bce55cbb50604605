import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import {
  cifarRecords,
  digitLine,
  idxImages,
  idxLabels,
  makeFolder,
  put,
  putCifar10,
  putCifar100,
  putMnist,
  putOptdigits,
} from './data-files.ts';

describe('loadDataset', () => {
  it.each([
    ['imagenet', /Unknown data set "imagenet"; choose one of optdigits, fashion-mnist, .*cifar100, svhn/],
    ['constructor', /Unknown data set/],
    ['', /Unknown data set ""/],
    ['cifar10', /"cifar10" is not shipped, .*: run regrad data fetch cifar10, or name .*: cifar10:DIR/],
    ['optdigits:', /"optdigits:" needs the folder/],
    ['mnist:/no/such/folder', /MNIST in \/no\/such\/folder: there is no such folder; check the path/],
    ['cifar10:~/no such folder', /CIFAR-10 in \/.*no such folder: there is no such folder/],
  ])('explains the choice "%s"', async (spec, sentence) => {
    // Where nothing was fetched.
    vi.stubEnv('XDG_DATA_HOME', await makeFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(loadDataset(spec)).rejects.toThrow(sentence);
  });

  it('explains a file in place of a folder', async () => {
    const folder = await makeFolder();
    await put(folder, 'train.bin', 'x');
    await expect(loadDataset(`cifar100:${join(folder, 'train.bin')}`)).rejects.toThrow(
      /it is a file, but a folder was expected/,
    );
  });

  const record = cifarRecords([[1]]);
  it.each<[string, string, Uint8Array | string | undefined, RegExp]>([
    [
      'a missing batch',
      'data_batch_4.bin',
      undefined,
      /should hold data_batch_1.bin, .* but has no data_batch_4.bin/,
    ],
    [
      'an empty batch',
      'data_batch_2.bin',
      '',
      /data_batch_2.bin: the file is empty; .* records of 3073 bytes/,
    ],
    [
      'a cut-off batch',
      'test_batch.bin',
      record.subarray(0, 3000),
      /test_batch.bin: 3000 bytes are 0 records .* cut off/,
    ],
    [
      'bytes too many',
      'data_batch_1.bin',
      new Uint8Array(3075),
      /are 1 records of 3073 bytes and 2 bytes more/,
    ],
    [
      'a wrong label',
      'data_batch_5.bin',
      cifarRecords([[2], [10]]),
      /record 1 has label 10, but labels go from 0 to 9/,
    ],
  ])('explains CIFAR-10 with %s', async (_, file, content, sentence) => {
    const folder = await makeFolder();
    await putCifar10(folder);
    await put(folder, file, content);
    await expect(loadDataset(`cifar10:${folder}`)).rejects.toThrow(sentence);
  });

  it.each<[string, string, Uint8Array | undefined, RegExp]>([
    [
      'a missing file',
      'test.bin',
      undefined,
      /CIFAR-100: .* should hold train.bin, test.bin, but has no test.bin/,
    ],
    [
      'a wrong label',
      'train.bin',
      cifarRecords([[19, 100]]),
      /record 0 has label 100, but labels go from 0 to 99/,
    ],
    ['CIFAR-10 records', 'train.bin', record, /records of 3074 bytes .* of another kind/],
  ])('explains CIFAR-100 with %s', async (_, file, content, sentence) => {
    const folder = await makeFolder();
    await putCifar100(folder);
    await put(folder, file, content);
    await expect(loadDataset(`cifar100:${folder}`)).rejects.toThrow(sentence);
  });

  const images = idxImages(3, 2, 4);
  it.each<[string, string, Uint8Array | string | undefined, RegExp]>([
    [
      'missing images',
      'train-images-idx3-ubyte',
      undefined,
      /training images: looked in .* for train-images-idx3-ubyte/,
    ],
    [
      'missing labels',
      't10k-labels-idx1-ubyte.gz',
      undefined,
      /test images: .* t10k-labels-idx1-ubyte, plain or .gz/,
    ],
    [
      'a wrong magic number',
      'train-images-idx3-ubyte',
      idxLabels(Array(20).fill(1)),
      /number 2051, .* begins with 2049/,
    ],
    [
      'images for labels',
      'train-labels-idx1-ubyte',
      images,
      /IDX file of labels begins with the number 2049/,
    ],
    ['no header', 'train-labels-idx1-ubyte', 'abc', /begins with 8 bytes of header, but there are 3/],
    [
      'cut-off images',
      'train-images-idx3-ubyte',
      images.subarray(0, 39),
      /announces 24 bytes, but 23 follow .* cut off/,
    ],
    [
      'bytes too many',
      'train-labels-idx1-ubyte',
      new Uint8Array([...idxLabels([1, 2, 3]), 4]),
      /but 4 follow .* damaged/,
    ],
    ['fewer labels', 'train-labels-idx1-ubyte', idxLabels([1, 2]), /3 images came with 2 labels/],
    ['a wrong label', 'train-labels-idx1-ubyte', idxLabels([1, 10, 2]), /image 1 has label 10, .* 0 to 9/],
    [
      'other test images',
      't10k-images-idx3-ubyte.gz',
      gzipSync(idxImages(2, 4, 4)),
      /\[1, 2, 4\], but test .*\[1, 4, 4\]/,
    ],
    ['images of no width', 'train-images-idx3-ubyte', idxImages(3, 2, 0), /announces images of 2 × 0 pixels/],
    ['no images', 'train-images-idx3-ubyte', idxImages(0, 2, 4), /there are no images in it/],
    [
      'cut-off gzip',
      't10k-images-idx3-ubyte.gz',
      gzipSync(images).subarray(0, 25),
      /gzip data is cut off; fetch/,
    ],
    ['no gzip', 't10k-labels-idx1-ubyte.gz', idxLabels([1, 2]), /not a sound gzip file/],
  ])('explains an MNIST folder with %s', async (_, file, content, sentence) => {
    const folder = await makeFolder();
    await putMnist(folder);
    await put(folder, file, content);
    await expect(loadDataset(`mnist:${folder}`)).rejects.toThrow(sentence);
  });

  it.each<[string, string | undefined, RegExp]>([
    ['no file', undefined, /looked for optdigits.tra or optdigits.tra.gz in .*, but found neither/],
    ['an empty file', '\n', /optdigits.tra: the file is empty/],
    [
      'a cut-off line',
      digitLine(1) + digitLine(2).slice(0, 40),
      /optdigits.tra, line 2: expected 64 .* 17 values; .*cut off/,
    ],
    ['a pixel too bright', digitLine(1, 17), /line 1: value 64 should be a pixel from 0 to 16, but is "17"/],
    ['a negative pixel', digitLine(1, -1), /value 64 .* is "-1"/],
    ['a word', digitLine(1, 'x'), /should be a pixel from 0 to 16, but is "x"/],
    ['an empty value', digitLine(''), /value 65 should be a digit from 0 to 9, but is ""/],
    ['a wrong digit', digitLine(10), /value 65 should be a digit from 0 to 9, but is "10"/],
  ])('explains optdigits with %s', async (_, content, sentence) => {
    const folder = await makeFolder();
    await putOptdigits(folder);
    await put(folder, 'optdigits.tra', content);
    await expect(loadDataset(`optdigits:${folder}`)).rejects.toThrow(sentence);
  });
});
