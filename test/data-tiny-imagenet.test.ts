/** Tiny-ImageNet from small folders and archives that are made here; the cache of decoded pixels. */
import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Dataset } from '../src/experiments/data/image-set.ts';
import { jpegDecoder } from '../src/experiments/data/jpeg.ts';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import { colourJpeg, greyJpeg, zip } from './data-archives.ts';
import { makeFolder, put } from './data-files.ts';

type Files = Record<string, Uint8Array | string>;

/** Two classes of three and two training images, and three for validation, each image of one colour. */
const files: Files = {
  'wnids.txt': 'n00000002\nn00000001\n',
  'words.txt': 'n00000001\tgoldfish, Carassius auratus\nn00000003\tunused\n',
  'train/n00000001/images/n00000001_0.JPEG': colourJpeg([200, 0, 0]),
  'train/n00000001/images/n00000001_1.JPEG': colourJpeg([0, 200, 0]),
  'train/n00000001/n00000001_boxes.txt': 'n00000001_0.JPEG\t0\t0\t63\t63\n',
  'train/n00000002/images/n00000002_0.JPEG': colourJpeg([0, 0, 200]),
  'train/n00000002/images/n00000002_1.JPEG': greyJpeg(40),
  'train/n00000002/images/n00000002_10.JPEG': greyJpeg(-33),
  'val/images/val_0.JPEG': colourJpeg([90, 90, 90]),
  'val/images/val_1.JPEG': greyJpeg(63),
  'val/val_annotations.txt': 'val_1.JPEG\tn00000001\t0\t0\t63\t63\nval_0.JPEG\tn00000002\t0\t0\t63\t63\n',
};

/** A cache of the test's own. */
async function makeCache(): Promise<string> {
  const cache = await makeFolder();
  vi.stubEnv('XDG_CACHE_HOME', cache);
  onTestFinished(() => void vi.unstubAllEnvs());
  return cache;
}

/** Writes the files below `tiny-imagenet-200`; undefined leaves one out. */
async function makeTinyImagenet(changes: Record<string, Uint8Array | string | undefined> = {}) {
  const folder = await makeFolder();
  const cache = await makeCache();
  for (const [path, content] of Object.entries({ ...files, ...changes })) {
    if (content === undefined) continue;
    const target = join(folder, 'tiny-imagenet-200', path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  return { folder, pixels: join(cache, 'regrad', 'pixels') };
}

const load = (path: string): Promise<Dataset> => loadDataset(`tiny-imagenet:${path}`);

/** Every image's colour at its first and last pixel. */
function colours({ images, count }: Dataset['train']): number[][] {
  return Array.from({ length: count }, (_, n) =>
    [0, 4095, 4096, 8191, 8192, 12287].map((at) => images[12288 * n + at]),
  );
}

const near = (...colour: number[]) =>
  colour.flatMap((x) => [expect.closeTo(x, -0.6), expect.closeTo(x, -0.6)]);
const pixelFiles = async (folder: string) =>
  (await readdir(folder).catch(() => [])).map((name) => name.slice(0, 21)).sort();

describe('Tiny-ImageNet', () => {
  // Decoding shows its progress there.
  beforeEach(() => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    return () => written.mockRestore();
  });

  it('is read from a folder, the classes taking turns', async () => {
    const { folder } = await makeTinyImagenet();
    const { train, test, mean, decoder } = await load(folder);
    expect([train.shape, train.classNames, decoder]).toEqual([
      [3, 64, 64],
      ['n00000002', 'goldfish'],
      jpegDecoder,
    ]);
    expect(Array.from(train.labels)).toEqual([0, 1, 0, 1, 0]);
    expect(colours(train)).toEqual([
      near(0, 0, 200),
      near(200, 0, 0),
      near(168, 168, 168),
      near(0, 200, 0),
      near(95, 95, 95),
    ]);
    expect(Array.from(test.labels)).toEqual([1, 0]);
    expect(colours(test)).toEqual([near(191, 191, 191), near(90, 90, 90)]);
    expect(mean[0]).toBeCloseTo((200 + 168 + 95) / 5 / 255, 2);
    expect((await load(join(folder, 'tiny-imagenet-200'))).train.images).toEqual(train.images);
  });

  it('is read past what macOS notes on the files', async () => {
    const notes = ['train/n00000001/images/._n00000001_0.JPEG', 'val/images/._val_0.JPEG', '._wnids.txt'];
    const { folder } = await makeTinyImagenet(Object.fromEntries(notes.map((path) => [path, 'notes'])));
    expect((await load(folder)).train.count).toBe(5);
  });

  it('is read from its archive, named or in a folder', async () => {
    const { folder, pixels } = await makeTinyImagenet();
    const { train, test } = await load(folder);
    const archive = zip(
      Object.fromEntries(Object.entries(files).map(([path, body]) => [`tiny-imagenet-200/${path}`, body])),
    );
    const other = await makeFolder();
    await put(other, 'tiny-imagenet-200.zip', archive);
    for (const path of [other, join(other, 'tiny-imagenet-200.zip')]) {
      const zipped = await load(path);
      expect([zipped.train.images, zipped.train.labels, zipped.test.images]).toEqual([
        train.images,
        train.labels,
        test.images,
      ]);
    }
    await put(other, 'bare.zip', zip(files));
    expect((await load(join(other, 'bare.zip'))).train.images).toEqual(train.images);
    expect(await pixelFiles(pixels)).toHaveLength(6);
  });

  it('is decoded once: the cache says by what, and is left when the files change', async () => {
    const { folder, pixels } = await makeTinyImagenet();
    const first = await load(folder);
    const names = await readdir(pixels);
    expect(await pixelFiles(pixels)).toEqual(['tiny-imagenet-trainin', 'tiny-imagenet-validat']);
    const kept = join(pixels, names.filter((name) => name.includes('training'))[0]);
    const bytes = await readFile(kept);
    expect(JSON.parse(bytes.toString('utf8', 0, 512))).toMatchObject({
      decoder: jpegDecoder,
      size: 5 * 12288,
    });

    // With other pixels of the same checksum's size, only the checksum can tell.
    const flipped = Buffer.from(bytes);
    flipped[600] ^= 1;
    for (const wrong of [flipped, bytes.subarray(0, 3000), Buffer.alloc(0)]) {
      await writeFile(kept, wrong);
      expect((await load(folder)).train.images).toEqual(first.train.images);
      expect((await readFile(kept)).equals(bytes)).toBe(true);
    }

    // An unreadable image whose size and date are the old ones is not looked at: the pixels are there.
    const image = join(folder, 'tiny-imagenet-200/train/n00000001/images/n00000001_0.JPEG');
    const date = new Date('2020-01-02T03:04:05Z');
    await utimes(image, date, date);
    await load(folder);
    await writeFile(image, new Uint8Array((await readFile(image)).length));
    await utimes(image, date, date);
    expect((await load(folder)).train.images).toEqual(first.train.images);

    await writeFile(image, colourJpeg([10, 20, 30]));
    expect(colours((await load(folder)).train)[1]).toEqual(near(10, 20, 30));
  });

  it('loads where the cache cannot be written, and says so', async () => {
    const { folder } = await makeTinyImagenet();
    const file = join(folder, 'file');
    await copyFile(join(folder, 'tiny-imagenet-200/wnids.txt'), file);
    vi.stubEnv('XDG_CACHE_HOME', file);
    const told = vi.spyOn(console, 'error').mockReturnValue();
    expect((await load(folder)).train.count).toBe(5);
    expect(told.mock.calls[0][0]).toMatch(/^note: the decoded pixels are not kept, .*file/);
    told.mockRestore();
  });

  const image = 'train/n00000002/images/n00000002_1.JPEG';
  const jpeg = colourJpeg([1, 2, 3]);
  const annotations = files['val/val_annotations.txt'];
  it.each<[string, Record<string, Uint8Array | string | undefined>, RegExp]>([
    [
      'no list of classes',
      { 'wnids.txt': undefined },
      /should hold wnids.txt, train, val, but has no wnids.txt/,
    ],
    [
      'an empty list of classes',
      { 'wnids.txt': '\n' },
      /wnids.txt: it should hold 1 to 200 .* but there are 0/,
    ],
    ['another kind of list', { 'wnids.txt': 'n00000001\ngoldfish\n' }, /but line 2 is "goldfish"/],
    ['a class listed twice', { 'wnids.txt': 'n00000001\nn00000001\n' }, /but line 2 is "n00000001"/],
    [
      'a list cut off',
      { 'wnids.txt': 'n00000001\n' },
      /images of n00000002, but .*wnids.txt does not list that class/,
    ],
    [
      'a class without a folder',
      { 'wnids.txt': 'n00000001\nn00000002\nn00000003\n' },
      /Could not look for Tiny-ImageNet in .*n00000003\/images: there is no such folder/,
    ],
    [
      'a class without images',
      { 'wnids.txt': 'n00000001\nn00000002\nn00000003\n', 'train/n00000003/images/readme.txt': '' },
      /n00000003\/images: there are no JPEG files in it/,
    ],
    [
      'a cut-off JPEG',
      { [image]: jpeg.subarray(0, 500) },
      /n00000002_1.JPEG: it does not end as a JPEG file does; it is cut off/,
    ],
    [
      'a JPEG with a piece missing',
      { [image]: Buffer.concat([jpeg.subarray(0, 640), jpeg.subarray(-2)]) },
      /n00000002_1.JPEG: it is not a sound JPEG file \(.+\)/,
    ],
    ['an empty JPEG', { [image]: '' }, /n00000002_1.JPEG: it does not begin as a JPEG file does/],
    [
      'a PNG named JPEG',
      { [image]: '\x89PNG' },
      /it does not begin as a JPEG file does; it is damaged or of another kind/,
    ],
    [
      'a JPEG of another size',
      { [image]: colourJpeg([0, 0, 0], 64, 32) },
      /should have 64 × 64 pixels, but has 64 × 32/,
    ],
    [
      'a JPEG of nonsense',
      { [image]: Uint8Array.of(255, 216, 1, 2, 3, 255, 217) },
      /it is not a sound JPEG file/,
    ],
    [
      'no annotations',
      { 'val/val_annotations.txt': undefined },
      /Could not read Tiny-ImageNet .*val_annotations.txt: there is no such file/,
    ],
    [
      'annotations cut off',
      { 'val/val_annotations.txt': 'val_1.JPEG\tn00000001\t0\t0\t63\t63\n' },
      /1 images of val\/images are not in it, val_0.JPEG for one; the file is cut off/,
    ],
    [
      'a line cut off',
      { 'val/val_annotations.txt': 'val_1.JPEG\tn00000001\t0\t0\t63\t63\nval_0.JPEG\tn0000' },
      /val_annotations.txt, line 2: it should be a file and a class .* but is "val_0.JPEG\tn0000"/,
    ],
    [
      'a validation image that is missing',
      { 'val/images/val_0.JPEG': undefined },
      /val_annotations.txt, line 2: val_0.JPEG is not in .*images, or came before/,
    ],
    [
      'a validation image labelled twice',
      { 'val/val_annotations.txt': `${annotations}val_0.JPEG\tn00000001\n` },
      /line 3: val_0.JPEG is not in .*, or came before/,
    ],
  ])('explains %s, and keeps no pixels of that part', async (_, changes, sentence) => {
    const { folder, pixels } = await makeTinyImagenet(changes);
    await expect(load(folder)).rejects.toThrow(sentence);
    expect(await pixelFiles(pixels)).toEqual([]);
  });

  const archive = zip(
    Object.fromEntries(Object.entries(files).map(([path, body]) => [`tiny-imagenet-200/${path}`, body])),
  );
  const at = archive.indexOf(jpegMiddle(files['train/n00000001/images/n00000001_0.JPEG']));
  // Bit 0 of the flags in the archive's directory; what is stored would have to be longer.
  const deflated = 8;
  const encrypted = Buffer.from(archive);
  for (
    let entry = encrypted.indexOf('PK\x01\x02');
    entry >= 0;
    entry = encrypted.indexOf('PK\x01\x02', entry + 1)
  ) {
    if (encrypted.readUInt16LE(entry + 10) === deflated) encrypted[entry + 8] |= 1;
  }
  it.each<[string, Uint8Array | string, RegExp]>([
    ['cut off', archive.subarray(0, -40), /not a sound zip archive \(.*\); fetch it again/],
    ['empty', '', /not a sound zip archive/],
    [
      'encrypted',
      encrypted,
      /words\.txt|wnids\.txt: it is encrypted; unpack the archive with its password, and name the folder\.$/,
    ],
    ['no zip', 'x'.repeat(1000), /not a sound zip archive/],
    [
      'damaged in one byte',
      archive.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      /n00000001_0.JPEG: its checksum differs from the one in the archive; fetch it again/,
    ],
    [
      'of something else',
      zip({ 'readme.txt': 'x' }),
      /should hold wnids.txt, train, val, but has no wnids.txt, train, val/,
    ],
    [
      'without a class',
      zip({ 'wnids.txt': 'n00000001\nn00000002\n', 'val/a': '', 'train/n00000001/images/a.JPEG': jpeg }),
      /holds no folder train\/n00000002\/images; fetch it again/,
    ],
  ])('explains an archive that is %s', async (_, content, sentence) => {
    const folder = await makeFolder();
    const cache = await makeCache();
    await put(folder, 'tiny-imagenet-200.zip', content);
    await expect(load(folder)).rejects.toThrow(sentence);
    expect(await readdir(cache)).toEqual([]);
  });
});

/** Some bytes that only this image has in the archive. */
function jpegMiddle(jpeg: Uint8Array | string): Buffer {
  return Buffer.from(jpeg).subarray(-60, -30);
}
