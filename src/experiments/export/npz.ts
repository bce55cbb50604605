/**
 * NumPy's .npz: a zip archive, stored without compression, of one .npy file for each array.
 *
 *     .npy   0x93 "NUMPY", version 1 0, u16 header length, a Python dict padded to 64 bytes, the elements row-major
 */
import { crc32 } from 'node:zlib';

export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array;
}

/** What `numpy.load` opens as a mapping from names to arrays. Throws if the archive would pass 4 GiB, the format's limit. */
export function npz(arrays: readonly NamedArray[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const array of arrays) {
    const name = Buffer.from(`${array.name}.npy`);
    const content = npy(array);
    const header = entryHeader(name, content);
    directory.push(Buffer.concat([centralHeader(header, offset), name]));
    const local = Buffer.concat([localSignature, header, name]);
    parts.push(local, content);
    offset += local.length + content.length;
  }
  const central = Buffer.concat(directory);
  if (offset + central.length >= 2 ** 32) {
    throw new Error(
      'The arrays take more than 4 GiB, which an .npz cannot hold; export them with --safetensors.',
    );
  }
  return Buffer.concat([...parts, central, endOfDirectory(arrays.length, central.length, offset)]);
}

function npy({ shape, data }: NamedArray): Buffer {
  const kind = data instanceof Float32Array ? '<f4' : data instanceof Float64Array ? '<f8' : '<i4';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${kind}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Ten bytes come before the text, and a line end closes it.
  const padded = dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11);
  const header = Buffer.from(`\u0093NUMPY\u0001\u0000..${padded}\n`, 'latin1');
  header.writeUInt16LE(padded.length + 1, 8);
  return Buffer.concat([header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

const localSignature = Buffer.from('PK\u0003\u0004', 'latin1');

/** What a local header and one of the directory share: from the version to the lengths of name and extra field. */
function entryHeader(name: Uint8Array, content: Uint8Array): Buffer {
  const header = Buffer.alloc(26);
  header.writeUInt16LE(20, 0); // version 2.0 reads it
  header.writeUInt16LE(0x0800, 2); // the name is UTF-8
  header.writeUInt16LE(0x0021, 8); // 1980-01-01, so that equal arrays give equal bytes
  header.writeUInt32LE(crc32(content), 10);
  header.writeUInt32LE(content.length, 14);
  header.writeUInt32LE(content.length, 18);
  header.writeUInt16LE(name.length, 22);
  return header;
}

function centralHeader(header: Uint8Array, offset: number): Buffer {
  const start = Buffer.from('PK\u0001\u0002\u0014\u0000', 'latin1');
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(offset, 10);
  return Buffer.concat([start, header, rest]);
}

function endOfDirectory(count: number, length: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(length, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
