/**
 * MATLAB v5 files, as much of them as image data needs: real numeric arrays, plain or compressed.
 *
 *     file      128 bytes of header, the last four being version and byte order ("IM": little-endian, "MI": big), then elements
 *     element   type, size (32 bits each), the data, zeros up to a multiple of 8 bytes;
 *               or, if the data are at most 4 bytes: size and type (16 bits each) and the data
 *     15        a compressed element: zlib data that hold one element, with no zeros behind
 *     14        an array: elements for flags (class in the lowest byte), dims, name, and the values, column by column
 *
 * Values may be stored in a narrower type than the array's class.
 */
import { UnpacksToTooMuch, unpack } from '../unpacking.ts';

export interface MatArray {
  readonly dims: readonly number[];
  /** Column-major: the first dim changes fastest. Integers of 64 bits become numbers. */
  readonly values: Uint8Array | readonly number[];
}

const arrayType = 14;
const compressedType = 15;
const headerBytes = 128;

/** Types of stored values: bytes each, and how one is read. */
const valueTypes: Record<
  number,
  [bytes: number, read: (view: DataView, at: number, little: boolean) => number]
> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at, little) => view.getInt16(at, little)],
  4: [2, (view, at, little) => view.getUint16(at, little)],
  5: [4, (view, at, little) => view.getInt32(at, little)],
  6: [4, (view, at, little) => view.getUint32(at, little)],
  7: [4, (view, at, little) => view.getFloat32(at, little)],
  9: [8, (view, at, little) => view.getFloat64(at, little)],
  12: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  13: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
};
const unsignedByteType = 2;

/** Classes of numeric arrays: from double (6) to 64-bit unsigned (15). */
const isNumericClass = (kind: number): boolean => kind >= 6 && kind <= 15;
const complexFlag = 0x800;

/** The numeric arrays of a file, by name. What else it holds is passed over. `origin` names the file in errors. */
export async function parseMat(bytes: Uint8Array, origin: string): Promise<Map<string, MatArray>> {
  const little = readHeader(bytes, origin);
  const arrays = new Map<string, MatArray>();
  const reader = new Elements(bytes.subarray(headerBytes), little, origin);
  while (!reader.done) {
    let element = reader.next();
    if (element.type === compressedType) {
      element = new Elements(await decompress(element.data, origin), little, origin).next();
    }
    const found = element.type === arrayType ? readArray(element.data, little, origin) : undefined;
    if (found) arrays.set(found.name, found.array);
  }
  return arrays;
}

/** Whether the file is little-endian. */
function readHeader(bytes: Uint8Array, origin: string): boolean {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, headerBytes));
  if (text.startsWith('MATLAB 7.3')) {
    throw new Error(`${origin}: this is a MATLAB 7.3 file (HDF5); save it again with the option -v7.`);
  }
  const order = text.slice(126);
  const version = order === 'IM' ? bytes[125] : bytes[124];
  if ((order !== 'IM' && order !== 'MI') || version !== 1) {
    throw new Error(
      `${origin}: a MATLAB v5 file begins with ${headerBytes} bytes that end in its version and byte order, ` +
        `but this one does not; it is ${bytes.length < headerBytes ? 'cut off or ' : ''}of another kind.`,
    );
  }
  return order === 'IM';
}

interface Element {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Elements one after the other. */
class Elements {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #origin: string;
  #at = 0;

  constructor(bytes: Uint8Array, little: boolean, origin: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
    this.#origin = origin;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  next(): Element {
    this.#require(8);
    const type = this.#view.getUint32(this.#at, this.#little);
    if (type >>> 16 !== 0) {
      const size = type >>> 16;
      if (size > 4) {
        throw new Error(
          `${this.#origin}: a short element claims ${size} bytes, but 4 fit; the file is damaged.`,
        );
      }
      const data = this.#bytes.subarray(this.#at + 4, this.#at + 4 + size);
      this.#at += 8;
      return { type: type & 0xffff, data };
    }
    const size = this.#view.getUint32(this.#at + 4, this.#little);
    this.#at += 8;
    this.#require(size);
    const data = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += type === compressedType ? size : Math.ceil(size / 8) * 8;
    return { type, data };
  }

  #require(size: number): void {
    const left = Math.max(0, this.#bytes.length - this.#at);
    if (left < size) {
      throw new Error(
        `${this.#origin}: the next part of the file should have ${size} bytes, but ${left} are left; ` +
          'the file is cut off or damaged.',
      );
    }
  }
}

async function decompress(data: Uint8Array, origin: string): Promise<Uint8Array> {
  try {
    return await unpack(data, 'zlib');
  } catch (error) {
    if (error instanceof UnpacksToTooMuch) throw new Error(`${origin}: ${error.message}.`, { cause: error });
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`${origin}: its compressed data are damaged (${problem}); fetch it again.`, {
      cause: error,
    });
  }
}

/** An array, or undefined if it holds no real numbers. */
function readArray(
  data: Uint8Array,
  little: boolean,
  origin: string,
): { name: string; array: MatArray } | undefined {
  const parts = new Elements(data, little, origin);
  const [flags = 0] = numbers(parts.next(), little, origin);
  if (!isNumericClass(flags & 0xff) || flags & complexFlag) return undefined;
  const dims = numbers(parts.next(), little, origin);
  const name = new TextDecoder('latin1').decode(parts.next().data);
  const stored = parts.next();
  const values = stored.type === unsignedByteType ? stored.data : numbers(stored, little, origin);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (values.length !== count) {
    throw new Error(
      `${origin}: the array ${name} of ${dims.join(' × ')} should have ${count} values, but has ${values.length}; ` +
        'the file is damaged.',
    );
  }
  return { name, array: { dims, values } };
}

function numbers({ type, data }: Element, little: boolean, origin: string): number[] {
  if (!Object.hasOwn(valueTypes, type)) {
    throw new Error(
      `${origin}: numbers of the unknown type ${type}; the file is damaged or of another kind.`,
    );
  }
  const [size, read] = valueTypes[type];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: Math.floor(data.length / size) }, (_, i) => read(view, i * size, little));
}
