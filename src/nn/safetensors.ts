/**
 * Reads and writes the safetensors format: bytes in, bytes out, no file system, so a browser page can use it.
 *
 *     8 bytes   header length n, little-endian
 *     n bytes   JSON { name: { dtype, shape, data_offsets: [begin, end] }, __metadata__: { key: text } }
 *     the rest  the tensors' bytes, row-major and little-endian, without gap or overlap; offsets count from here
 */

import { checkBytes, checkText, checkTexts, refuse, shown } from '../engine/arguments.ts';
import { describe, type Fail, isRecord, readHeader } from './safetensors-header.ts';

/** Each element type: bytes per element in the file, and the array that holds it here. */
const layouts = {
  F64: { bytes: 8, holder: Float64Array },
  I64: { bytes: 8, holder: BigInt64Array },
  U64: { bytes: 8, holder: BigUint64Array },
  F32: { bytes: 4, holder: Float32Array },
  I32: { bytes: 4, holder: Int32Array },
  U32: { bytes: 4, holder: Uint32Array },
  F16: { bytes: 2, holder: Float32Array },
  BF16: { bytes: 2, holder: Float32Array },
  I16: { bytes: 2, holder: Int16Array },
  U16: { bytes: 2, holder: Uint16Array },
  I8: { bytes: 1, holder: Int8Array },
  U8: { bytes: 1, holder: Uint8Array },
  BOOL: { bytes: 1, holder: Uint8Array },
} as const;

/** Element types of the format that regrad reads. */
export type RawDtype = keyof typeof layouts;

/** Where a tensor's values live here: F16 and BF16 widened to Float32Array, BOOL as one byte of 0 or 1 each. */
export type RawData = InstanceType<(typeof layouts)[RawDtype]['holder']>;

/** A tensor as it lies in a file: no device, no tape. `data` is row-major and owns its memory. */
export interface RawTensor {
  dtype: RawDtype;
  shape: readonly number[];
  data: RawData;
}

export interface SafetensorsFile {
  /** In the order of the header. */
  tensors: Map<string, RawTensor>;
  metadata: Record<string, string>;
}

interface Entry {
  name: string;
  dtype: RawDtype;
  shape: number[];
  begin: number;
  end: number;
}

const metadataKey = '__metadata__';

/**
 * Reads a whole safetensors file.
 *
 * `origin` is what an error calls the file (its path). Any fault of the file throws an Error naming origin and tensor:
 * a cut-off file, a bad header, an unknown dtype, offsets that overlap, leave gaps or disagree with the shape.
 * Offsets need no alignment: every tensor is copied out. PyTorch counterpart: `safetensors.torch.load`.
 */
export function parseSafetensors(bytes: Uint8Array, origin = 'safetensors data'): SafetensorsFile {
  checkBytes('parseSafetensors', 'bytes', bytes);
  checkText('parseSafetensors', 'origin', origin);
  const fail = (problem: string): never => {
    throw new Error(`${origin}: ${problem}`);
  };
  const { header, bodyStart } = readHeader(bytes, fail);
  const metadata = readMetadata(header[metadataKey], fail);
  const entries = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, value]) => readEntry(name, value, fail));

  checkCoverage(entries, bytes.length - bodyStart, fail);
  const tensors = new Map<string, RawTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const copy = new Uint8Array(bytes.subarray(bodyStart + begin, bodyStart + end));
    tensors.set(name, { dtype, shape, data: decode(dtype, copy.buffer) });
  }
  return { tensors, metadata };
}

/**
 * Writes tensors as one safetensors file that Python's `safetensors` opens.
 *
 * Wider elements come first and the header is padded to 8 bytes, so every tensor is aligned in the file.
 * Throws if a shape disagrees with its data, if the array does not suit the dtype, and for F16 and BF16,
 * which are read only. PyTorch counterpart: `safetensors.torch.save`.
 */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, RawTensor> | Readonly<Record<string, RawTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  if (!isRecord(tensors)) refuse('serializeSafetensors', 'tensors', tensors, 'tensors by name');
  checkTexts('serializeSafetensors', 'metadata', metadata);
  const list = [...(tensors instanceof Map ? tensors : Object.entries(tensors))] as [string, RawTensor][];
  for (const [name, tensor] of list) checkWritable(name, tensor);
  list.sort(([, a], [, b]) => layouts[b.dtype].bytes - layouts[a.dtype].bytes);

  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set(metadataKey, metadata);
  let end = 0;
  for (const [name, { dtype, shape, data }] of list) {
    const begin = end;
    end += data.byteLength;
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(text.length / 8) * 8;

  const bytes = new Uint8Array(8 + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(text, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of list) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    return fail(`${metadataKey} should be an object of strings, but is ${describe(value)}.`);
  }
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, fail: Fail): Entry {
  const failHere: Fail = (problem) => fail(`tensor ${describe(name)}: ${problem}`);
  if (!isRecord(value)) {
    return failHere(`expected an object with dtype, shape and data_offsets, but it is ${describe(value)}.`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(layouts, dtype)) {
    return failHere(`dtype ${describe(dtype)} is unknown; regrad reads ${Object.keys(layouts).join(', ')}.`);
  }
  if (!isCounts(shape)) {
    return failHere(`shape should be a list of whole numbers from 0 on, but is ${describe(shape)}.`);
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return failHere(
      `data_offsets should be [begin, end] in bytes, begin ≤ end, but is ${describe(offsets)}.`,
    );
  }
  const [begin, end] = offsets;
  const size = shape.reduce((product, extent) => product * extent, layouts[dtype as RawDtype].bytes);
  if (size !== end - begin) {
    failHere(
      `${dtype} of shape ${describe(shape)} takes ${size} bytes, ` +
        `but its data_offsets [${begin}, ${end}] hold ${end - begin}.`,
    );
  }
  return { name, dtype: dtype as RawDtype, shape, begin, end };
}

/** The tensors must tile the data from its first to its last byte. */
function checkCoverage(entries: readonly Entry[], length: number, fail: Fail): void {
  let covered = 0;
  let previous = '';
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) {
      fail(
        `tensor ${describe(name)} begins at byte ${begin} of the data, inside tensor ${describe(previous)}, which ends at ${covered}.`,
      );
    }
    if (begin > covered) {
      fail(`bytes ${covered} to ${begin} of the data, before tensor ${describe(name)}, belong to no tensor.`);
    }
    if (end > length) {
      fail(
        `tensor ${describe(name)} ends at byte ${end} of the data, but there are only ${length} bytes; the file is cut off.`,
      );
    }
    covered = end;
    previous = name;
  }
  if (covered < length) {
    fail(`the last ${length - covered} of ${length} data bytes belong to no tensor.`);
  }
}

function decode(dtype: RawDtype, bytes: ArrayBuffer): RawData {
  if (dtype === 'F16' || dtype === 'BF16') {
    return Float32Array.from(new Uint16Array(bytes), dtype === 'F16' ? halfToNumber : bfloatToNumber);
  }
  return new layouts[dtype].holder(bytes);
}

/** IEEE half: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0) return sign * 2 ** -14 * fraction;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction);
}

/** bfloat16 is the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0];
}

function checkWritable(name: string, tensor: RawTensor): void {
  const fail: Fail = (problem) => {
    throw new Error(`serializeSafetensors: tensor "${name}": ${problem}`);
  };
  if (name === metadataKey) fail('this name is reserved by the format; choose another.');
  if (!isRecord(tensor)) fail(`expected an object with dtype, shape and data, but it is ${shown(tensor)}.`);
  const { dtype, shape, data } = tensor;
  if (dtype === 'F16' || dtype === 'BF16') fail(`${dtype} can be read but not written; write it as F32.`);
  if (!Object.hasOwn(layouts, dtype)) fail(`dtype ${shown(dtype)} is unknown; expected F32, I32 or another.`);
  const { holder } = layouts[dtype];
  if (!(data instanceof holder)) {
    fail(`${dtype} is written from a ${holder.name}, but data is ${shown(data)}.`);
  }
  const sizes = Array.isArray(shape) ? `[${shape.map(shown).join(', ')}]` : shown(shape);
  if (!isCounts(shape)) fail(`shape should be a list of whole numbers from 0 on, but is ${sizes}.`);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count !== data.length) {
    fail(`shape ${sizes} holds ${count} values, but data has ${data.length}.`);
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}
