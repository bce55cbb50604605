/** Tensors that stand for another value while something is recorded. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  grad,
  mul,
  setDevice,
  square,
  sum,
  tensor,
  withValues,
} from '../src/engine/index.ts';
import { devices } from './devices.ts';

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('the gradient is that at the other value, and afterwards the tensor is what it was', async () => {
    const w = tensor([1, 2]);
    const cube = () => sum(mul(square(w), w));
    const there = withValues([w], [add(w, 1)], () => grad(cube(), w));
    expect([...(await there.data())]).toEqual([12, 27]);
    expect([...(await grad(cube(), w).data())]).toEqual([3, 12]);
    expect([...(await w.data())]).toEqual([1, 2]);
  });

  it('no gradient flows into what the value was computed from', async () => {
    const [w, shift] = [tensor([1, 2]), tensor([3, 4])];
    const loss = withValues([w], [add(w, shift)], () => sum(square(w)));
    expect([...(await grad(loss, shift).data())]).toEqual([0, 0]);
  });

  it('a compiled function sees the states of each call', async () => {
    const w = tensor([1, 2]);
    const step = compile((shift) => {
      const gradient = withValues([w], [add(w, shift)], () => grad(sum(square(w)), w));
      assign(w, gradient);
      return gradient;
    });
    expect([...(await (await step(tensor([1, 1]))).data())]).toEqual([4, 6]);
    expect([...(await (await step(tensor([0, 1]))).data())]).toEqual([8, 14]);
    expect([...(await w.data())]).toEqual([8, 14]);
  });

  it('what fails leaves the tensor as it was', async () => {
    const w = tensor([1, 2]);
    const failing = () => {
      throw new Error('in between');
    };
    expect(() => withValues([w], [add(w, 1)], failing)).toThrow('in between');
    expect(() => withValues([w], [add(w, 1)], () => assign(w, tensor([5, 5])))).toThrow(
      'withValues: a tensor was assigned while it stood for another value; assign it afterwards.',
    );
    expect([...(await w.data())]).toEqual([1, 2]);
  });
});

it('values must fit', () => {
  const w = tensor([1, 2]);
  expect(() => withValues([w], [], () => 0)).toThrow('withValues: 0 values for 1 tensors.');
  expect(() => withValues([w], [tensor([1])], () => 0)).toThrow(
    'withValues: f32[1] cannot stand for f32[2].',
  );
  expect(() => withValues([w], [tensor([1, 2], { dtype: 'i32' })], () => 0)).toThrow('i32[2] cannot');
});
