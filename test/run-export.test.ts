/** Exports, read back by readers written from the formats' definitions, and listings of runs. */
import { cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { addExport } from '../src/cli/export.ts';
import { addRuns } from '../src/cli/runs.ts';
import { setDevice } from '../src/engine/index.ts';
import { resolveConfig } from '../src/experiments/config.ts';
import { maskedCrc32c } from '../src/experiments/export/crc32c.ts';
import { exportFormats } from '../src/experiments/export/run-export.ts';
import { runInFolder } from '../src/experiments/run-in-folder.ts';
import { runInputs } from '../src/experiments/run-inputs.ts';
import { listRuns, readRun, recordedNorms, runFolder, type SoundRun } from '../src/experiments/run-store.ts';
import type { RunPoint } from '../src/experiments/run-training.ts';
import { parseSafetensors, type RawTensor } from '../src/nn/index.ts';
import { called, refusal } from './command-line.ts';
import { makeFolder, put } from './data-files.ts';
import { reference } from './devices.ts';
import { syntheticDataset } from './synthetic-images.ts';

const dataset = syntheticDataset({ train: 30, test: 12, shape: [1, 4, 4] });
const least = {
  method: 'LB',
  data: 'made-up',
  model: 'resnet[2]',
  validationImages: 10,
  batch: 4,
  learningRate: 0.2,
  steps: 6,
  evaluateEvery: 2,
  recordNormsEvery: 3,
};

/** A run in a folder below `root`, stopped after some updates if asked to. */
async function runIn(root: string, changes: Record<string, unknown> = {}, stop = 0): Promise<string> {
  const config = resolveConfig({ ...least, ...changes }, 'the test');
  const interruption = new AbortController();
  const onStep = (step: number) => step === stop && interruption.abort();
  const folder = runFolder(root, config);
  const inputs = await runInputs(config, dataset);
  await runInFolder(folder, config, inputs, { signal: interruption.signal, onStep }).catch((error) => {
    if (stop === 0) throw error;
  });
  return folder;
}

async function sound(folder: string): Promise<SoundRun> {
  const run = await readRun(folder);
  if (run.status === 'damaged') throw new Error(run.problem);
  return run;
}

const content = async (folder: string, format: keyof typeof exportFormats) =>
  Buffer.from(await exportFormats[format].content(await sound(folder)));

/** The records of a TFRecord file; both checksums of each are checked. */
function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(slowMaskedCrc(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(slowMaskedCrc(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** CRC-32C by polynomial division, bit by bit, in the plain (unreversed) form; then the mask of TFRecords. */
function slowMaskedCrc(data: Uint8Array): number {
  const reversed = (value: number, bits: number) =>
    Number.parseInt(value.toString(2).padStart(bits, '0').split('').reverse().join(''), 2);
  let crc = 0xffffffff;
  for (const byte of data) {
    crc = (crc ^ (reversed(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc >>> 31 ? 0x1edc6f41 : 0)) >>> 0;
  }
  const sum = BigInt(reversed(~crc >>> 0, 32));
  return Number((((sum >> 15n) | (sum << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

type Fields = Map<number, (number | Buffer)[]>;

/** A protocol-buffers message: by field number, numbers of the wire types 0, 1 and 5, and the bytes of type 2. */
function readMessage(data: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = data[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const [number, wire] = [key >> 3, key & 7];
    let value: number | Buffer;
    if (wire === 0) value = varint();
    else if (wire === 1) value = data.readDoubleLE(at);
    else if (wire === 5) value = data.readFloatLE(at);
    else {
      expect(wire).toBe(2);
      const length = varint();
      value = data.subarray(at, at + length);
      at += length;
    }
    at += wire === 1 ? 8 : wire === 5 ? 4 : 0;
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  expect(at).toBe(data.length);
  return fields;
}

/** The files of a zip archive that is stored, found by its directory. */
function readZip(file: Buffer): Map<string, Buffer> {
  const end = file.length - 22;
  expect(file.readUInt32LE(end)).toBe(0x06054b50);
  const files = new Map<string, Buffer>();
  let at = file.readUInt32LE(end + 16);
  for (let left = file.readUInt16LE(end + 10); left > 0; left--) {
    expect(file.readUInt32LE(at)).toBe(0x02014b50);
    expect(file.readUInt16LE(at + 10)).toBe(0);
    const [crc, packed, size] = [16, 20, 24].map((offset) => file.readUInt32LE(at + offset));
    const nameLength = file.readUInt16LE(at + 28);
    const name = file.toString('utf8', at + 46, at + 46 + nameLength);
    const local = file.readUInt32LE(at + 42);
    expect(file.readUInt32LE(local)).toBe(0x04034b50);
    expect(file.subarray(local + 6, local + 30)).toEqual(file.subarray(at + 8, at + 32));
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const data = file.subarray(start, start + size);
    expect([packed, crc32(data)]).toEqual([size, crc]);
    files.set(name, data);
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  expect(at).toBe(end);
  return files;
}

function readNpy(file: Buffer): { shape: number[]; values: number[] } {
  expect(file.toString('latin1', 0, 8)).toBe('\u0093NUMPY\u0001\u0000');
  const start = 10 + file.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = file.toString('latin1', 10, start);
  const [, kind, shape] =
    /^\{'descr': '(<[fi][48])', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header) ?? [];
  const bytes = Number(kind[2]);
  const values = Array.from({ length: (file.length - start) / bytes }, (_, i) => {
    const at = start + i * bytes;
    if (kind === '<f8') return file.readDoubleLE(at);
    return kind === '<f4' ? file.readFloatLE(at) : file.readInt32LE(at);
  });
  return {
    shape: shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number),
    values,
  };
}

describe('the export of a run', () => {
  beforeEach(() => setDevice(reference));

  it('for TensorBoard holds every metric at every evaluated step', async () => {
    const folder = await runIn(await makeFolder());
    const { points, environment } = await sound(folder);
    const [version, ...events] = readRecords(await content(folder, 'tensorboard')).map(readMessage);
    expect(String(version.get(3)?.[0])).toBe('brain.Event:2');
    expect(events.map((event) => event.get(2)?.[0])).toEqual([2, 4, 6]);
    events.forEach((event, i) => {
      const { step: _, ...scalars } = points[i];
      const start = Date.parse(String(environment.startedAt)) / 1000;
      expect(event.get(1)?.[0]).toBeCloseTo(start + points[i].seconds, 6);
      const values = readMessage(event.get(5)?.[0] as Buffer).get(1) as Buffer[];
      const found = values.map(readMessage).map((value) => [String(value.get(1)?.[0]), value.get(2)?.[0]]);
      expect(found).toEqual(Object.entries(scalars).map(([tag, value]) => [tag, Math.fround(value)]));
    });
  });

  it('has the checksum that the definition of TFRecords gives', () => {
    // The check value of CRC-32C is 0xe3069283.
    const masked = (((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0;
    expect(maskedCrc32c(Buffer.from('123456789'))).toBe(masked);
    expect(slowMaskedCrc(Buffer.from('123456789'))).toBe(masked);
  });

  it('as CSV is a table of the points', async () => {
    const folder = await runIn(await makeFolder());
    const { points } = await sound(folder);
    const [header, ...lines] = (await content(folder, 'csv')).toString().trimEnd().split('\n');
    const columns = header.split(',') as (keyof RunPoint)[];
    expect(columns).toEqual(Object.keys(points[0]));
    expect(lines.map((line) => line.split(',').map(Number))).toEqual(
      points.map((point) => columns.map((column) => point[column])),
    );
  });

  it('as safetensors and .npz holds the best weights, the latter with the metrics', async () => {
    const folder = await runIn(await makeFolder());
    const kept = parseSafetensors(await readFile(join(folder, 'weights.safetensors'))).tensors;
    const plain = (tensors: ReadonlyMap<string, RawTensor>) =>
      new Map(
        [...tensors].map(([name, { shape, data }]) => [
          name,
          { shape: [...shape], values: Array.from(data, Number) },
        ]),
      );
    expect(plain(parseSafetensors(await content(folder, 'safetensors')).tensors)).toEqual(plain(kept));
    const arrays = new Map(
      [...readZip(await content(folder, 'npz'))].map(([name, file]) => [name, readNpy(file)]),
    );
    const { points } = await sound(folder);
    const expected = new Map([...plain(kept)].map(([name, array]) => [`${name}.npy`, array]));
    for (const key of Object.keys(points[0]) as (keyof RunPoint)[]) {
      expected.set(`metrics.${key}.npy`, { shape: [3], values: points.map((point) => point[key]) });
    }
    expect(arrays).toEqual(expected);
    expect(kept.get('bn1.num_batches_tracked')?.dtype).toBe('I32');
  });

  it('of a run under way takes the best weights of its newest checkpoint, or the weights there are', async () => {
    const root = await makeFolder();
    const whole = await runIn(root, { steps: 4 });
    // After 5 of 6 updates; the evaluations so far are those of the first 4.
    const stopped = await runIn(root, {}, 5);
    expect(await readRun(stopped)).toMatchObject({ status: 'interrupted' });
    const [best, expected] = [await content(stopped, 'safetensors'), await content(whole, 'safetensors')];
    expect(parseSafetensors(best).tensors).toEqual(parseSafetensors(expected).tensors);
    const early = await runIn(root, { evaluateEvery: 6 }, 1);
    expect([...parseSafetensors(await content(early, 'safetensors')).tensors.keys()]).toContain(
      'linear.bias',
    );
    await expect(content(early, 'csv')).rejects.toThrow(
      /has no metrics yet; there is nothing to export before the first evaluation\.$/,
    );
  });
});

describe('regrad export', () => {
  beforeEach(() => setDevice(reference));

  it('writes what is asked for, where it is asked for, and says where', async () => {
    const folder = await runIn(await makeFolder());
    const own = join(await makeFolder(), 'deep', 'table.csv');
    const out = await called(addExport, [
      'export',
      folder,
      '--csv',
      own,
      '--npz',
      '--tensorboard',
      '--safetensors',
    ]);
    const inside = ['events.out.tfevents.regrad', 'run.npz', 'weights.safetensors'];
    expect((await readdir(join(folder, 'export'))).sort()).toEqual(inside);
    expect(out.trimEnd().split('\n').sort()).toEqual(
      [own, ...inside.map((name) => join(folder, 'export', name))].sort(),
    );
    expect(await readFile(own)).toEqual(await content(folder, 'csv'));
    // The run is as sound as before.
    expect(await readRun(folder)).toMatchObject({ status: 'finished' });
  });

  it.each<[string, (folder: string) => Promise<unknown>, string[], RegExp]>([
    [
      'no format',
      async () => undefined,
      [],
      /^Say what to export: --tensorboard, --csv, --safetensors or --npz\.$/,
    ],
    [
      'cut-off weights',
      (f) => truncate(join(f, 'weights.safetensors'), 100),
      ['--csv', '--safetensors'],
      /weights\.safetensors: the header should be \d+ bytes long/,
    ],
    [
      'an empty file of metrics',
      (f) => truncate(join(f, 'metrics.jsonl'), 0),
      ['--csv', '--npz'],
      /metrics\.jsonl was changed: .* has 0 bytes, but had \d+ when it was written\./,
    ],
    [
      'metrics with a line that is no JSON',
      (f) => writeFile(join(f, 'metrics.jsonl'), '{"step":1}x\n'),
      ['--csv'],
      /metrics\.jsonl, line 1: expected JSON such as a line of metrics, but it is .*; the file is damaged\.$/,
    ],
    [
      'metrics with a line that lacks things',
      (f) => writeFile(join(f, 'metrics.jsonl'), '{"step":1}\n'),
      ['--tensorboard'],
      /metrics\.jsonl, line 1: "epoch" is not as in a line of metrics; the file is damaged\.$/,
    ],
    [
      'a result that is none',
      (f) => writeFile(join(f, 'result.json'), '{"status":"great"}'),
      ['--csv'],
      /result\.json is not as regrad writes it at "status"; the run is damaged: restore/,
    ],
  ])('refuses a run with %s, and writes nothing', async (_, harm, formats, sentence) => {
    const folder = await runIn(await makeFolder());
    await harm(folder);
    expect(await refusal(addExport, ['export', folder, ...formats])).toMatch(sentence);
    expect(await readdir(folder)).not.toContain('export');
  });

  it('refuses what is no run', async () => {
    const folder = await makeFolder();
    expect(await refusal(addExport, ['export', folder, '--csv'])).toBe(
      `${folder} is no run folder: it has no config.json.`,
    );
    await put(folder, 'file', '');
    expect(await refusal(addExport, ['export', join(folder, 'file'), '--csv'])).toMatch(
      /^Could not read .*config\.json: there is no such file; check the path\.$/,
    );
  });

  it('says where it cannot write', async () => {
    const folder = await runIn(await makeFolder());
    await put(folder, 'file', '');
    expect(await refusal(addExport, ['export', folder, '--csv', join(folder, 'file', 'x.csv')])).toMatch(
      /^Could not create the folder .*file: a file of that name is there\.$/,
    );
    expect(await refusal(addExport, ['export', folder, '--csv', folder])).toMatch(
      /^Could not write .* is a folder/,
    );
  });
});

describe('the store of runs', () => {
  beforeEach(() => setDevice(reference));

  it('lists runs with their status, damaged ones too, and passes over other folders', async () => {
    const root = await makeFolder();
    const done = await runIn(root);
    const stopped = await runIn(root, { seed: 1 }, 3);
    const lost = await runIn(root, { seed: 2, learningRate: 1e300 });
    const damaged = await runIn(root, { seed: 3 });
    await writeFile(join(damaged, 'config.json'), '{');
    const torn = await runIn(root, { seed: 4 }, 5);
    await writeFile(join(torn, 'metrics.jsonl'), '{"step":6,"ep', { flag: 'a' });
    await mkdir(join(root, 'notes'));
    await put(root, 'file', '');
    const byFolder = new Map((await listRuns(root)).map((run) => [run.folder, run]));
    expect(byFolder.size).toBe(5);
    expect(byFolder.get(done)).toMatchObject({ status: 'finished', result: { status: 'finished' } });
    expect(byFolder.get(stopped)).toMatchObject({
      status: 'interrupted',
      points: [{ step: 2 }],
      result: undefined,
    });
    expect(byFolder.get(lost)).toMatchObject({
      status: 'diverged',
      points: [{ validationLoss: Number.NaN }],
    });
    expect(byFolder.get(damaged)).toMatchObject({
      status: 'damaged',
      problem: expect.stringMatching(/config\.json/),
    });
    expect(byFolder.get(torn)).toMatchObject({ status: 'interrupted', points: [{ step: 2 }, { step: 4 }] });

    const table = await called(addRuns, ['runs', root]);
    expect(table.trimEnd().split('\n')).toHaveLength(2 + 5);
    expect(table).toMatch(
      /^\| 20\d\d-\d\d-\d\d \d\d:\d\d \| LB +\| resnet\[2\] \| made-up \| +[\d.]+ \| +\| +0 \| finished +\| 6 of 6 \| +[\d.]+ \| +[\d.]+ \| \S+ \|$/m,
    );
    expect(table).toMatch(/\| interrupted \| 2 of 6 \|/);
    const lines = (await called(addRuns, ['runs', root, '--json'])).trimEnd().split('\n');
    const statuses = lines.map((line) => JSON.parse(line).status).sort();
    expect(statuses).toEqual(['damaged', 'diverged', 'finished', 'interrupted', 'interrupted']);
  });

  it('lists runs in the folders below', async () => {
    const root = await makeFolder();
    const penalty = { method: 'GN', lambda: 0.25, learningRate: 0.125 } as const;
    const folders = [
      await runIn(join(root, 'sweep'), penalty),
      await runIn(join(root, 'deep', 'er')),
      await runIn(root),
    ];
    // What is below a run is none of the store's.
    await cp(folders[2], join(folders[0], 'inside'), { recursive: true });
    const lines = (await called(addRuns, ['runs', root, '--json'])).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).folder).sort()).toEqual(folders.sort());
    expect(await called(addRuns, ['runs', root])).toMatch(/\| GN +\| .*\| +0\.125 \| 0\.25 \|/);
  });

  it('compares two runs, by folder or by name', async () => {
    const root = await makeFolder();
    const [a, b] = [await runIn(root), await runIn(root, { seed: 1, evaluateEvery: 3 })];
    const text = await called(addRuns, ['runs', root, '--compare', a, basename(b)]);
    expect(text).toMatch(/^\| seed +\| +0 \| +1 \|$/m);
    expect(text).toMatch(/^\| evaluateEvery +\| +2 \| +3 \|$/m);
    expect(text).not.toMatch(/^\| steps /m);
    expect(text).toMatch(/^\| test accuracy, % +\| +[\d.]+ \| +[\d.]+ \| +-?[\d.]+ \|$/m);
    expect(text).toMatch(
      /^Validation accuracy, on average over 1 steps that both evaluated: a - b = -?[\d.]+ points\.$/m,
    );
    const json = JSON.parse(await called(addRuns, ['runs', root, '--compare', a, b, '--json']));
    expect(json.keys).toEqual([
      { key: 'seed', a: 0, b: 1 },
      { key: 'evaluateEvery', a: 2, b: 3 },
      { key: 'checkpointEvery', a: 2, b: 3 },
    ]);
    expect(json.validation).toEqual([{ step: 6, a: expect.any(Number), b: expect.any(Number) }]);
    expect(await called(addRuns, ['runs', root, '--compare', a, a])).toContain(
      'The configurations are the same.',
    );
  });

  it('refuses a folder that is not there, and what is no two runs', async () => {
    const root = await makeFolder();
    expect(await called(addRuns, ['runs', root])).toBe(`There are no runs in ${root}.\n`);
    expect(await refusal(addRuns, ['runs', join(root, 'none')])).toMatch(
      /^Could not look for runs in .*none: there is no such folder; name the one given to --runs\.$/,
    );
    expect(await refusal(addRuns, ['runs', root, '--compare', 'a'])).toBe(
      '--compare takes two runs, but 1 were named.',
    );
    expect(await refusal(addRuns, ['runs', root, '--compare', 'a', 'b'])).toMatch(
      /a is no run folder: it has no config/,
    );
  });

  it('gives recorded norms, and says what is wrong with them', async () => {
    const folder = await runIn(await makeFolder());
    const norms = await recordedNorms(folder);
    expect(norms).toEqual([
      { step: 0, norm: expect.any(Number) },
      { step: 3, norm: expect.any(Number) },
    ]);
    expect(await recordedNorms(join(folder, 'norms.jsonl'))).toEqual(norms);
    await writeFile(join(folder, 'norms.jsonl'), '{"step":0,"norm":-1}\n');
    await expect(recordedNorms(folder)).rejects.toThrow(
      /norms\.jsonl, line 1: "norm" is not as in \{ "step": 0, "norm": 1\.5 \}; the file is damaged\.$/,
    );
    const without = await runIn(await makeFolder(), { recordNormsEvery: null });
    await expect(recordedNorms(without)).rejects.toThrow(
      /^Could not read recorded norms from .*norms\.jsonl: there is no such file; .* A run records them with recordNormsEvery\.$/,
    );
  });
});
