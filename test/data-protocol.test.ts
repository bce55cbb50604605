/** Which images train, select and are reported on: the paper's protocol, and its released code's. */
import { describe, expect, it } from 'vitest';
import { addTrain } from '../src/cli/train.ts';
import type { Dataset, ImageSet } from '../src/experiments/data/image-set.ts';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import { protocolImages } from '../src/experiments/data/protocol.ts';
import { refusal, regrad } from './command-line.ts';
import { makeFolder, putCifar10, putCifar100 } from './data-files.ts';

/** A set of the official size in which the pixel tells the image's place. */
function officialSize(releasedSelection: Dataset['releasedSelection']): Dataset {
  const part = (name: string, count: number): ImageSet => ({
    name,
    classes: 10,
    classNames: Array.from({ length: 10 }, String),
    shape: [1, 1, 4],
    images: new Uint8Array(Uint32Array.from({ length: count }, (_, n) => n).buffer),
    labels: Uint8Array.from({ length: count }, (_, n) => n % 10),
    count,
    scale: 255,
  });
  const train = part('all', 50_000);
  return {
    name: 'it',
    train,
    test: part('official test', 10_000),
    mean: [0],
    std: [1],
    terms: '',
    releasedSelection,
  };
}

/** Places in the official part of the first and the last image. */
function ends({ images, count }: ImageSet): number[] {
  const view = new DataView(images.buffer, images.byteOffset, images.byteLength);
  return [view.getUint32(0, true), view.getUint32(4 * (count - 1), true)];
}

describe('protocolImages', () => {
  it.each(['test', 'held-out', undefined] as const)(
    'trains on the first 40,000, selects on the rest (%s)',
    (released) => {
      const { train, validation, test } = protocolImages(officialSize(released), 10_000, 'held-out');
      expect([train.count, ...ends(train)]).toEqual([40_000, 0, 39_999]);
      expect([validation.count, ...ends(validation)]).toEqual([10_000, 40_000, 49_999]);
      expect([test.name, test.count]).toEqual(['official test', 10_000]);
    },
  );

  it('swaps as the released code does for CIFAR-10', () => {
    const { train, validation, test } = protocolImages(officialSize('test'), 10_000, 'official');
    expect([train.count, ...ends(train)]).toEqual([40_000, 0, 39_999]);
    expect([validation.name, validation.count]).toEqual(['official test', 10_000]);
    expect([test.count, ...ends(test)]).toEqual([10_000, 40_000, 49_999]);
  });

  it('does not swap where the released code does not, for CIFAR-100', () => {
    const dataset = officialSize('held-out');
    expect(protocolImages(dataset, 10_000, 'official')).toEqual(protocolImages(dataset, 10_000, 'held-out'));
  });

  it('refuses to mimic it for a set that it does not have', () => {
    expect(() => protocolImages(officialSize(undefined), 10_000, 'official')).toThrow(
      /released code has no it, only CIFAR-10 and CIFAR-100; leave out --selection official/,
    );
  });

  it("has the constants of the paper's code", async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    await putCifar100(folder);
    expect(await loadDataset(`cifar10:${folder}`)).toMatchObject({
      mean: [0.4914, 0.4822, 0.4465],
      std: [0.2023, 0.1994, 0.201],
      releasedSelection: 'test',
    });
    expect(await loadDataset(`cifar100:${folder}`)).toMatchObject({
      mean: [0.5070751592371323, 0.48654887331495095, 0.4409178433670343],
      std: [0.2673342858792401, 0.2564384629170883, 0.27615047132568404],
      releasedSelection: 'held-out',
    });
  });
});

describe('regrad train --selection', () => {
  const args = [
    'train',
    '--method',
    'sb',
    '--model',
    'mlp[2]',
    '--batch',
    '2',
    '--lr',
    '0.1',
    '--steps',
    '1',
  ];

  it('official says what it selected and tested on, and notes it', async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    const rest = [
      '--data',
      `cifar10:${folder}`,
      '--out',
      `${folder}/run`,
      '--no-augment',
      '--adapter',
      'reference',
    ];
    const { status, stdout, stderr } = regrad([...args, ...rest, '--selection', 'official']);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(
      /^selected on: CIFAR-10, test images; tested on: CIFAR-10, training images, held out for validation$/m,
    );
  });

  it.each([
    [['--data', 'optdigits', '--selection', 'official'], /released code has no optdigits/],
    [['--data', 'optdigits', '--selection', 'test'], /Allowed choices are held-out, official/],
  ])('%j is refused', async (more, sentence) => {
    expect(await refusal(addTrain, [...args, ...more])).toMatch(sentence);
  });
});
