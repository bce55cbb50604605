/** The header of a safetensors file: JSON behind eight bytes of length, from anyone, hence of any size and depth. */

export type Fail = (problem: string) => never;

/** How files begin that are given as safetensors by mistake, and what they are. */
const otherKinds: readonly (readonly [start: string, kind: string])[] = [
  ['PK', 'a zip archive, as PyTorch (.pt, .pth, .bin) and NumPy (.npz) write it'],
  ['\x80', 'a Python pickle, as older PyTorch (.pt, .pth, .bin) writes it'],
  ['\x93NUMPY', 'a NumPy array (.npy)'],
  ['\x89HDF', 'an HDF5 file (.h5), as Keras writes it'],
  ['\x1f\x8b', 'a gzip file'],
];

/** The header as JSON has it, and where the tensors' bytes begin. */
export function readHeader(
  bytes: Uint8Array,
  fail: Fail,
): { header: Record<string, unknown>; bodyStart: number } {
  if (bytes.length < 8) {
    fail(
      `expected a safetensors file, which begins with 8 bytes of header length, but there are ${bytes.length} bytes.`,
    );
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8) {
    const start = String.fromCharCode(...bytes.subarray(0, 8));
    const kind = otherKinds.find(([other]) => start.startsWith(other))?.[1];
    fail(
      kind === undefined
        ? `the header should be ${length} bytes long, but only ${bytes.length - 8} bytes follow its length; ` +
            'the file is cut off or is not a safetensors file.'
        : `expected a safetensors file, but this looks like ${kind}; in Python, load it and write its tensors ` +
            'with safetensors.torch.save_file.',
    );
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, 8 + length));
    header = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    return fail(`the header is not JSON (${problem}); the file is damaged or is not a safetensors file.`);
  }
  if (!isRecord(header)) {
    return fail(`the header should be a JSON object of tensors, but is ${describe(header)}.`);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    fail(`the header names tensor ${describe(repeated)} twice.`);
  }
  return { header, bodyStart: 8 + length };
}

/** JSON.parse silently keeps the last of equal keys, so the outer object's keys are read once more. */
function repeatedKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let keyNext = false;
  for (let at = 0; at < json.length; at++) {
    const start = at;
    switch (json[at]) {
      case '"':
        for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
        if (depth === 1 && keyNext) {
          const key: string = JSON.parse(json.slice(start, at + 1));
          if (seen.has(key)) return key;
          seen.add(key);
        }
        keyNext = false;
        break;
      case '{':
      case '[':
        depth++;
        keyNext = true;
        break;
      case '}':
      case ']':
        depth--;
        break;
      case ',':
        keyNext = true;
    }
  }
  return undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value for an error: no more of it than one can read. */
export function describe(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? 'missing';
  } catch {
    return 'nested too deeply';
  }
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
