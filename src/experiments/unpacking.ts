/**
 * A bound on what packed data may unpack to. Files of images shrink to a tenth at best (labels, black margins), a file made
 * to fill the memory to a thousandth; what is small in any case may do as it likes.
 */
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';

const unpackers = { gzip: promisify(gunzip), zlib: promisify(inflate) };

const mebibyte = 2 ** 20;
/** What is allowed whatever the ratio: to a file of many images, and to a text or a single image. */
export const allowedBytes = { images: 64 * mebibyte, text: 4 * mebibyte };
const largestRatio = 20;

/** The most bytes that so many packed ones may become. */
export function unpackedLimit(packedBytes: number, allowed: number): number {
  return Math.max(allowed, largestRatio * packedBytes);
}

/** That packed data are more than their limit, as the end of a sentence. */
export class UnpacksToTooMuch extends Error {
  constructor(packedBytes: number, limit: number, cause?: unknown) {
    super(
      `its ${packedBytes} bytes unpack to more than ${limit}, out of all proportion; fetch it again, or unpack it ` +
        'yourself if it is right',
      { cause },
    );
  }
}

/** Unpacks within the limit. Throws UnpacksToTooMuch, or what Node's zlib throws. */
export async function unpack(
  packed: Uint8Array,
  format: keyof typeof unpackers,
  allowed: number = allowedBytes.images,
): Promise<Uint8Array> {
  const limit = unpackedLimit(packed.length, allowed);
  try {
    return await unpackers[format](packed, { maxOutputLength: limit });
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge ? new UnpacksToTooMuch(packed.length, limit, error) : error;
  }
}
