import { describe, expect, it } from 'vitest';
import { parseSafetensors, type RawTensor, serializeSafetensors } from '../src/nn/safetensors.ts';

/** A file with any header, however wrong. */
function fileOf(
  header: unknown,
  body: ArrayLike<number> = [],
  { length }: { length?: number } = {},
): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

function valuesOf(bytes: Uint8Array, name: string): number[] {
  return Array.from(parseSafetensors(bytes).tensors.get(name)?.data ?? [], Number);
}

const nested = '['.repeat(1e5) + ']'.repeat(1e5);
const long = 'w'.repeat(1e6);
const pair = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

describe('parseSafetensors', () => {
  it('reads a file written byte by byte', () => {
    const header = { __metadata__: { by: 'hand' }, w: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } };
    const file = parseSafetensors(fileOf(header, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
    expect(file.metadata).toEqual({ by: 'hand' });
    expect([...file.tensors]).toEqual([['w', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(1, -2) }]]);
  });

  it('reads unaligned tensors, out of order in the header, from the middle of a buffer', () => {
    const header = {
      b: { dtype: 'F64', shape: [], data_offsets: [3, 11] },
      a: { dtype: 'U8', shape: [3], data_offsets: [0, 3] },
      c: { dtype: 'I16', shape: [1], data_offsets: [11, 13] },
    };
    const body = [7, 8, 9, ...new Uint8Array(Float64Array.of(Math.PI).buffer), 0xfe, 0xff];
    const file = fileOf(header, body);
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    const bytes = shifted.subarray(3);
    expect(valuesOf(bytes, 'a')).toEqual([7, 8, 9]);
    expect(valuesOf(bytes, 'b')).toEqual([Math.PI]);
    expect(valuesOf(bytes, 'c')).toEqual([-2]);
  });

  it('gives tensors memory of their own', () => {
    const bytes = fileOf({ w: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, [5]);
    const { tensors } = parseSafetensors(bytes);
    bytes.fill(0);
    expect(tensors.get('w')?.data).toEqual(Uint8Array.of(5));
  });

  it('widens F16 and BF16', () => {
    const halves = [0x3c00, 0xc000, 0x0001, 0x8000, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x3555];
    const body = new Uint8Array(Uint16Array.from(halves).buffer);
    const half = valuesOf(fileOf({ h: { dtype: 'F16', shape: [9], data_offsets: [0, 18] } }, body), 'h');
    expect(half).toEqual([1, -2, 2 ** -24, -0, 65504, Infinity, -Infinity, NaN, 0.333251953125]);
    const bfloat = new Uint8Array(Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001).buffer);
    expect(valuesOf(fileOf({ h: { dtype: 'BF16', shape: [4], data_offsets: [0, 8] } }, bfloat), 'h')).toEqual(
      [1, -3.140625, Infinity, 2 ** -133],
    );
  });

  it('reads no tensors, empty tensors and names that are special in JavaScript', () => {
    expect(parseSafetensors(fileOf({})).tensors.size).toBe(0);
    const empty = '{"__proto__":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}';
    expect([...parseSafetensors(fileOf(empty)).tensors.keys()]).toEqual(['__proto__']);
  });

  it('reads metadata of any length, and names in which brackets and quotes stand', () => {
    const names = ['a"b', 'c\\', '{[', ']}', ','];
    const entries = names.map((name) => [name, { dtype: 'F32', shape: [0], data_offsets: [0, 0] }]);
    const header = { ...Object.fromEntries(entries), __metadata__: { note: 'x'.repeat(2e7) } };
    expect([...parseSafetensors(fileOf(header)).tensors.keys()]).toEqual(names);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /begins with 8 bytes of header length, but there are 0 bytes/],
    ['fewer than 8 bytes', new Uint8Array(5), /but there are 5 bytes/],
    [
      'a cut-off header',
      fileOf('{"w"', [], { length: 90 }),
      /should be 90 bytes long, but only 4 .* cut off/,
    ],
    [
      'an absurd header length',
      new Uint8Array(16).fill(255),
      /only 8 bytes follow .* not a safetensors file/,
    ],
    ['a zip archive', Buffer.from('PK\x03\x04........'), /looks like a zip archive, as PyTorch .*save_file/],
    ['a pickle', Buffer.from('\x80\x02}q\x00X..........', 'latin1'), /looks like a Python pickle, as older/],
    ['an HDF5 file', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /looks like an HDF5 file/],
    [
      'a header nested deeply',
      fileOf(nested),
      /should be a JSON object of tensors, but is nested too deeply/,
    ],
    ['a tensor nested deeply', fileOf(`{"w":${nested}}`), /tensor "w": .* but it is nested too deeply/],
    ['a dtype nested deeply', fileOf(`{"w":{"dtype":${nested}}}`), /dtype nested too deeply is unknown/],
    ['a long name', fileOf(`{"${'w'.repeat(2e7)}":1}`), /^.{20,40}"w{70,80}…: expected an object .{1,99}$/],
    ['a name of many escapes', fileOf(`{"${'\\n'.repeat(1e7)}":1}`), /"(\\n){30,40}\\?…: expected an object/],
    ['a long name twice', fileOf(`{"${long}":{},"${long}":{}}`), /names tensor "w{70,80}… twice/],
    ['a header that is not JSON', fileOf('{"w": '), /header is not JSON .* damaged/],
    ['bytes that are not UTF-8', new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0xff]), /header is not JSON/],
    ['a header that is a list', fileOf('[]'), /should be a JSON object of tensors, but is \[\]/],
    ['a name twice', fileOf('{"w":{"x":{"w":1}},"\\u0077":{}}'), /names tensor "w" twice/],
    [
      'metadata of numbers',
      fileOf({ __metadata__: { k: 1 } }),
      /__metadata__ should be an object of strings/,
    ],
    ['a tensor that is no object', fileOf({ w: 3 }), /tensor "w": expected an object .* it is 3/],
    [
      'an unknown dtype',
      fileOf({ w: { ...pair, dtype: 'F8_E4M3' } }, Array(8)),
      /"w": dtype "F8_E4M3" is unknown/,
    ],
    [
      'a dtype from the prototype',
      fileOf({ w: { ...pair, dtype: 'toString' } }),
      /dtype "toString" is unknown/,
    ],
    ['no dtype', fileOf({ w: { shape: [], data_offsets: [0, 0] } }), /dtype missing is unknown/],
    ['a negative extent', fileOf({ w: { ...pair, shape: [-2] } }), /"w": shape should be .* but is \[-2\]/],
    ['a fractional extent', fileOf({ w: { ...pair, shape: [0.5] } }), /shape should be/],
    [
      'three offsets',
      fileOf({ w: { ...pair, data_offsets: [0, 4, 8] } }),
      /data_offsets should be \[begin, end\]/,
    ],
    ['offsets backwards', fileOf({ w: { ...pair, data_offsets: [8, 0] } }), /begin ≤ end, but is \[8,0\]/],
    [
      'a size unlike the shape',
      fileOf({ w: { ...pair, shape: [3] } }),
      /shape \[3\] takes 12 .* \[0, 8\] hold 8/,
    ],
    ['cut-off data', fileOf({ w: pair }, Array(5)), /"w" ends at byte 8 of the data, but there are only 5/],
    ['bytes left over', fileOf({ w: pair }, Array(9)), /last 1 of 9 data bytes belong to no tensor/],
    [
      'an overlap',
      fileOf({ a: pair, b: { ...pair, data_offsets: [4, 12] } }, Array(12)),
      /tensor "b" begins at byte 4 of the data, inside tensor "a", which ends at 8/,
    ],
    [
      'a gap',
      fileOf({ a: pair, b: { ...pair, data_offsets: [9, 17] } }, Array(17)),
      /bytes 8 to 9 of the data, before tensor "b", belong to no tensor/,
    ],
  ])('explains %s', (_, bytes, sentence) => {
    const parse = () => parseSafetensors(bytes, 'model.safetensors');
    expect(parse).toThrow(sentence);
    expect(parse).toThrow(/^model\.safetensors: .*\.$/);
  });

  it('never returns a cut-off file as whole', () => {
    const whole = serializeSafetensors({ a: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } });
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSafetensors(whole.subarray(0, length)), `${length} bytes`).toThrow(
        /safetensors data: /,
      );
    }
  });
});

describe('serializeSafetensors', () => {
  const every: Record<string, RawTensor> = {
    bool: { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    i8: { dtype: 'I8', shape: [1], data: Int8Array.of(-128) },
    u8: { dtype: 'U8', shape: [1], data: Uint8Array.of(255) },
    i16: { dtype: 'I16', shape: [1], data: Int16Array.of(-300) },
    u16: { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) },
    i32: { dtype: 'I32', shape: [2, 1], data: Int32Array.of(-70000, 2) },
    u32: { dtype: 'U32', shape: [1], data: Uint32Array.of(4294967295) },
    i64: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
    u64: { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 63n) },
    f32: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, Infinity) },
    f64: { dtype: 'F64', shape: [], data: Float64Array.of(Math.E) },
    empty: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
  };

  it('comes back as it went, with its metadata', () => {
    const { tensors, metadata } = parseSafetensors(serializeSafetensors(every, { spec: '{"k": "ü"}' }));
    expect(Object.fromEntries(tensors)).toEqual(every);
    expect(metadata).toEqual({ spec: '{"k": "ü"}' });
    expect(serializeSafetensors(new Map(Object.entries(every)))).toEqual(serializeSafetensors(every));
  });

  it('pads the header to 8 bytes and aligns every tensor', () => {
    const bytes = serializeSafetensors(every);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    expect(length % 8).toBe(0);
    expect(text).toMatch(/^\{.*\} *$/);
    for (const [name, { data }] of Object.entries(every)) {
      expect(JSON.parse(text)[name].data_offsets[0] % data.BYTES_PER_ELEMENT, name).toBe(0);
    }
  });

  it('writes only the part of a buffer that a view shows', () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    expect(valuesOf(serializeSafetensors({ v: { dtype: 'F32', shape: [2], data } }), 'v')).toEqual([1, 2]);
  });

  it.each<[string, string, RawTensor, RegExp]>([
    ['a reserved name', '__metadata__', every.f32, /reserved/],
    ['a half float', 'w', { dtype: 'F16', shape: [1], data: Float32Array.of(1) }, /write it as F32/],
    [
      'another array',
      'w',
      { dtype: 'F32', shape: [1], data: Int32Array.of(1) },
      /from a Float32Array.*Int32Array/,
    ],
    [
      'another size',
      'w',
      { dtype: 'U8', shape: [2, 2], data: Uint8Array.of(1) },
      /\[2, 2\] holds 4 .* has 1/,
    ],
    ['a negative shape', 'w', { dtype: 'U8', shape: [-1, -1], data: Uint8Array.of(1) }, /\[-1, -1\]/],
  ])('refuses %s', (_, name, tensor, sentence) => {
    expect(() => serializeSafetensors({ [name]: tensor })).toThrow(sentence);
    expect(() => serializeSafetensors({ [name]: tensor })).toThrow(`tensor "${name}"`);
  });
});
