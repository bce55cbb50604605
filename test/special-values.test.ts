/**
 * Every element-wise operation at NaN, infinities, zeros of both signs, subnormal numbers, the largest numbers and the
 * bounds of functions: values and gradients on the GPU are those of the reference executor.
 */
import { describe, expect, it } from 'vitest';
import * as engine from '../src/engine/index.ts';
import {
  add,
  cast,
  clamp,
  type Device,
  eq,
  gelu,
  grad,
  greater,
  isNan,
  leakyRelu,
  logicalNot,
  pow,
  sum,
  type Tensor,
  tensor,
  where,
} from '../src/engine/index.ts';
import { gpu, reference, valuesOn } from './devices.ts';
import { elementwise } from './operations/elementwise.ts';

const op = { ...engine };
const smallestNormal = 2 ** -126;
const largest = (2 - 2 ** -23) * 2 ** 127;
const specials = [Number.NaN, Infinity, -Infinity, 0, -0, ...bothSigns(0.5, 1, 2, 3, 3e38, largest)];
const extremes = [...specials, ...bothSigns(1e-45, 1e-40, smallestNormal, 1e-20, 88, 104, 1e20, 2 ** 22)];
/** With the bounds where functions of math.ts change their formula or leave f32, and what lies just beyond. */
const bounds = [
  0.29,
  0.75,
  0.9999999,
  1.0000001,
  5,
  8,
  10,
  10.1,
  20,
  30,
  87,
  88.7,
  88.73,
  100,
  7999,
  8001,
  2 ** 31,
];
const all = [...extremes, ...bothSigns(1e-10, 1e-38, 1e10, ...bounds)].map(Math.fround);
const pairs = extremes.map(Math.fround);

function bothSigns(...values: number[]): number[] {
  return values.flatMap((value) => [value, -value]);
}

type Build = (...inputs: Tensor[]) => Tensor;
const unaryNames = [
  ...([
    'neg',
    'abs',
    'sign',
    'square',
    'exp',
    'expm1',
    'log',
    'log1p',
    'sqrt',
    'rsqrt',
    'sin',
    'cos',
  ] as const),
  ...(['tanh', 'sigmoid', 'softplus', 'erf', 'relu', 'leakyRelu', 'gelu', 'silu', 'isNan'] as const),
];
const binaryNames = [
  ...(['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum'] as const),
  ...(['eq', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual'] as const),
];
const logicNames = ['logicalAnd', 'logicalOr', 'logicalXor'] as const;

const unary: Record<string, Build> = {
  ...Object.fromEntries(unaryNames.map((name) => [name, (x: Tensor) => op[name](x)])),
  'gelu tanh': (x) => gelu(x, 'tanh'),
  'leakyRelu 0': (x) => leakyRelu(x, 0),
  'logicalNot isNan': (x) => logicalNot(isNan(x)),
  'cast to bool': (x) => cast(x, 'bool'),
  'cast to i32': (x) => cast(op.mul(x, 1e9), 'i32'),
  'cast to u32': (x) => cast(op.mul(x, 1e9), 'u32'),
  'where isNan': (x) => where(isNan(x), 0, x),
  ...named(
    [
      [-1, 1],
      [0, Infinity],
      [-Infinity, 0],
      [3, 1],
      [-Infinity, Infinity],
      [-0.75, 2 ** 31],
    ],
    ([low, high]) => [`clamp ${low} ${high}`, (x) => clamp(x, low, high)],
  ),
  ...named([-100, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 2.5, 3, 4, 100], (exponent) => [
    `pow ${exponent}`,
    (x) => pow(x, exponent),
  ]),
  ...named([-2, -1, 0, 0.5, 1, 2, 10], (base) => [`${base} pow`, (x) => pow(base, x)]),
};

const binary: Record<string, Build> = {
  ...Object.fromEntries(binaryNames.map((name) => [name, (a: Tensor, b: Tensor) => op[name](a, b)])),
  ...Object.fromEntries(
    logicNames.map((name) => [name, (a: Tensor, b: Tensor) => op[name](greater(a, 0), eq(b, b))]),
  ),
  where: (a, b) => where(greater(a, b), a, b),
  'where of sums': (a, b) => where(eq(a, 0), b, add(a, b)),
};

function named<Value>(
  values: readonly Value[],
  entry: (value: Value) => [string, Build],
): Record<string, Build> {
  return Object.fromEntries(values.map(entry));
}

interface Exception {
  readonly operation: RegExp;
  /** What the element may be off by, beside the relative tolerance. */
  readonly absolute: number;
  readonly reason: string;
}

const exceptions: readonly Exception[] = [
  {
    operation: /^(tanh|sigmoid) gradient/,
    absolute: 1e-7,
    reason: 'the derivative is made of the rounded output, 1 - y^2 and y (1 - y), as in PyTorch',
  },
  {
    operation: /^gelu/,
    absolute: 1e-6,
    reason: '1 + erf(x) and 1 + tanh(x) cancel where x is far below 0, as in PyTorch',
  },
  {
    operation: /^silu|^pow gradient|^-?[\d.]+ pow gradient/,
    absolute: 2e-36,
    reason:
      'a factor (sigmoid, power) is subnormal, which a GPU may take for 0; the other factor is up to 104',
  },
];

/** Subnormal results, and those of subnormal inputs, are whatever the driver makes of them: exact, or zero. */
const flush = (values: readonly number[]) => values.map((x) => (Math.abs(x) < smallestNormal ? x * 0 : x));

function agrees(actual: number, expected: number, absolute: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(Math.fround(expected)) || !Number.isFinite(actual))
    return actual === Math.fround(expected);
  return Math.abs(actual - expected) <= 1e-5 * Math.abs(expected) + absolute;
}

async function compute(device: Device, build: Build, inputs: readonly (readonly number[])[]) {
  return valuesOn(device, () => {
    const tensors = inputs.map((values) => tensor(values));
    const output = build(...tensors);
    return output.dtype === 'f32' ? [output, ...grad(sum(output), tensors)] : [output];
  });
}

async function mismatches(
  name: string,
  build: Build,
  inputs: readonly (readonly number[])[],
  device: Device,
) {
  const actual = await compute(device, build, inputs);
  const expected = await compute(reference, build, inputs);
  const flushed = await compute(reference, build, inputs.map(flush));
  return actual.flatMap((values, part) => {
    const what = part === 0 ? name : `${name} gradient ${part}`;
    const found = exceptions.filter(({ operation }) => operation.test(what));
    const absolute = Math.max(2 * smallestNormal, ...found.map((exception) => exception.absolute));
    return [...values].flatMap((value, i) => {
      const truths = [expected[part][i], flushed[part][i]];
      if (truths.some((truth) => agrees(value, truth, absolute))) return [];
      return [`${what} at ${inputs.map((input) => input[i])}: got ${value}, expected ${truths[0]}`];
    });
  });
}

describe.skipIf(!gpu)('on the GPU as on the reference executor', () => {
  it.each(Object.entries(unary))('%s', async (name, build) => {
    expect(gpu && (await mismatches(name, build, [all], gpu))).toEqual([]);
  });

  it.each(Object.entries(binary))('%s of pairs', async (name, build) => {
    const [first, second] = [pairs.flatMap((a) => pairs.map(() => a)), pairs.flatMap(() => pairs)];
    expect(gpu && (await mismatches(name, build, [first, second], gpu))).toEqual([]);
  });

  it('odd functions keep the sign of -0', async () => {
    const odd = ['neg', 'sin', 'tanh', 'erf', 'expm1', 'log1p', 'sqrt'] as const;
    const zeros = gpu && (await valuesOn(gpu, () => odd.map((name) => op[name](tensor([-0])))));
    expect(zeros?.map(([zero]) => zero)).toEqual(odd.map((name) => (name === 'neg' ? 0 : -0)));
  });
});

it('no element-wise operation is left out', () => {
  const tried = [...Object.keys(unary), ...Object.keys(binary)].join(' ').split(' ');
  expect(elementwise.map(({ name }) => name).filter((name) => !tried.includes(name))).toEqual([]);
});
