/** Numbers and other values as operands: what a dtype can hold, numbers alone, and what untyped JavaScript may pass. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import * as engine from '../src/engine/index.ts';
import { add, arange, full, less, maximum, mul, ones, setDevice, tensor } from '../src/engine/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const integers = tensor([5], { dtype: 'i32' });

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('adds numbers alone as f32 scalars', async () => {
    expect(await add(1, 2).item()).toBe(3);
    expect(await less(1, 2).item()).toBe(1);
  });

  it('holds the ends of every integer dtype', async () => {
    expect([...(await full([1], -(2 ** 31), 'i32').data())]).toEqual([-(2 ** 31)]);
    expect([...(await tensor([2 ** 32 - 1, -0], { dtype: 'u32' }).data())]).toEqual([2 ** 32 - 1, 0]);
    expect([...(await maximum(integers, 2 ** 31 - 1).data())]).toEqual([2 ** 31 - 1]);
  });

  it('takes NaN as true', async () => {
    expect([...(await tensor([Number.NaN, 0, -0], { dtype: 'bool' }).data())]).toEqual([1, 0, 0]);
  });
});

it.each([
  ['less', () => less(integers, 3e9)],
  ['maximum', () => maximum(integers, -3e9)],
  ['add', () => add(tensor([1], { dtype: 'u32' }), 2 ** 32)],
  ['where', () => engine.where(tensor([true]), integers, Number.POSITIVE_INFINITY)],
  ['full', () => full([2], Number.NaN, 'i32')],
  ['full', () => full([2], -1, 'u32')],
  ['pad', () => engine.pad(integers, [[1, 0]], 1.5)],
  ['tensor', () => tensor([1.9, 3], { dtype: 'i32' })],
  ['tensor', () => tensor(new Float32Array([3e9]), { dtype: 'i32' })],
  ['arange', () => arange(2 ** 31 + 1, 'i32')],
])('%s refuses a number that the dtype cannot hold: %s', (_name, call) => {
  expect(call).toThrow(/^\w+: the number .* is no [iu]32.*expected a whole number from .*\.$/);
});

it.each([undefined, null, '2', true, {}, [1]])('names the operation that got %s', (operand) => {
  for (const name of ['add', 'mul'] as const) {
    expect(() => Reflect.apply({ add, mul }[name], undefined, [ones([2]), operand])).toThrow(
      new RegExp(`^${name}: operand 2 is .*; expected a tensor or a number\\.$`),
    );
  }
});
