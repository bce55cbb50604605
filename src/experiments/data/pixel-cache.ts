/**
 * Decoded pixels, kept so that a set is decoded once. A file is 512 bytes of header (JSON, filled up with spaces) and the
 * pixels. It appears whole or not at all; one that does not fit its header to the byte is made again.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { clearLeftovers, createFolder, writeFileAtomic } from '../files.ts';
import { cacheFolderOf } from './locate.ts';

const headerBytes = 512;

export interface PixelSource {
  /** Names the file, with the key. */
  readonly name: string;
  /** All that the pixels depend on: files and their stamps, in order. */
  readonly inputs: readonly string[];
  readonly decoder: string;
  /** How many pixels there are, in bytes. */
  readonly size: number;
  /** Fills the pixels in. Nothing is kept if it throws. */
  decode(pixels: Uint8Array): Promise<void>;
}

/** The pixels, from the cache if they are there. A cache that cannot be written is told on standard error, no more. */
export async function cachedPixels({
  name,
  inputs,
  decoder,
  size,
  decode,
}: PixelSource): Promise<Uint8Array> {
  const hash = createHash('sha256').update(JSON.stringify([decoder, size]));
  for (const input of inputs) hash.update(`\n${input}`);
  const key = hash.digest('hex');
  const folder = cacheFolderOf('pixels');
  const path = join(folder, `${name}-${key.slice(0, 16)}.bin`);
  const describe = (pixels: Uint8Array): string =>
    JSON.stringify({ format: 'regrad pixels 1', key, decoder, size, crc32: crc32(pixels) }).padEnd(
      headerBytes,
    );

  const kept = await readFile(path).catch(() => undefined);
  if (kept?.length === headerBytes + size) {
    const pixels = new Uint8Array(kept.buffer, kept.byteOffset + headerBytes, size);
    if (kept.toString('utf8', 0, headerBytes) === describe(pixels)) return pixels;
  }
  const bytes = new Uint8Array(headerBytes + size);
  const pixels = bytes.subarray(headerBytes);
  await decode(pixels);
  bytes.set(new TextEncoder().encode(describe(pixels)));
  try {
    createFolder(folder);
    await clearLeftovers(folder);
    await writeFileAtomic(path, bytes);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    console.error(`note: the decoded pixels are not kept, and will be decoded again next time: ${problem}`);
  }
  return pixels;
}
