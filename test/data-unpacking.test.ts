/** Files that unpack to more than they may, and images larger than they should be: told before the memory is filled. */
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeJpeg } from '../src/experiments/data/jpeg.ts';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import { colourJpeg, matElement, matFile, svhnFile, tarGz, zip } from './data-archives.ts';
import { digitLine, idxImages, idxLabels, makeFolder, put, putMnist, putOptdigits } from './data-files.ts';

const mebibyte = 2 ** 20;
const zeros = new Uint8Array(70 * mebibyte);
const inProportion =
  / bytes unpack to more than \d+, out of all proportion; fetch it again, or unpack it yourself/;

describe('packed data out of all proportion', () => {
  it('are told of an IDX file', async () => {
    const folder = await makeFolder();
    await putMnist(folder);
    await put(folder, 't10k-images-idx3-ubyte.gz', gzipSync(zeros));
    await expect(loadDataset(`mnist:${folder}`)).rejects.toThrow(inProportion);
    await expect(loadDataset(`mnist:${folder}`)).rejects.toThrow(
      /MNIST, test images from .*t10k-images-idx3/,
    );
  });

  it('are told of a text', async () => {
    const folder = await makeFolder();
    await putOptdigits(folder);
    await put(folder, 'optdigits.tes.gz', gzipSync('\n'.repeat(5 * mebibyte)));
    await expect(loadDataset(`optdigits:${folder}`)).rejects.toThrow(inProportion);
  });

  it('are told of a tar archive', async () => {
    const folder = await makeFolder();
    await put(folder, 'cifar-10-binary.tar.gz', await tarGz({ 'data_batch_1.bin': zeros }));
    await expect(loadDataset(`cifar10:${folder}`)).rejects.toThrow(inProportion);
    await expect(loadDataset(`cifar10:${folder}`)).rejects.toThrow(/CIFAR-10 from .*cifar-10-binary.tar.gz/);
  });

  it('are told of a MATLAB file', async () => {
    const folder = await makeFolder();
    await put(folder, 'train_32x32.mat', matFile([matElement(15, deflateSync(zeros))]));
    await put(folder, 'test_32x32.mat', svhnFile([1]));
    await expect(loadDataset(`svhn:${folder}`)).rejects.toThrow(inProportion);
    await expect(loadDataset(`svhn:${folder}`)).rejects.toThrow(/train_32x32.mat: its \d+ bytes/);
  });

  it('are told of a file in a zip archive, and of one that claims to be smaller', async () => {
    const folder = await makeFolder();
    const archive = zip({ train: '', 'wnids.txt': new Uint8Array(5 * mebibyte), 'val/a': '' });
    await put(folder, 'set.zip', archive);
    const load = () => loadDataset(`tiny-imagenet:${join(folder, 'set.zip')}`);
    await expect(load()).rejects.toThrow(inProportion);
    await expect(load()).rejects.toThrow(/Tiny-ImageNet from .*set.zip, wnids.txt: its \d+ bytes/);

    const entry = archive.lastIndexOf('wnids.txt') - 46;
    expect(archive.readUInt32LE(entry + 24)).toBe(5 * mebibyte);
    archive.writeUInt32LE(1000, entry + 24);
    await put(folder, 'set.zip', archive);
    await expect(load()).rejects.toThrow(/wnids.txt: too many bytes .*; fetch it again/);
  });

  it('are let pass where they are few', async () => {
    const folder = await makeFolder();
    await putMnist(folder);
    const images = idxImages(2000, 28, 28).fill(0, 16);
    for (const part of ['train', 't10k']) {
      await put(folder, `${part}-images-idx3-ubyte${part === 'train' ? '' : '.gz'}`, undefined);
      await put(folder, `${part}-labels-idx1-ubyte${part === 'train' ? '' : '.gz'}`, undefined);
      await put(folder, `${part}-images-idx3-ubyte.gz`, gzipSync(images));
      await put(folder, `${part}-labels-idx1-ubyte.gz`, gzipSync(idxLabels(Array(2000).fill(1))));
    }
    expect((await loadDataset(`mnist:${folder}`)).train.count).toBe(2000);
    await putOptdigits(folder);
    await put(folder, 'optdigits.tes.gz', gzipSync(digitLine(1).repeat(4000)));
    expect((await loadDataset(`optdigits:${folder}`)).test.count).toBe(4000);
  });
});

describe('a JPEG', () => {
  const decode = (bytes: Uint8Array) => decodeJpeg(bytes, 64, new Uint8Array(3 * 64 * 64), 'a.JPEG');

  it('of another size is refused by its header', () => {
    const bytes = Buffer.from(colourJpeg([1, 2, 3]));
    const frame = bytes.indexOf(Uint8Array.of(0xff, 0xc0));
    bytes.writeUInt16BE(9999, frame + 5);
    bytes.writeUInt16BE(9998, frame + 7);
    const began = performance.now();
    expect(() => decode(bytes)).toThrow('a.JPEG: it should have 64 × 64 pixels, but has 9998 × 9999.');
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('of two images is refused', () => {
    const bytes = Buffer.from(colourJpeg([1, 2, 3]));
    const frame = bytes.indexOf(Uint8Array.of(0xff, 0xc0));
    const large = Buffer.from(bytes.subarray(frame, frame + 19));
    large.writeUInt16BE(9999, 5);
    large.writeUInt16BE(9999, 7);
    const both = Buffer.concat([bytes.subarray(0, frame), large, bytes.subarray(frame)]);
    expect(() => decode(both)).toThrow('a.JPEG: it is not a sound JPEG file (2 images in it, not one).');
  });
});

describe('a line of nonsense', () => {
  it('is quoted in part', async () => {
    vi.stubEnv('XDG_CACHE_HOME', await makeFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    const folder = await makeFolder();
    await put(folder, 'set.zip', zip({ 'wnids.txt': 'x'.repeat(mebibyte), 'train/a': '', 'val/a': '' }));
    const told = await loadDataset(`tiny-imagenet:${join(folder, 'set.zip')}`).catch(String);
    expect(told).toMatch(/line 1 is "x{80}…"/);
  });
});
