/** JPEG files to pixels, by one decoder everywhere: decoders differ a little in rounding and in the colours of edges. */
import { createRequire } from 'node:module';
import jpeg from 'jpeg-js';
import { type JpegStructure, readJpegStructure } from './jpeg-structure.ts';

/** What is recorded with the pixels: "jpeg-js 0.4.4". */
export const jpegDecoder = `jpeg-js ${createRequire(import.meta.url)('jpeg-js/package.json').version}`;

/**
 * Decodes an image of `size` × `size` pixels into `target`: red, green and blue planes, each row by row; a grey image
 * fills all three alike. `origin` names the file in errors.
 */
export function decodeJpeg(bytes: Uint8Array, size: number, target: Uint8Array, origin: string): void {
  const { width, height, end } = structureOf(bytes, origin);
  if (width !== size || height !== size) {
    throw new Error(`${origin}: it should have ${size} × ${size} pixels, but has ${width} × ${height}.`);
  }
  const { data } = decode(bytes.subarray(0, end), origin);
  const plane = size * size;
  for (let i = 0; i < plane; i++) {
    target[i] = data[3 * i];
    target[plane + i] = data[3 * i + 1];
    target[2 * plane + i] = data[3 * i + 2];
  }
}

function structureOf(bytes: Uint8Array, origin: string): JpegStructure {
  try {
    return readJpegStructure(bytes);
  } catch (error) {
    throw new Error(`${origin}: ${error instanceof Error ? error.message : error}.`, { cause: error });
  }
}

function decode(bytes: Uint8Array, origin: string) {
  try {
    return jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxMemoryUsageInMB: 64,
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`${origin}: it is not a sound JPEG file (${problem}).`, { cause: error });
  }
}
