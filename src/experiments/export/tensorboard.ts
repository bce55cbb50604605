/**
 * TensorBoard event files: TFRecords of Event messages in the protocol-buffers encoding, written by hand.
 *
 *     record    u64 length, u32 masked crc of it, the bytes, u32 masked crc of them; all little-endian
 *     Event     1: wall_time (double), 2: step (varint), 3: file_version (text), 5: summary
 *     Summary   1: value, repeated;  Value  1: tag (text), 2: simple_value (float)
 */
import { maskedCrc32c } from './crc32c.ts';

export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** The content of an event file, whose name must contain `tfevents`. */
export function tensorboardEvents(events: readonly ScalarEvent[]): Uint8Array {
  const version = Buffer.concat([
    double(1, events[0]?.wallTime ?? 0),
    bytes(3, Buffer.from('brain.Event:2')),
  ]);
  return Buffer.concat([version, ...events.map(encodeEvent)].map(record));
}

function encodeEvent({ wallTime, step, scalars }: ScalarEvent): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
  );
  return Buffer.concat([double(1, wallTime), key(2, 0), varint(step), bytes(5, Buffer.concat(values))]);
}

function record(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, u32(maskedCrc32c(length)), data, u32(maskedCrc32c(data))]);
}

/** A field's number and how it is encoded: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
function key(field: number, wire: 0 | 1 | 2 | 5): Buffer {
  return varint(field * 8 + wire);
}

/** A whole number from 0 on, seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const groups: number[] = [];
  let rest = value;
  while (rest >= 128) {
    groups.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...groups, rest]);
}

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, 5), data]);
}

function bytes(field: number, data: Uint8Array): Buffer {
  return Buffer.concat([key(field, 2), varint(data.length), data]);
}

function u32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value);
  return data;
}
