/** Fetching over connections that break, from servers that err: what arrives is the file, or nothing. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type DownloadOptions, download } from '../src/experiments/data/download.ts';
import type { OfficialFile } from '../src/experiments/data/official-files.ts';
import { makeFolder, put } from './data-files.ts';
import { type FileServer, type ServerBehaviour, serve } from './file-server.ts';

const content = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 5));
const etag = '"one"';

function official({ url }: Pick<FileServer, 'url'>, bytes = content, name = 'set.bin'): OfficialFile {
  const sum = createHash('sha256').update(bytes).digest('hex');
  return { name, url: url + name, bytes: bytes.length, algorithm: 'sha256', sum };
}

/** Serves by `behaviour` and fetches into a new folder, or a given one. */
async function setUp(behaviour: Partial<ServerBehaviour> = {}) {
  const settings: ServerBehaviour = { content, etag, ...behaviour };
  const server = await serve(settings);
  const folder = await makeFolder();
  const fetch = (options: DownloadOptions = {}) =>
    download(official(server), folder, { pause: 1, tries: 2, ...options });
  return { settings, server, folder, fetch, target: join(folder, 'set.bin') };
}

describe('download', () => {
  it('brings the file, and nothing else', async () => {
    const { server, folder, fetch, target } = await setUp();
    const seen: number[] = [];
    expect(await fetch({ onProgress: (bytes) => seen.push(bytes) })).toBe('fetched');
    expect((await readFile(target)).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(['set.bin']);
    expect(seen.at(-1)).toBe(content.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(server.requests[0]).toMatchObject({ 'accept-encoding': 'identity' });

    expect(await fetch()).toBe('present');
    expect(server.requests).toHaveLength(1);
  });

  it('creates the folder, follows redirections, and takes a gzip file as it is', async () => {
    const packed = gzipSync(content);
    const server = await serve({ content: packed });
    const folder = join(await makeFolder(), 'a', 'b');
    const signpost = await serve({ content, status: 302, location: `${server.url}set.gz` });
    const file = { ...official(server, packed, 'set.gz'), url: `${signpost.url}elsewhere` };
    expect(await download(file, folder)).toBe('fetched');
    expect((await readFile(join(folder, 'set.gz'))).equals(packed)).toBe(true);
  });

  it('goes on where the connection was cut, in one call', async () => {
    const { server, fetch, target, folder } = await setUp({ cutAfter: 30_000 });
    const seen: number[] = [];
    expect(await fetch({ tries: 20, onProgress: (bytes) => seen.push(bytes) })).toBe('fetched');
    expect((await readFile(target)).equals(content)).toBe(true);
    // How much of each 30,000 bytes arrives before the cut is up to the machine.
    expect(server.requests.length).toBeGreaterThanOrEqual(4);
    const resumed = server.requests.filter(({ range }) => range !== undefined);
    expect(resumed.length).toBeGreaterThanOrEqual(3);
    for (const headers of resumed) expect(headers['if-range']).toBe(etag);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(await readdir(folder)).toEqual(['set.bin']);
  });

  const date = 'Wed, 01 Jan 2020 00:00:00 GMT';
  it.each([
    ['an ETag', { etag }, etag],
    ['a date', { etag: undefined, date }, date],
    ['a weak ETag and a date', { etag: 'W/"one"', date }, date],
  ])('keeps what came when it gives up, and goes on by %s in a later call', async (_, marks, mark) => {
    const { settings, server, folder, fetch, target } = await setUp({
      ...marks,
      silentAfter: 40_000,
      ranges: false,
    });
    const told = await fetch({ tries: 1, patience: 300 }).catch((error: Error) => error.message);
    expect(told).toMatch(
      /^Could not fetch http:.*set.bin: the connection failed \(silence for 0.3 s\); 40000 bytes are kept for the next time\. Run the command again, or get the file another way and put it at .*set.bin \(100000 bytes, sha256 [0-9a-f]{64}\)\.$/,
    );
    expect((await readdir(folder)).sort()).toEqual(['set.bin.part', 'set.bin.part.mark']);
    expect((await readFile(`${target}.part`)).equals(content.subarray(0, 40_000))).toBe(true);
    settings.silentAfter = undefined;
    settings.ranges = true;
    server.requests.length = 0;
    expect(await fetch()).toBe('fetched');
    expect(server.requests).toMatchObject([{ range: 'bytes=40000-', 'if-range': mark }]);
    expect((await readFile(target)).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(['set.bin']);
  });

  it.each<[string, Partial<ServerBehaviour>, string]>([
    ['the file has changed at the server', {}, '"another"'],
    ['the server knows no ranges', { ranges: false }, etag],
    ['the server leaves no mark', { etag: undefined }, ''],
  ])('begins again when %s', async (_, behaviour, mark) => {
    const { folder, fetch, target } = await setUp(behaviour);
    await put(folder, 'set.bin.part', Buffer.alloc(50_000, 1));
    await put(folder, 'set.bin.part.mark', mark);
    expect(await fetch()).toBe('fetched');
    expect((await readFile(target)).equals(content)).toBe(true);
  });

  it('needs no byte more when all had come before', async () => {
    const { server, folder, fetch, target } = await setUp();
    await put(folder, 'set.bin.part', content);
    await put(folder, 'set.bin.part.mark', etag);
    expect(await fetch()).toBe('fetched');
    expect(server.requests).toMatchObject([{ range: 'bytes=100000-' }]);
    expect((await readFile(target)).equals(content)).toBe(true);
  });

  it('begins again when the part is longer than the file, or the server answers with another range', async () => {
    const { settings, folder, fetch, target } = await setUp();
    await put(folder, 'set.bin.part', Buffer.alloc(100_001));
    await put(folder, 'set.bin.part.mark', etag);
    expect(await fetch()).toBe('fetched');
    await put(folder, 'set.bin', undefined);
    await put(folder, 'set.bin.part', Buffer.alloc(50_000));
    await put(folder, 'set.bin.part.mark', etag);
    settings.contentRange = 'bytes 10-99999/100000';
    expect(await fetch()).toBe('fetched');
    expect((await readFile(target)).equals(content)).toBe(true);
  });

  it('tries again when the server is busy', async () => {
    const { server, fetch } = await setUp({ status: 503, failures: 1 });
    expect(await fetch()).toBe('fetched');
    expect(server.requests).toHaveLength(2);
  });

  it('throws away what has the wrong checksum', async () => {
    const { settings, folder, fetch } = await setUp();
    settings.content = Buffer.alloc(content.length, 7);
    await expect(fetch()).rejects.toThrow(
      /what came has the sha256 sum [0-9a-f]{64}, and was thrown away\. Run the/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it.each<[string, Partial<ServerBehaviour>, number, RegExp]>([
    [
      '404',
      { status: 404 },
      1,
      /the server answered 404 Not Found\. Run the command again, or get the file another way/,
    ],
    ['500 again and again', { status: 500 }, 2, /the server answered 500 Internal Server Error/],
    [
      'another size',
      { content: content.subarray(0, 5) },
      1,
      /the server's file has 5 bytes, the official one 100000/,
    ],
    [
      'more than the file, without a length',
      { content: Buffer.concat([content, content]), tellLength: false },
      1,
      /the server sent more than the 100000 bytes/,
    ],
    ['a body without an end', { endless: true, tellLength: false }, 1, /more than the 100000 bytes/],
    [
      'less than the file, without a length',
      { content: content.subarray(0, 9), tellLength: false, etag: undefined },
      3,
      /the connection ended after 9 of 100000 bytes; 9 bytes are kept/,
    ],
    ['redirections in a circle', { status: 301, location: '/set.bin' }, 6, /the server sends in circles/],
  ])('gives up on %s', async (_, behaviour, requests, sentence) => {
    const { server, folder, fetch } = await setUp(behaviour);
    await expect(fetch()).rejects.toThrow(sentence);
    expect(server.requests).toHaveLength(requests);
    expect(await readdir(folder)).not.toContain('set.bin');
  });

  it('writes no byte beyond the file, and keeps nothing of one that is longer', async () => {
    const { folder, fetch } = await setUp({ endless: true, tellLength: false });
    const seen: number[] = [];
    await expect(fetch({ onProgress: (bytes) => seen.push(bytes) })).rejects.toThrow(/sent more than/);
    expect(Math.max(0, ...seen)).toBeLessThanOrEqual(content.length);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that nobody answers', async () => {
    const folder = await makeFolder();
    const file = official({ url: 'http://127.0.0.1:1/' });
    await expect(download(file, folder, { tries: 2, pause: 1 })).rejects.toThrow(
      /Could not fetch http:\/\/127.0.0.1:1\/set.bin: the connection failed \(.*ECONNREFUSED.*\)\. Run/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not touch another file in the place of the official one', async () => {
    const { server, folder, fetch, target } = await setUp();
    await put(folder, 'set.bin', 'mine');
    await expect(fetch()).rejects.toThrow(
      /set.bin is there already, but is not the official file: its sha256 sum is [0-9a-f]+, .* Remove it to fetch it again/,
    );
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(server.requests).toHaveLength(0);
  });

  it('explains a folder that cannot be made, and a part that cannot be written', async () => {
    const { server, folder, fetch } = await setUp();
    await put(folder, 'file', 'x');
    await expect(download(official(server), join(folder, 'file', 'sub'))).rejects.toThrow(
      /Could not create the folder .*sub: there is no folder/,
    );
    await mkdir(join(folder, 'set.bin.part'));
    await expect(fetch()).rejects.toThrow(
      /could not write .*set.bin.part: .*folder, but a file was expected/,
    );
  });
});
