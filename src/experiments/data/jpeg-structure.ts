/**
 * The parts of a JPEG file, found without decoding: FF and a marker; for most, a length that counts itself (16 bits,
 * big-endian) and data. Behind the start of a scan come the coded pixels, in which FF is followed by 0 or a restart marker.
 */

/** What a channel's samples are to those of others: 1 across where another has 2 means half as many. */
interface Channel {
  readonly id: number;
  readonly across: number;
  readonly down: number;
}

export interface JpegStructure {
  /** As the header says, before anything is decoded. */
  readonly width: number;
  readonly height: number;
  readonly frame: readonly Channel[];
  /** Whether three channels are red, green and blue, and not brightness and two differences. */
  readonly isRgb: boolean;
  /** Where Adobe's marker says which transform was made, and which: 0 is none. */
  readonly adobe?: { readonly at: number; readonly transform: number };
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
  const begins = (at: number, text: string): boolean =>
    Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text;
  const frames: Pick<JpegStructure, 'height' | 'width' | 'frame'>[] = [];
  let isJfif = false;
  let adobe: JpegStructure['adobe'];
  for (let at = 2; at + 1 < bytes.length; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0 || isRestart(marker)) {
      at++;
    } else if (marker === endOfImage) {
      if (frames.length !== 1) {
        throw new Error(`it is not a sound JPEG file (${frames.length} images in it, not one)`);
      }
      const ids = String.fromCharCode(...frames[0].frame.map(({ id }) => id));
      const isRgb = !isJfif && (adobe ? adobe.transform === 0 : ids === 'RGB');
      return { ...frames[0], isRgb, adobe, end: at + 2 };
    } else {
      // Behind the length: bits of a sample, height, width, channels; for each its id, two times four bits, and one byte more.
      if (isFrame(marker)) {
        const frame = Array.from({ length: bytes[at + 9] }, (_, c) => {
          const sampling = bytes[at + 11 + 3 * c];
          return { id: bytes[at + 10 + 3 * c], across: sampling >> 4, down: sampling & 15 };
        });
        frames.push({ height: word(at + 5), width: word(at + 7), frame });
      }
      if (marker === 0xe0) isJfif ||= begins(at + 4, 'JFIF\0');
      if (marker === 0xee && begins(at + 4, 'Adobe\0')) adobe = { at: at + 15, transform: bytes[at + 15] };
      at += 2 + word(at + 2);
    }
  }
  throw new Error('it does not end as a JPEG file does; it is cut off');
}
