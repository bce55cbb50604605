/** CIFAR from archives, sound and faulty. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import { tarGz } from './data-archives.ts';
import { cifarRecords, makeFolder, put, putCifar10 } from './data-files.ts';

const records = Object.fromEntries([
  ...[1, 2, 3, 4, 5].map((k) => [`data_batch_${k}.bin`, cifarRecords([[k], [9 - k]], 2 * (k - 1))] as const),
  ['test_batch.bin', cifarRecords([[3], [0], [9]], 50)],
]);
const below = (folder: string) =>
  Object.fromEntries(Object.entries(records).map(([name, bytes]) => [folder + name, bytes]));

describe('CIFAR from an archive', () => {
  it('is what the folder gives', async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    const { train, test } = await loadDataset(`cifar10:${folder}`);
    const other = await makeFolder();
    await put(other, 'cifar-10-binary.tar.gz', await tarGz(below('cifar-10-batches-bin/')));
    await put(other, 'dotted.tar.gz', await tarGz(below('./cifar-10-batches-bin/')));
    await put(other, 'bare.tar.gz', await tarGz(records));
    await put(
      other,
      'plain.tar',
      await packTar(
        Object.entries(records).map(([name, body]) => ({ header: { name, size: body.length }, body })),
      ),
    );
    for (const name of ['', 'dotted.tar.gz', 'bare.tar.gz', 'plain.tar']) {
      const found = await loadDataset(`cifar10:${join(other, name)}`);
      expect([found.train, found.test]).toEqual([train, test]);
    }
  });

  it('of CIFAR-100 has the fine labels', async () => {
    const folder = await makeFolder();
    const files = {
      'cifar-100-binary/train.bin': cifarRecords([[11, 19]]),
      'cifar-100-binary/test.bin': cifarRecords([[10, 49]]),
    };
    await put(folder, 'cifar-100-binary.tar.gz', await tarGz(files));
    expect(Array.from((await loadDataset(`cifar100:${folder}`)).test.labels)).toEqual([49]);
  });

  it('gives way to the unpacked folder beside it', async () => {
    const folder = await makeFolder();
    await put(folder, 'cifar-100-binary.tar.gz', 'not looked at');
    await put(folder, 'cifar-100-binary', 'a file');
    await expect(loadDataset(`cifar100:${folder}`)).rejects.toThrow(
      /cifar-100-binary: it is a file, but a folder/,
    );
  });

  const faults = async (): Promise<Record<string, [Uint8Array | string, RegExp]>> => {
    const whole = await tarGz(below('cifar-10-batches-bin/'));
    const tar = await packTar([
      { header: { name: 'data_batch_1.bin', size: 3073 }, body: cifarRecords([[1]]) },
    ]);
    const short = { ...records, 'data_batch_3.bin': cifarRecords([[1]]).subarray(0, 3000) };
    const { 'test_batch.bin': _, ...untested } = records;
    return {
      'cut off': [whole.subarray(0, whole.length >> 1), /gzip data is cut off; fetch the file again/],
      'no gzip': [tar, /not a sound gzip file \(.*\); fetch it again/],
      'a cut-off tar': [
        gzipSync(tar.subarray(0, 2000)),
        /not a sound tar archive \(Tar archive is truncated\); fetch it again/,
      ],
      'no tar': [gzipSync('x'.repeat(2000)), /not a sound tar archive/],
      'a damaged header': [
        gzipSync(tar.map((byte, i) => (i === 3 ? 65 : byte))),
        /Invalid tar header checksum/,
      ],
      empty: ['', /gzip data is cut off/],
      'without its test batch': [
        await tarGz(untested),
        /should hold .*, but has no test_batch.bin; name the official archive/,
      ],
      'of CIFAR-100': [
        await tarGz({ 'cifar-100-binary/train.bin': cifarRecords([[1, 2]]) }),
        /but has no data_batch_1.bin/,
      ],
      'with a cut-off batch': [
        await tarGz(short),
        /cifar-10-binary.tar.gz, data_batch_3.bin: 3000 bytes are 0 records/,
      ],
      'with a wrong label': [
        await tarGz({ ...records, 'data_batch_2.bin': cifarRecords([[10]]) }),
        /tar.gz, data_batch_2.bin: record 0 has label 10/,
      ],
    };
  };

  it.each([
    'cut off',
    'no gzip',
    'a cut-off tar',
    'no tar',
    'a damaged header',
    'empty',
    'without its test batch',
    'of CIFAR-100',
    'with a cut-off batch',
    'with a wrong label',
  ])('that is %s is explained', async (name) => {
    const [content, sentence] = (await faults())[name];
    const folder = await makeFolder();
    await put(folder, 'cifar-10-binary.tar.gz', content);
    await expect(loadDataset(`cifar10:${folder}`)).rejects.toThrow(sentence);
  });
});
