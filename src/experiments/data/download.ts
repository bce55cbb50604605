/**
 * One file from the network, whole or not at all. What has come lies in `NAME.part` until its checksum is right; a later
 * try goes on from there (HTTP Range), if the server's mark of the file (its ETag or date, kept in `NAME.part.mark`) is still
 * the same (If-Range).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { createFolder, readProblem, writeFileAtomic, writeProblem } from '../files.ts';
import type { OfficialFile } from './official-files.ts';

export interface DownloadOptions {
  /** Bytes of the file that are here. */
  onProgress?(bytes: number): void;
  /** Tries in a row that bring nothing new before it gives up. */
  readonly tries?: number;
  /** Milliseconds between two tries. */
  readonly pause?: number;
  /** Milliseconds of silence after which a connection counts as lost. */
  readonly patience?: number;
}

/** The connection failed: worth another try. */
class ConnectionLost extends Error {}

/**
 * Fetches `file` into `folder`.
 * @returns 'present' if it was there already, with the right checksum.
 * @throws a sentence: another file is in its place, the network or the server fails, the disk is full, the checksum is
 * wrong. It ends with how to do without: where to put the file by hand.
 */
export async function download(
  file: OfficialFile,
  folder: string,
  options: DownloadOptions = {},
): Promise<'fetched' | 'present'> {
  const target = join(folder, file.name);
  if (await isThere(target)) {
    const found = await checksum(target, file.algorithm);
    if (found === file.sum) return 'present';
    throw new Error(
      `${target} is there already, but is not the official file: its ${file.algorithm} sum is ${found}, that of ` +
        `${file.url} is ${file.sum}. Remove it to fetch it again.`,
    );
  }
  createFolder(folder);
  const part = `${target}.part`;
  try {
    await transfer(file, part, options);
    const found = await checksum(part, file.algorithm);
    if (found !== file.sum) {
      await removePart(part);
      throw new Error(`what came has the ${file.algorithm} sum ${found}, and was thrown away`);
    }
  } catch (error) {
    const problem = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    throw new Error(
      `Could not fetch ${file.url}: ${problem}. Run the command again, or get the file another way and put it at ` +
        `${target} (${file.bytes} bytes, ${file.algorithm} ${file.sum}).`,
      { cause: error },
    );
  }
  await rename(part, target);
  await removePart(part);
  return 'fetched';
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function checksum(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash).catch((error: unknown) => {
    throw new Error(`Could not read ${path}: ${readProblem(error)}`, { cause: error });
  });
  return hash.digest('hex');
}

async function removePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.mark`, { force: true });
}

/** Tries until `part` holds all of the file. */
async function transfer(
  file: OfficialFile,
  part: string,
  { tries = 5, pause = 2000, ...options }: DownloadOptions,
): Promise<void> {
  let failures = 0;
  let most = await sizeOf(part);
  for (;;) {
    try {
      await tryOnce(file, part, options);
      return;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      const after = await sizeOf(part);
      failures = after > most ? 0 : failures + 1;
      most = Math.max(most, after);
      if (failures >= tries) {
        const kept = after > 0 ? `; ${after} bytes are kept for the next time` : '';
        throw new Error(error.message + kept, { cause: error });
      }
    }
    await setTimeout(pause);
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function tryOnce(
  file: OfficialFile,
  part: string,
  { onProgress, patience = 60_000 }: DownloadOptions,
): Promise<void> {
  const mark = await readFile(`${part}.mark`, 'utf8').catch(() => '');
  const kept = await sizeOf(part);
  // Without a mark nothing says that the server's file is still the one that the part is of.
  const have = mark === '' || kept > file.bytes ? 0 : kept;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (have > 0) Object.assign(headers, { range: `bytes=${have}-`, 'if-range': mark });
  const response = await get(file.url, headers, patience);
  try {
    const start = await startOf(response, file, part, have);
    if (start === file.bytes) return;
    await writeMark(part, response);
    const size = await receive(response, file, part, start, onProgress);
    if (size < file.bytes) {
      throw new ConnectionLost(`the connection ended after ${size} of ${file.bytes} bytes`);
    }
  } finally {
    response.destroy();
  }
}

/** Where in the file the server's answer begins. Throws if it is no part of the file. */
async function startOf(
  response: IncomingMessage,
  file: OfficialFile,
  part: string,
  have: number,
): Promise<number> {
  const { statusCode: status = 0, statusMessage, headers } = response;
  const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  if (status === 416 && have === file.bytes) return have;
  if (status === 416 || (status === 206 && Number(first) !== have)) {
    await removePart(part);
    throw new ConnectionLost('the server has another file than the one begun, which was thrown away');
  }
  if (status !== 200 && status !== 206) {
    const answer = `the server answered ${status} ${statusMessage}`;
    throw status === 429 || status >= 500 ? new ConnectionLost(answer) : new Error(answer);
  }
  const size = status === 206 ? total : headers['content-length'];
  if (size !== undefined && size !== '*' && Number(size) !== file.bytes) {
    throw new Error(`the server's file has ${size} bytes, the official one ${file.bytes}`);
  }
  return status === 206 ? have : 0;
}

/** A weak ETag says nothing of the bytes; a date is the next best. */
async function writeMark(part: string, { headers }: IncomingMessage): Promise<void> {
  const { etag = '', 'last-modified': date = '' } = headers;
  await writeFileAtomic(`${part}.mark`, etag.startsWith('"') ? etag : date);
}

/** Writes the body behind the first `start` bytes, and stops at once if it is more than the file; returns the part's size. */
async function receive(
  response: IncomingMessage,
  file: OfficialFile,
  part: string,
  start: number,
  onProgress: DownloadOptions['onProgress'],
): Promise<number> {
  const fail = (error: unknown): never => {
    throw new Error(`could not write ${part}: ${writeProblem(error, part).replace(/\.$/, '')}`, {
      cause: error,
    });
  };
  const output = await open(part, start > 0 ? 'a' : 'w').catch(fail);
  let size = start;
  try {
    for await (const chunk of connected(response)) {
      size += chunk.length;
      if (size > file.bytes) {
        await removePart(part);
        throw new Error(`the server sent more than the ${file.bytes} bytes of the official file`);
      }
      await output.writeFile(chunk).catch(fail);
      onProgress?.(size);
    }
  } finally {
    await output.close();
  }
  return size;
}

/** The body's chunks; if it breaks off, that is a lost connection. */
async function* connected(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (error) {
    throw connectionLost(error);
  }
}

function connectionLost(error: unknown): ConnectionLost {
  return new ConnectionLost(`the connection failed (${error instanceof Error ? error.message : error})`);
}

/** A response with its headers, after up to five redirections. Its body is as it was sent: Node unpacks nothing. */
async function get(
  url: string,
  headers: Record<string, string>,
  patience: number,
  redirections = 5,
): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const pending = request(url, { headers, timeout: patience });
    let begun: IncomingMessage | undefined;
    pending.on('response', (answer) => {
      begun = answer;
      resolve(answer);
    });
    pending.on('timeout', () => (begun ?? pending).destroy(new Error(`silence for ${patience / 1000} s`)));
    pending.on('error', (error) => reject(connectionLost(error)));
    pending.end();
  });
  const { statusCode = 0, headers: answer } = response;
  if (statusCode < 300 || statusCode >= 400 || answer.location === undefined) return response;
  response.destroy();
  if (redirections === 0) throw new Error('the server sends in circles');
  return get(new URL(answer.location, url).href, headers, patience, redirections - 1);
}
