/** What people type wrong: each is answered with a sentence before anything is computed or written. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { addDemo } from '../src/cli/demo.ts';
import { addParity } from '../src/cli/parity.ts';
import { addTrain } from '../src/cli/train.ts';
import { refusal, regrad } from './command-line.ts';
import {
  cifarRecords,
  digitLine,
  idxLabels,
  makeFolder,
  put,
  putCifar10,
  putMnist,
  putOptdigits,
} from './data-files.ts';

const required = {
  '--method': 'gn',
  '--data': 'optdigits',
  '--batch': '8',
  '--lr': '0.1',
  '--lambda': '0.01',
  '--steps': '1',
};

/** `train` with options that are right but for `changes`; undefined leaves one out. */
function trainWith(changes: Record<string, string | undefined>): string[] {
  const options = Object.entries({ ...required, ...changes });
  return ['train', ...options.flatMap(([name, value]) => (value === undefined ? [] : [name, value]))];
}

const refusedTraining = (changes: Record<string, string | undefined>) =>
  refusal(addTrain, trainWith(changes));

describe('regrad train refuses', () => {
  it.each([
    ['--method', 'method', 'a method: SB, LB, GN, '],
    ['--data', 'data', 'a data set, as optdigits or cifar10:DIR.'],
    ['--batch', 'batch', 'a whole number of 1 or more, the examples of an update.'],
    ['--lr', 'learningRate', 'a number above 0.'],
    ['--steps', 'steps', 'a whole number of 1 or more, the updates.'],
  ])('to start without %s', async (name, key, expected) => {
    const text = await refusedTraining({ [name]: undefined });
    expect(text).toContain(`options: ${key} is missing; it should be ${expected}`);
  });

  it.each([
    ['--batch', ['0', '-3', '2.5', 'many', ''], 'a whole number of 1 or more'],
    ['--micro-batch', ['0'], 'a whole number of 1 or more'],
    ['--steps', ['0', '1e99'], 'a whole number of 1 or more'],
    ['--evaluate-every', ['0'], 'a whole number of 1 or more'],
    ['--measure-batches', ['0'], 'a whole number of 1 or more'],
    ['--train-images', ['none'], 'a whole number of 1 or more'],
    ['--validation-images', ['0.5'], 'a whole number of 1 or more'],
    ['--seed', ['-1', '1.5', ' '], 'a whole number of 0 or more'],
    ['--lr', ['0', '-0.1', 'fast', '1e999', ''], 'a number above 0'],
    ['--lambda', ['-0.1', 'NaN', ''], 'a number of 0 or more'],
  ])('%s %j', async (name, values, expected) => {
    for (const value of values) {
      const text = await refusedTraining({ [name]: value });
      expect(text).toMatch(new RegExp(`^error: option '${name} <.*>' argument '.*' is invalid`));
      expect(text).toContain(`argument '${value}' is invalid. Expected ${expected}.`);
    }
  });

  it.each([
    [{ '--method': 'sgd' }, /'sgd' is invalid\. Allowed choices are SB, LB, GN, FT, AJ, UJ, .*, sb, lb, gn/],
    [
      { '--adapter': 'nonsense' },
      /'nonsense' is invalid\. Allowed choices are auto, hardware, software, ref/,
    ],
    [{ '--data': 'imagenet' }, /^Unknown data set "imagenet"; choose one of optdigits, .*cifar100, .*\.$/],
    [
      { '--data': 'cifar10' },
      /^Data set "cifar10" is not shipped, and not in .*: run regrad data fetch cifar10, or .*: cifar10:DIR\.$/,
    ],
    [{ '--data': 'optdigits:' }, /^Data set "optdigits:" needs the folder of its files: optdigits:DIR\.$/],
    [
      { '--model': 'resnet19' },
      /^The model 'resnet19' is not known; expected resnet18, resnet34, vgg11, vgg16-bn, /,
    ],
    [{ '--model': 'resnet[8;16]' }, /^The model 'resnet\[8;16\]' is not known; expected/],
    [{ '--lambda': undefined }, /The method GN penalises a gradient; give its weight, lambda\.$/],
    [{ '--method': 'LB' }, /^options: The method LB has no penalty; leave out lambda\.$/],
    [{ '--micro-batch': '3' }, /The batch, 8, must be a multiple of microBatch, 3\.$/],
    [{ '--micro-batch': '16' }, /The batch, 8, must be a multiple of microBatch, 16\.$/],
    [
      { '--method': 'sb', '--lambda': undefined, '--micro-batch': '4' },
      /SB makes an update from every micro-batch: give a batch of 4, or take the method LB\.$/,
    ],
    [{ '--batch': '4000' }, /^The batch, 4000, is more than the 3059 training images; take a smaller one\.$/],
    [{ '--train-images': '6' }, /^The batch, 8, is more than the 6 training images; take a smaller one\.$/],
    [{ '--train-images': '9999' }, /from 1 to 3059, but 9999 was asked for\.$/],
    [{ '--validation-images': '3823' }, /from 1 to 3822, .* but 3823 was asked for\.$/],
  ])('%j', async (changes, expected) => {
    expect(await refusedTraining(changes)).toMatch(expected);
  });
});

describe('regrad train refuses data files that are', () => {
  const refusedData = (data: string) => refusedTraining({ '--data': data });

  it('missing', async () => {
    const folder = await makeFolder();
    expect(await refusedData(`cifar10:${join(folder, 'none')}`)).toMatch(
      /there is no such folder; check the path\.$/,
    );
    expect(await refusedData(`cifar10:${folder}`)).toMatch(
      /should hold data_batch_1\.bin, .* but has no data_batch_1/,
    );
    await putCifar10(folder);
    await put(folder, 'data_batch_4.bin', undefined);
    expect(await refusedData(`cifar10:${folder}`)).toMatch(/but has no data_batch_4\.bin;/);
  });

  it('cut off', async () => {
    const folder = await makeFolder();
    await putCifar10(folder);
    await put(folder, 'data_batch_2.bin', cifarRecords([[1], [2]]).subarray(0, 4000));
    expect(await refusedData(`cifar10:${folder}`)).toMatch(/data_batch_2\.bin.*4000 bytes.*\.$/);
    await putOptdigits(folder);
    const packed = gzipSync(digitLine(1).repeat(50));
    await put(folder, 'optdigits.tes.gz', packed.subarray(0, packed.length - 9));
    expect(await refusedData(`optdigits:${folder}`)).toMatch(
      /optdigits\.tes\.gz: the gzip data is cut off; fetch/,
    );
  });

  it('of another kind, or label what is no class', async () => {
    const folder = await makeFolder();
    await putMnist(folder);
    await put(folder, 'train-images-idx3-ubyte', idxLabels(Array(24).fill(1)));
    expect(await refusedData(`mnist:${folder}`)).toMatch(/train-images-idx3-ubyte: .*2051.*2049|2049.*2051/);
    await putMnist(folder);
    await put(folder, 'train-labels-idx1-ubyte', idxLabels([7, 10, 9]));
    expect(await refusedData(`mnist:${folder}`)).toMatch(
      /image 1 has label 10, but labels go from 0 to 9\.$/,
    );
    await putCifar10(folder);
    await put(folder, 'test_batch.bin', cifarRecords([[3], [11]]));
    expect(await refusedData(`cifar10:${folder}`)).toMatch(/label 11/);
  });
});

describe('regrad parity and demo refuse', () => {
  it('no folder, one without fixtures, and one that is not there', async () => {
    const folder = await makeFolder();
    const file = join(folder, 'x.txt');
    await put(folder, 'x.txt', '');
    expect(await refusal(addParity, ['parity'])).toBe("error: missing required argument 'folder'");
    expect(await refusal(addParity, ['parity', folder])).toBe(
      `${folder} holds no *.safetensors file; name a folder of fixtures.`,
    );
    expect(await refusal(addParity, ['parity', join(folder, 'none')])).toBe(
      `Could not look for fixtures in ${join(folder, 'none')}: there is no such folder; check the path.`,
    );
    expect(await refusal(addParity, ['parity', file])).toMatch(/it is a file, but a folder was expected\.$/);
  });

  it('numbers that are none', async () => {
    expect(await refusal(addParity, ['parity', '.', '--tolerance', '0'])).toContain(
      'Expected a number above 0.',
    );
    for (const name of ['--seeds', '--steps']) {
      expect(await refusal(addDemo, ['demo', name, '0'])).toContain('Expected a whole number of 1 or more.');
    }
  });
});

describe('the process', () => {
  it('exits with 2 for wrong usage and offers what was meant', () => {
    const verb = regrad(['trian']);
    expect(verb).toMatchObject({ status: 2, stdout: '' });
    expect(verb.stderr).toMatch(/^error: unknown command 'trian'\n\(Did you mean train\?\)/);
    const option = regrad([...trainWith({}), '--microbatch', '4']);
    expect(option).toMatchObject({ status: 2, stdout: '' });
    expect(option.stderr).toMatch(/^error: unknown option '--microbatch'\n\(Did you mean --micro-batch\?\)/);
  });

  it('exits with 1 and one line where files or adapters are not as they should be, and writes nothing', async () => {
    const folder = await makeFolder();
    const out = join(folder, 'run');
    const data = regrad([...trainWith({ '--data': `optdigits:${folder}`, '--out': out })]);
    expect(data).toMatchObject({ status: 1, stdout: '' });
    expect(data.stderr).toMatch(/^error: optdigits, training images: looked for optdigits\.tra .*\.\n$/);
    // Dawn complains of such a file, before the line that is ours.
    const env = { VK_DRIVER_FILES: '/nowhere/driver.json' };
    const adapter = regrad(trainWith({ '--adapter': 'hardware', '--out': out }), env);
    expect(adapter).toMatchObject({ status: 1, stdout: '' });
    expect(adapter.stderr).toMatch(
      /^error: The adapter 'hardware' was asked for, but: No GPU was found\. Install .*\n$/m,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});
