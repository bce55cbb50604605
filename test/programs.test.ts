/**
 * Random programs over special values: NaN and infinity stand where PyTorch has them, in the values and in the gradients.
 * programs/programs.py wrote the programs and PyTorch's answers.
 */
import { describe, expect, it } from 'vitest';
import {
  abs,
  add,
  clamp,
  cos,
  div,
  eq,
  erf,
  exp,
  expand,
  expm1,
  gelu,
  grad,
  greater,
  leakyRelu,
  log,
  log1p,
  logSoftmax,
  logSumExp,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  pow,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  where,
} from '../src/engine/index.ts';
import { devices, valuesOn } from './devices.ts';
import stored from './programs/programs.json' with { type: 'json' };

type Value = number | string | null;

interface Program {
  readonly inputs: readonly Value[][];
  readonly steps: readonly [name: string, a: number, b: number][];
  readonly f64: readonly Value[][];
  readonly f32: readonly Value[][];
}

const operations: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  neg,
  abs,
  square,
  sqrt,
  rsqrt,
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tanh,
  sigmoid,
  softplus,
  erf,
  relu,
  silu,
  sign,
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  pow,
  leakyRelu: (x) => leakyRelu(x),
  gelu: (x) => gelu(x),
  clamp: (x) => clamp(x, -1, 1),
  cube: (x) => pow(x, 3),
  reciprocal: (x) => div(1, x),
  double: (x) => mul(x, 2),
  half: (x) => mul(x, 0.5),
  plusOne: (x) => add(x, 1),
  oneMinus: (x) => sub(1, x),
  sum: (x) => expand(sum(x, 1, true), x.shape),
  mean: (x) => expand(mean(x, 1, true), x.shape),
  max: (x) => expand(max(x, 1, true), x.shape),
  min: (x) => expand(min(x, 1, true), x.shape),
  softmax: (x) => softmax(x, 1),
  logSoftmax: (x) => logSoftmax(x, 1),
  logSumExp: (x) => expand(logSumExp(x, 1, true), x.shape),
  larger: (a, b) => where(greater(a, b), a, b),
  unequal: (a, b) => where(eq(a, b), 0, a),
};

/** The value of a program's last tensor and the gradients of its sum. */
function results({ inputs, steps }: Program): Tensor[] {
  const leaves = inputs.map((values) => tensor(values.map(Number), { shape: [2, 4] }));
  const made = [...leaves];
  for (const [name, a, b] of steps) made.push(operations[name](made[a], made[b]));
  const output = made[made.length - 1];
  return [output, ...grad(sum(output), leaves)];
}

/** Alike: both NaN, the same infinity, or both finite. */
function alike(actual: number, expected: number): boolean {
  return Number.isFinite(expected) ? Number.isFinite(actual) : Object.is(actual, expected);
}

describe.each(devices)('on $name', ({ device }) => {
  it('NaN and infinities are where PyTorch has them', async () => {
    const wrong: string[] = [];
    for (const [at, program] of (stored as unknown as Program[]).entries()) {
      const expected = device.kind === 'gpu' ? program.f32 : program.f64;
      const actual = await valuesOn(device, () => results(program));
      const misses = expected.flatMap((row, i) =>
        row.flatMap((value, j) =>
          value === null || alike(actual[i][j], Number(value))
            ? []
            : [`${i === 0 ? 'output' : `gradient ${i - 1}`}[${j}]: ${actual[i][j]}, PyTorch ${value}`],
        ),
      );
      if (misses.length > 0) wrong.push(`program ${at}: ${misses.slice(0, 3).join('; ')} (${misses.length})`);
    }
    expect(wrong).toEqual([]);
  });
});
