import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ImageSet } from '../src/experiments/data/image-set.ts';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import {
  idxImages,
  idxLabels,
  makeFolder,
  pixel,
  put,
  putCifar10,
  putCifar100,
  putMnist,
  putOptdigits,
} from './data-files.ts';

describe('the data shipped with regrad', () => {
  it('has the whole of optdigits', async () => {
    const { train, test, mean, std, terms } = await loadDataset('optdigits');
    expect([train.count, test.count, train.shape, train.scale]).toEqual([3823, 1797, [1, 8, 8], 16]);
    const perClass = (set: ImageSet) =>
      set.classNames.map((_, k) => set.labels.filter((l) => l === k).length);
    // The class counts that its authors state.
    expect(perClass(train)).toEqual([376, 389, 380, 389, 387, 376, 377, 387, 380, 382]);
    expect(perClass(test)).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    expect(Array.from(train.images.subarray(0, 8))).toEqual([0, 1, 6, 15, 12, 1, 0, 0]);
    // Computed by NumPy.
    expect(mean[0]).toBeCloseTo(0.30774823028380854, 12);
    expect(std[0]).toBeCloseTo(0.3772803491002184, 12);
    expect(terms).toContain('Alpaydin');
  });

  it('has a balanced subset of Fashion-MNIST', async () => {
    const { train, test, terms } = await loadDataset('fashion-mnist');
    expect([train.count, test.count, train.shape, train.scale]).toEqual([3000, 1000, [1, 28, 28], 255]);
    for (let k = 0; k < 10; k++) {
      expect(train.labels.filter((label) => label === k).length).toBe(300);
      expect(test.labels.filter((label) => label === k).length).toBe(100);
    }
    expect(Array.from(train.labels.subarray(0, 4), (label) => train.classNames[label])).toEqual([
      'T-shirt/top',
      'T-shirt/top',
      'Coat',
      'Dress',
    ]);
    expect(terms).toContain('MIT');
  });
});

describe('loadDataset', () => {
  it('reads CIFAR-10 from its folder and from the one above', async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    const { train, test, mean, std } = await loadDataset(`cifar10:${folder}`);
    expect(Array.from(train.labels)).toEqual([1, 8, 2, 7, 3, 6, 4, 5, 5, 4]);
    expect(Array.from(test.labels)).toEqual([3, 0, 9]);
    expect([train.shape, train.count, train.classNames[3]]).toEqual([[3, 32, 32], 10, 'cat']);
    for (const n of [0, 1, 9]) {
      const image = train.images.subarray(3072 * n, 3072 * (n + 1));
      expect([image[0], image[1024], image[3071]]).toEqual([pixel(n, 0), pixel(n, 1024), pixel(n, 3071)]);
    }
    expect([mean[2], std[2]]).toEqual([0.4465, 0.201]);

    const above = await makeFolder();
    await rename(folder, join(above, 'cifar-10-batches-bin'));
    await mkdir(folder);
    expect((await loadDataset(`cifar10:${above}`)).train.images).toEqual(train.images);
  });

  it('reads the fine labels of CIFAR-100', async () => {
    const folder = await makeFolder();
    await putCifar100(folder);
    const { train, test } = await loadDataset(`cifar100:${folder}`);
    expect(Array.from(train.labels)).toEqual([19, 99]);
    expect([train.classes, test.classNames[test.labels[0]], train.classNames[19]]).toEqual([
      100,
      'mountain',
      'cattle',
    ]);
    expect(test.images[1024]).toBe(pixel(7, 1024));
  });

  it('reads IDX files, plain and gzip, and takes mean and deviation from the training part', async () => {
    const folder = await makeFolder();
    await putMnist(folder);
    const { train, test, mean, std } = await loadDataset(`mnist:${folder}`);
    expect([train.shape, Array.from(train.labels), Array.from(test.labels)]).toEqual([
      [1, 2, 4],
      [7, 0, 9],
      [1, 2],
    ]);
    expect(Array.from(test.images)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(mean[0]).toBeCloseTo(11.5 / 255, 12);
    expect(std[0]).toBeCloseTo(Math.sqrt((24 ** 2 - 1) / 12) / 255, 12);
  });

  it('reads IDX files with a dot in their names, beside folders of the official ones', async () => {
    const folder = await makeFolder();
    await mkdir(join(folder, 'train-images-idx3-ubyte'));
    await put(folder, 'train-images.idx3-ubyte', idxImages(1, 2, 4));
    await put(folder, 'train-labels.idx1-ubyte', idxLabels([5]));
    await put(folder, 't10k-images.idx3-ubyte.gz', gzipSync(idxImages(2, 2, 4)));
    await put(folder, 't10k-labels-idx1-ubyte', idxLabels([1, 2]));
    await put(folder, '._t10k-images-idx3-ubyte', 'notes of macOS');
    const { train, test } = await loadDataset(`mnist:${folder}`);
    expect([train, test].map(({ labels }) => Array.from(labels))).toEqual([[5], [1, 2]]);
  });

  it('prefers the official IDX files to a cut-down set beside them', async () => {
    const folder = await makeFolder();
    await putMnist(folder);
    await put(folder, 'train-1-images-idx3-ubyte', idxImages(1, 2, 4));
    await put(folder, 'train-1-labels-idx1-ubyte', idxLabels([5]));
    expect((await loadDataset(`fashion-mnist:${folder}`)).train.count).toBe(3);
    await put(folder, 'train-labels-idx1-ubyte', undefined);
    expect(Array.from((await loadDataset(`fashion-mnist:${folder}`)).train.labels)).toEqual([5]);
  });

  it('reads optdigits from a folder', async () => {
    const folder = await makeFolder();
    await putOptdigits(folder);
    const { train, test } = await loadDataset(`optdigits:${folder}`);
    expect([Array.from(train.labels), Array.from(test.labels)]).toEqual([[4, 9], [0]]);
    expect(Array.from(train.images.subarray(14, 19))).toEqual([14, 15, 16, 0, 1]);
    expect([train.images[63], train.images[127]]).toEqual([16, 3]);
  });
});
