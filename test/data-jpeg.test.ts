/** Pixels of JPEG files, held against those of libjpeg. The fixtures are 16 × 16 pixels, written and read by Pillow 9.4. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeJpeg } from '../src/experiments/data/jpeg.ts';

const size = 16;
const plane = size * size;
const fixture = (name: string) => readFileSync(new URL(`fixtures/jpeg/${name}`, import.meta.url));

function decoded(bytes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(3 * plane);
  decodeJpeg(bytes, size, pixels, 'a.jpg');
  return pixels;
}

describe('JPEG files', () => {
  it.each(['444', '422', '420', '420-progressive', 'adobe-rgb', 'adobe-ycc', 'grey'])(
    'are decoded as by libjpeg: %s',
    (name) => {
      const pixels = decoded(fixture(`${name}.jpg`));
      const right = fixture(`${name}.rgb`);
      for (const channel of [0, 1, 2]) {
        const differences = Array.from(
          { length: plane },
          (_, i) => pixels[channel * plane + i] - right[3 * i + channel],
        );
        expect(Math.abs(differences.reduce((sum, one) => sum + one) / plane)).toBeLessThan(0.25);
        expect(Math.max(...differences.map(Math.abs))).toBeLessThanOrEqual(4);
      }
    },
  );

  it('end where their image ends', () => {
    const bytes = fixture('420.jpg');
    for (const rest of [[0], [0xff, 0xd9], [0xff, 0xd8, 0xff, 0xe1, 0, 9], new Array(999).fill(65)]) {
      expect(decoded(Buffer.concat([bytes, Uint8Array.from(rest)]))).toEqual(decoded(bytes));
    }
  });
});
