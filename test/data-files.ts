/** Small files in the official layouts, and a folder to put them in. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** An empty folder, removed after the test. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'regrad-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Writes a file in the folder; `undefined` removes it. */
export async function put(
  folder: string,
  name: string,
  content: Uint8Array | string | undefined,
): Promise<void> {
  const path = join(folder, name);
  await (content === undefined ? rm(path) : writeFile(path, content));
}

/** CIFAR records: the labels given, then pixels that tell record, channel and place apart. */
export function cifarRecords(labels: number[][], first = 0): Uint8Array {
  const records = labels.map((label, n) => [
    ...label,
    ...Array.from({ length: 3072 }, (_, i) => pixel(first + n, i)),
  ]);
  return Uint8Array.from(records.flat());
}

export function pixel(n: number, i: number): number {
  return (31 * n + 7 * i + (i >> 10)) % 251;
}

export async function putCifar10(folder: string): Promise<void> {
  for (let k = 1; k <= 5; k++) {
    await put(folder, `data_batch_${k}.bin`, cifarRecords([[k], [9 - k]], 2 * (k - 1)));
  }
  await put(folder, 'test_batch.bin', cifarRecords([[3], [0], [9]], 50));
}

export async function putCifar100(folder: string): Promise<void> {
  await put(
    folder,
    'train.bin',
    cifarRecords([
      [11, 19],
      [19, 99],
    ]),
  );
  await put(folder, 'test.bin', cifarRecords([[10, 49]], 7));
}

export function idxImages(count: number, height: number, width: number): Uint8Array {
  const bytes = new Uint8Array(16 + count * height * width);
  [2051, count, height, width].forEach((value, i) => {
    new DataView(bytes.buffer).setUint32(4 * i, value);
  });
  return bytes.map((byte, i) => (i < 16 ? byte : (i - 16) % 256));
}

export function idxLabels(labels: number[]): Uint8Array {
  const bytes = new Uint8Array(8 + labels.length);
  new DataView(bytes.buffer).setUint32(0, 2049);
  new DataView(bytes.buffer).setUint32(4, labels.length);
  bytes.set(labels, 8);
  return bytes;
}

export async function putMnist(folder: string): Promise<void> {
  await put(folder, 'train-images-idx3-ubyte', idxImages(3, 2, 4));
  await put(folder, 'train-labels-idx1-ubyte', idxLabels([7, 0, 9]));
  await put(folder, 't10k-images-idx3-ubyte.gz', gzipSync(idxImages(2, 2, 4)));
  await put(folder, 't10k-labels-idx1-ubyte.gz', gzipSync(idxLabels([1, 2])));
}

export function digitLine(digit: number | string, value: number | string = 16): string {
  return `${[...Array.from({ length: 63 }, (_, i) => i % 17), value].join(',')},${digit}\n`;
}

export async function putOptdigits(folder: string): Promise<void> {
  await put(folder, 'optdigits.tra', digitLine(4) + digitLine(9, 3));
  await put(folder, 'optdigits.tes.gz', gzipSync(digitLine(0)));
}
