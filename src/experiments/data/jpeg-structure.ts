/**
 * The parts of a JPEG file, found without decoding: FF and a marker; for most, a length that counts itself (16 bits,
 * big-endian) and data. Behind the start of a scan come the coded pixels, in which FF is followed by 0 or a restart marker.
 */

export interface JpegStructure {
  /** As the header says, before anything is decoded. */
  readonly width: number;
  readonly height: number;
  /** Where the image ends in the file; what follows is none of its. */
  readonly end: number;
}

const endOfImage = 0xd9;
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
/** Start of frame, in any coding. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Throws the end of a sentence if the file does not begin or end as JPEG files do, or holds not one image. */
export function readJpegStructure(bytes: Uint8Array): JpegStructure {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) {
    throw new Error('it does not begin as a JPEG file does; it is damaged or of another kind');
  }
  const word = (at: number): number => (bytes[at] << 8) | bytes[at + 1];
  const frames: { height: number; width: number }[] = [];
  for (let at = 2; at + 1 < bytes.length; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0 || isRestart(marker)) {
      at++;
    } else if (marker === endOfImage) {
      if (frames.length !== 1) {
        throw new Error(`it is not a sound JPEG file (${frames.length} images in it, not one)`);
      }
      return { ...frames[0], end: at + 2 };
    } else {
      // Behind the length: bits of a sample, height, width.
      if (isFrame(marker)) frames.push({ height: word(at + 5), width: word(at + 7) });
      at += 2 + word(at + 2);
    }
  }
  throw new Error('it does not end as a JPEG file does; it is cut off');
}
