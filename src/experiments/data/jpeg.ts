/**
 * JPEG files to pixels, by one decoder everywhere: decoders differ a little in rounding and in the colours of edges. Colours
 * are made here from the decoder's samples as libjpeg makes them, from which the pixels differ by 0.2 levels on average: the
 * decoder's own are cut off below the point, half a level too dark, and their subsampled channels are not interpolated.
 */
import { createRequire } from 'node:module';
import jpeg from 'jpeg-js';
import { type JpegStructure, readJpegStructure } from './jpeg-structure.ts';

/** What is recorded with the pixels: "jpeg-js 0.4.4, ...". */
export const jpegDecoder = `jpeg-js ${createRequire(import.meta.url)('jpeg-js/package.json').version}, interpolated, rounded`;

/**
 * Decodes an image of `size` × `size` pixels into `target`: red, green and blue planes, each row by row; a grey image
 * fills all three alike. `origin` names the file in errors.
 */
export function decodeJpeg(bytes: Uint8Array, size: number, target: Uint8Array, origin: string): void {
  const structure = structureOf(bytes, origin);
  const { width, height, frame, adobe, end } = structure;
  if (width !== size || height !== size) {
    throw new Error(`${origin}: it should have ${size} × ${size} pixels, but has ${width} × ${height}.`);
  }
  const file = bytes.slice(0, end);
  const inColours = frame.length === 3;
  // With this transform of Adobe's marker the decoder would make colours itself.
  if (inColours && adobe !== undefined) file[adobe.at] = 0;
  const data = decode(file, origin, inColours ? false : undefined);
  const planes = [0, 1, 2].map((c) => new Float32Array(size * size).map((_, i) => data[3 * i + c]));
  const rgb = inColours ? colours(planes, structure) : planes;
  // Rounds to the nearest, and clamps.
  const pixels = new Uint8ClampedArray(target.buffer, target.byteOffset, target.length);
  for (const [c, plane] of rgb.entries()) pixels.set(plane, c * size * size);
}

/** Red, green and blue from the decoder's three planes, in which subsampled ones are repeated. */
function colours(planes: readonly Float32Array[], structure: JpegStructure): readonly Float32Array[] {
  const { width, height, frame, isRgb } = structure;
  const most = (axis: 'across' | 'down') => Math.max(...frame.map((channel) => channel[axis]));
  const [y, cb, cr] = planes.map((plane, c) => {
    const across = most('across') === 2 * frame[c].across ? interpolated(plane, width, 1) : plane;
    return most('down') === 2 * frame[c].down ? interpolated(across, height, width) : across;
  });
  if (isRgb) return [y, cb, cr];
  const rgb = [0, 1, 2].map(() => new Float32Array(y.length));
  for (let i = 0; i < y.length; i++) {
    rgb[0][i] = y[i] + 1.402 * (cr[i] - 128);
    rgb[1][i] = y[i] - 0.344136 * (cb[i] - 128) - 0.714136 * (cr[i] - 128);
    rgb[2][i] = y[i] + 1.772 * (cb[i] - 128);
  }
  return rgb;
}

/** Pairs of equal values along one axis, as 3/4 of their own and 1/4 of the nearer neighbour's; at an edge all their own. */
function interpolated(plane: Float32Array, extent: number, stride: number): Float32Array {
  const between = new Float32Array(plane.length);
  for (let i = 0; i < plane.length; i++) {
    const at = Math.floor(i / stride) % extent;
    const neighbour = at % 2 === 0 ? Math.max(at - 1, 0) : Math.min(at + 1, extent - 1);
    between[i] = (3 * plane[i] + plane[i + (neighbour - at) * stride]) / 4;
  }
  return between;
}

function structureOf(bytes: Uint8Array, origin: string): JpegStructure {
  try {
    return readJpegStructure(bytes);
  } catch (error) {
    throw new Error(`${origin}: ${error instanceof Error ? error.message : error}.`, { cause: error });
  }
}

function decode(bytes: Uint8Array, origin: string, colorTransform: false | undefined): Uint8Array {
  try {
    return jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxMemoryUsageInMB: 64,
      colorTransform,
    }).data;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`${origin}: it is not a sound JPEG file (${problem}).`, { cause: error });
  }
}
