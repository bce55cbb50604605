/**
 * Every operation of the table with NaN, infinities and zeros of both signs among its inputs: the GPU's values and
 * gradients are NaN, infinite and finite where the reference executor's are, and the finite ones agree.
 */
import { describe, expect, it } from 'vitest';
import { type Device, grad, sum, type Tensor, tensor } from '../src/engine/index.ts';
import { gpu, reference, valuesOn } from './devices.ts';
import { rows } from './operations/index.ts';
import type { Case, Row } from './operations/row.ts';

const mixtures: readonly (readonly number[])[] = [
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [Number.NEGATIVE_INFINITY],
  [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  [0, -0],
];

/** Every third element, or the first of fewer, is one of `specials`. */
async function mixed(inputs: readonly Tensor[], specials: readonly number[]): Promise<Tensor[]> {
  const values = await valuesOn(reference, () => inputs.map((input) => input));
  return inputs.map((input, which) => {
    if (input.dtype !== 'f32') return input;
    const data = Float64Array.from(values[which], (value, i) =>
      (i + which) % 3 === 0 ? specials[Math.floor(i / 3) % specials.length] : value,
    );
    return tensor(data, { shape: input.shape });
  });
}

function results(row: Row, use: Case, inputs: readonly Tensor[]): Tensor[] {
  const output = use.build(...inputs);
  const variables = inputs.filter(({ dtype, size }) => dtype === 'f32' && size > 0);
  if (row.differentiable === false || output.dtype !== 'f32' || variables.length === 0) return [output];
  return [output, ...grad(sum(output), variables)];
}

/** docs/numerics.md says why: taps beyond the edge of g count as zeros, and zero times NaN or infinity is NaN. */
const nanBesideEdges = (row: Row, part: number) => row.name === 'conv2d' && part === 1;

function agrees(actual: number, expected: number, scale: number): boolean {
  if (!Number.isFinite(expected)) return Object.is(actual, expected);
  return Math.abs(actual - expected) <= 1e-4 * scale;
}

async function mismatches(row: Row, device: Device): Promise<string[]> {
  const wrong: string[] = [];
  for (const use of row.cases) {
    for (const specials of mixtures) {
      const inputs = await mixed(use.inputs, specials);
      const build = () => results(row, use, inputs);
      const expected = await valuesOn(reference, build);
      const actual = await valuesOn(device, build);
      expected.forEach((values, part) => {
        const finite = [...values].filter(Number.isFinite).map(Math.abs);
        const scale = Math.max(1, ...finite);
        const isRight = (value: number, i: number) =>
          agrees(actual[part][i], value, scale) ||
          (nanBesideEdges(row, part) && Number.isNaN(actual[part][i]));
        const at = [...values].findIndex((value, i) => !isRight(value, i));
        if (at < 0) return;
        const what = part === 0 ? 'value' : `gradient ${part}`;
        wrong.push(
          `${use.label} with ${specials}: ${what}[${at}] is ${actual[part][at]}, expected ${values[at]}`,
        );
      });
    }
  }
  return wrong;
}

describe.skipIf(!gpu)('special values go through the GPU as through the reference executor', () => {
  it.each(rows)('$name', async (row) => {
    expect(gpu && (await mismatches(row, gpu))).toEqual([]);
  });
});
