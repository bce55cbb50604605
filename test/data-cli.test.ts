/** `regrad data` as people call it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../src/experiments/data/catalogue.ts';
import { regrad } from './command-line.ts';
import { cifarRecords, makeFolder, put, putCifar10, putMnist } from './data-files.ts';
import { serve } from './file-server.ts';

/** Runs a verb beside this process, whose server it may talk to. */
async function regradAsync(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['scripts/regrad.mjs', 'data', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status, stdout, stderr };
}

describe('regrad data list', () => {
  it('says what is shipped, and where the others are looked for', async () => {
    const share = await makeFolder();
    await mkdir(join(share, 'regrad', 'cifar10'), { recursive: true });
    await putCifar10(join(share, 'regrad', 'cifar10'));
    const { status, stdout } = regrad(['data', 'list'], { XDG_DATA_HOME: share });
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    expect(lines.slice(0, catalogue.size).map((line) => line.split(' ')[0])).toEqual([...catalogue.keys()]);
    expect(lines[0]).toMatch(
      /^optdigits +3823 \+ 1797 images; shipped in .*data\/optdigits; not in .*regrad data fetch optdigits: 0.8 MiB/,
    );
    expect(lines[3]).toBe(`cifar10        50000 + 10000 images; in ${share}/regrad/cifar10`);
    expect(lines[6]).toContain(
      `not in ${share}/regrad/tiny-imagenet (regrad data fetch tiny-imagenet: 237 MiB)`,
    );
  });
});

describe('regrad data fetch', () => {
  it('leaves nothing of a wrong file, and says what to do', async () => {
    const server = await serve({ content: Buffer.from('not found, with status 200') });
    const folder = join(await makeFolder(), 'digits');
    const { status, stdout, stderr } = await regradAsync([
      'fetch',
      'optdigits',
      '--to',
      folder,
      '--from',
      server.url,
    ]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^error: Could not fetch http.*optdigits.tra: the server's file has 26 bytes, the official one 563639\. Run .* put it at .*digits\/optdigits.tra \(563639 bytes, sha256 e1b683.*\)\.\n$/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('checks a file put there by hand, fetches the other, and says how to use them', async () => {
    const tra = gunzipSync(await readFile('data/optdigits/optdigits.tra.gz'));
    const tes = gunzipSync(await readFile('data/optdigits/optdigits.tes.gz'));
    const server = await serve({ content: tes, etag: '"tes"' });
    const folder = await makeFolder();
    await put(folder, 'optdigits.tra', tra);
    const args = ['fetch', 'optdigits', '--to', folder, '--from', server.url.slice(0, -1)];
    const { status, stdout, stderr } = await regradAsync(args);
    expect(status, stderr).toBe(0);
    expect(stdout).toBe(
      'optdigits.tra is there already, and right\noptdigits.tes fetched\n' +
        `Use it with --data optdigits:${folder}. Terms: CC BY 4.0; E. Alpaydin, C. Kaynak, ` +
        'Optical Recognition of Handwritten Digits, UCI, 1998.\n',
    );
    expect(stderr).toMatch(/^optdigits.tes, kB 264\/264\n$/);
    expect((await readdir(folder)).sort()).toEqual(['optdigits.tes', 'optdigits.tra']);
    expect(await readFile(join(folder, 'optdigits.tes'))).toEqual(tes);

    await put(folder, 'optdigits.tra', tra.subarray(0, 1000));
    const damaged = await regradAsync(args);
    expect(damaged.status).toBe(1);
    expect(damaged.stderr).toMatch(
      /^error: .*optdigits.tra is there already, but is not the official file: .*Remove it/,
    );
  });

  it.each([
    [
      ['fetch', 'cifar'],
      1,
      /^error: Unknown data set "cifar"; choose one of optdigits, .*tiny-imagenet\.\n$/,
    ],
    [['fetch'], 2, /missing required argument 'name'/],
    [['fetch', 'mnist', '--from', 'somewhere'], 2, /Expected an address that begins with http/],
    [['fetsh'], 2, /unknown command 'fetsh'/],
    [['check', '--jsom'], 2, /unknown option '--jsom'/],
  ])('%j is refused', (args, status, sentence) => {
    const result = regrad(['data', ...args]);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(sentence);
  });
});

describe('regrad data check', () => {
  it('prints what the shipped sets hold', async () => {
    const { status, stdout, stderr } = regrad(['data', 'check'], { XDG_DATA_HOME: await makeFolder() });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^optdigits: optdigits\n {2}images +1 × 8 × 8 \(channels × height × width\), from 0 to 16, of 10 classes/,
    );
    expect(stdout).toContain('training       3823 images, by class 376 389 380 389 387 376 377 387 380 382');
    expect(stdout).toContain('first image  0: 0 1 6 15 12 1 0 0 …, sha256 0b06e50d48f51796');
    expect(stdout).toMatch(/^fashion-mnist: Fashion-MNIST$/m);
    expect(stdout).toContain('training       3000 images, 300 of each class');
    expect(stdout).toContain('warning        The training part has 3000 images, the official one 60000');
  });

  it('goes on after a damaged set, and exits with 1', async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    await put(folder, 'data_batch_3.bin', cifarRecords([[77]]));
    const other = await makeFolder();
    await putMnist(other);
    const { status, stdout, stderr } = regrad(
      ['data', 'check', `cifar10:${folder}`, `mnist:${other}`, 'svhn'],
      {
        XDG_DATA_HOME: other,
      },
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/^mnist:.*: MNIST\n/);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^error: cifar10:.*data_batch_3.bin: record 0 has label 77, but labels go from 0 to 9/,
      ),
      expect.stringMatching(
        /^error: svhn: Data set "svhn" is not shipped, and not in .*regrad\/svhn either: run regrad data fetch svhn/,
      ),
    ]);
  });

  it('tells of a fault in any kind of file, in one sentence each', async () => {
    const folder = await makeFolder();
    const names = {
      optdigits: 'optdigits.tra',
      'fashion-mnist': 'train-images-idx3-ubyte',
      mnist: 't10k-labels-idx1-ubyte.gz',
      cifar10: 'data_batch_1.bin',
      cifar100: 'cifar-100-binary.tar.gz',
      svhn: 'train_32x32.mat',
      'tiny-imagenet': 'tiny-imagenet-200.zip',
    };
    for (const file of Object.values(names)) await put(folder, file, 'damaged');
    const specs = Object.keys(names).map((name) => `${name}:${folder}`);
    const cache = await makeFolder();
    const { status, stdout, stderr } = regrad(['data', 'check', ...specs], { XDG_CACHE_HOME: cache });
    expect([status, stdout]).toEqual([1, '']);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => line.split(':')[1].trim())).toEqual(Object.keys(names));
    for (const line of lines) expect(line).toMatch(/^error: .*\.$/);
    expect(await readdir(cache)).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(Object.values(names).sort());

    const out = join(folder, 'run');
    const run = regrad(
      `train --method sb --data svhn:${folder} --batch 2 --lr 1 --steps 1 --out ${out}`.split(' '),
    );
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/^error: SVHN: .* should hold .*, but has no test_32x32.mat\.\n$/);
    expect(await readdir(folder)).not.toContain('run');
  });

  it('gives the facts as JSON, with warnings of repetitions, imbalance, and test images seen in training', async () => {
    const share = await makeFolder();
    const folder = join(share, 'regrad', 'cifar10');
    await mkdir(folder, { recursive: true });
    await putCifar10(folder);
    await put(folder, 'data_batch_1.bin', Buffer.concat([cifarRecords([[1]], 50), cifarRecords([[1]], 50)]));
    // Alone, the name means the fetched set.
    const { status, stdout } = regrad(['data', 'check', 'cifar10', '--json'], { XDG_DATA_HOME: share });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      spec: 'cifar10',
      name: 'CIFAR-10',
      shape: [3, 32, 32],
      normalisation: { mean: [0.4914, 0.4822, 0.4465] },
      train: { count: 10, official: 50000, perClass: [0, 2, 1, 1, 2, 2, 1, 1, 0, 0] },
      test: { count: 3, first: { label: 'cat' } },
      warnings: [
        'The training part has 10 images, the official one 50000: say so beside any number.',
        'The test part has 3 images, the official one 10000: say so beside any number.',
        'The training part has from 0 to 2 images of a class.',
        '1 of the training images repeat an earlier one, to the byte.',
        '1 of the test images are among the training images, to the byte.',
      ],
    });
  });
});
