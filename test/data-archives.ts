/** Small files of the kinds that hold image data, written byte by byte: zip archives, MATLAB v5 files, JPEGs. */
import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import jpeg from 'jpeg-js';
import { packTar } from 'modern-tar';

/** A tar archive, gzip, of files by name. */
export async function tarGz(files: Record<string, Uint8Array>): Promise<Uint8Array> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: body.length },
    body,
  }));
  return gzipSync(await packTar(entries));
}

/** Little-endian fields of 2 or 4 bytes. */
function fields(...values: [size: 2 | 4, value: number][]): Buffer {
  return Buffer.concat(
    values.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntLE(value, 0, size);
      return bytes;
    }),
  );
}

/** A zip archive of files by name, every second one stored, the others deflated. */
export function zip(files: Record<string, Uint8Array | string>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  Object.entries(files).forEach(([path, content], i) => {
    const name = Buffer.from(path);
    const data = Buffer.from(content);
    const packed = i % 2 === 0 ? data : deflateRawSync(data);
    const common: [2 | 4, number][] = [
      [2, 20],
      [2, 0],
      [2, i % 2 === 0 ? 0 : 8],
      [4, 0],
      [4, crc32(data)],
      [4, packed.length],
      [4, data.length],
      [2, name.length],
      [2, 0],
    ];
    const body = Buffer.concat([fields([4, 0x04034b50], ...common), name, packed]);
    bodies.push(body);
    const place: [2 | 4, number][] = [
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ];
    directory.push(fields([4, 0x02014b50], [2, 20], ...common, ...place), name);
    offset += body.length;
  });
  const index = Buffer.concat(directory);
  const count = bodies.length;
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, index.length],
    [4, offset],
    [2, 0],
  );
  return Buffer.concat([...bodies, index, end]);
}

/** Numeric types of MATLAB: the class of an array, the type of stored values, and how to write one. */
const matTypes = {
  int8: [8, 1, 1, (v: DataView, at: number, x: number) => v.setInt8(at, x)],
  uint8: [9, 2, 1, (v: DataView, at: number, x: number) => v.setUint8(at, x)],
  int16: [10, 3, 2, (v: DataView, at: number, x: number, le: boolean) => v.setInt16(at, x, le)],
  uint16: [11, 4, 2, (v: DataView, at: number, x: number, le: boolean) => v.setUint16(at, x, le)],
  int32: [12, 5, 4, (v: DataView, at: number, x: number, le: boolean) => v.setInt32(at, x, le)],
  uint32: [13, 6, 4, (v: DataView, at: number, x: number, le: boolean) => v.setUint32(at, x, le)],
  single: [7, 7, 4, (v: DataView, at: number, x: number, le: boolean) => v.setFloat32(at, x, le)],
  double: [6, 9, 8, (v: DataView, at: number, x: number, le: boolean) => v.setFloat64(at, x, le)],
  int64: [14, 12, 8, (v: DataView, at: number, x: number, le: boolean) => v.setBigInt64(at, BigInt(x), le)],
  uint64: [15, 13, 8, (v: DataView, at: number, x: number, le: boolean) => v.setBigUint64(at, BigInt(x), le)],
} as const;
export type MatType = keyof typeof matTypes;
export const matTypeNames = Object.keys(matTypes) as MatType[];

function matNumbers(type: MatType, values: Iterable<number>, little: boolean): Uint8Array {
  const [, , size, write] = matTypes[type];
  const list = [...values];
  const bytes = new Uint8Array(size * list.length);
  const view = new DataView(bytes.buffer);
  list.forEach((value, i) => {
    write(view, i * size, value, little);
  });
  return bytes;
}

/** An element; up to 4 bytes take the short form, as MATLAB writes them. */
export function matElement(type: number, data: Uint8Array, little = true, claimed = data.length): Uint8Array {
  if (data.length <= 4 && claimed === data.length) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, (data.length << 16) | type, little);
    bytes.set(data, 4);
    return bytes;
  }
  const bytes = new Uint8Array(8 + (type === 15 ? data.length : Math.ceil(data.length / 8) * 8));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, little);
  view.setUint32(4, claimed, little);
  bytes.set(data, 8);
  return bytes;
}

export interface MatOptions {
  little?: boolean;
  compressed?: boolean;
  /** The type that values are stored in, if it is not the array's own. */
  stored?: MatType;
}

export function matArray(
  name: string,
  type: MatType,
  dims: readonly number[],
  values: Iterable<number>,
  { little = true, compressed = false, stored = type }: MatOptions = {},
): Uint8Array {
  const parts = [
    matElement(6, matNumbers('uint32', [matTypes[type][0], 0], little), little),
    matElement(5, matNumbers('int32', dims, little), little),
    matElement(1, Buffer.from(name, 'latin1'), little),
    matElement(matTypes[stored][1], matNumbers(stored, values, little), little),
  ];
  const array = matElement(14, Buffer.concat(parts), little);
  return compressed ? matElement(15, deflateSync(array), little) : array;
}

export function matFile(elements: readonly Uint8Array[], little = true): Uint8Array {
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file, made up');
  header.set(little ? [0, 1, 0x49, 0x4d] : [1, 0, 0x4d, 0x49], 124);
  return Buffer.concat([header, ...elements]);
}

/** X of SVHN, column-major: pixel (row, column, channel, image) by `svhnPixel`. */
export function svhnPixels(count: number): Uint8Array {
  return Uint8Array.from({ length: 3072 * count }, (_, i) =>
    svhnPixel(i % 32, (i >> 5) % 32, (i >> 10) % 3, Math.floor(i / 3072)),
  );
}

export function svhnPixel(row: number, column: number, channel: number, image: number): number {
  return (row + 3 * column + 70 * channel + 5 * image) % 256;
}

export function svhnFile(
  labels: readonly number[],
  options: MatOptions & { type?: MatType } = {},
): Uint8Array {
  const { little = true, type = 'uint8' } = options;
  const X = matArray('X', 'uint8', [32, 32, 3, labels.length], svhnPixels(labels.length), {
    ...options,
    stored: 'uint8',
  });
  return matFile([X, matArray('y', type, [labels.length, 1], labels, options)], little);
}

/** A JPEG of one colour, so that every decoder gives the same. */
export function colourJpeg([red, green, blue]: readonly number[], width = 64, height = 64): Uint8Array {
  const data = new Uint8Array(4 * width * height).map((_, i) => [red, green, blue, 255][i % 4]);
  return jpeg.encode({ width, height, data }, 100).data;
}

/**
 * A JPEG of one component, 64 × 64, all of one grey: 128 + difference, which is 32 to 63 either way. Its Huffman tables
 * know two symbols for DC (no change: bit 0; 6 bits of change: bits 10) and one for AC (end of block: bit 0).
 */
export function greyJpeg(difference: number): Uint8Array {
  const segment = (marker: number, ...data: number[]) => [0xff, marker, 0, data.length + 2, ...data];
  const counts = (...first: number[]) => [...first, ...Array(16 - first.length).fill(0)];
  const bits =
    `10${(difference < 0 ? difference + 63 : difference).toString(2).padStart(6, '0')}0${'00'.repeat(63)}`.padEnd(
      136,
      '1',
    );
  return Uint8Array.from([
    ...[0xff, 0xd8],
    // Quantised by 8, the DC coefficient is the sum over 64 pixels, divided by 8: one step is one level of grey.
    ...segment(0xdb, 0, ...Array(64).fill(8)),
    ...segment(0xc0, 8, 0, 64, 0, 64, 1, 1, 0x11, 0),
    ...segment(0xc4, 0x00, ...counts(1, 1), 0, 6),
    ...segment(0xc4, 0x10, ...counts(1), 0),
    ...segment(0xda, 1, 1, 0, 0, 63, 0),
    ...(bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)),
    ...[0xff, 0xd9],
  ]);
}
