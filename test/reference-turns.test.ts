/** The reference executor gives others a turn: long work does not hold timers and signals up, nor change what comes of it. */
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  matmul,
  mul,
  setDevice,
  state,
  sum,
  Tensor,
  tensor,
} from '../src/engine/index.ts';
import { type Operation, recordNode } from '../src/engine/tape.ts';
import { reference } from './devices.ts';

beforeEach(() => setDevice(reference));

const side = 160;
const matrix = () =>
  tensor(
    Float64Array.from({ length: side * side }, (_, i) => Math.sin(i)),
    { shape: [side, side] },
  );

/** Turns that a timer gets while `work` goes on. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work.finally(() => clearInterval(timer));
  return turns;
}

/** Many products one after the other: about two seconds of plain loops. */
function long(x = matrix()) {
  let y = x;
  for (let i = 0; i < 60; i++) y = mul(matmul(y, x), 0.01);
  return sum(y);
}

it('to timers, while a value is computed', async () => {
  const y = long();
  expect(await turnsDuring(y.item())).toBeGreaterThan(2);
});

it('to timers, while a compiled function runs', async () => {
  const f = compile(long);
  const x = matrix();
  const results: number[] = [];
  for (let call = 0; call < 2; call++) {
    expect(await turnsDuring(f(x).then(async (y) => results.push(await y.item())))).toBeGreaterThan(2);
  }
  expect(results[0]).toBe(results[1]);
  expect(results[0]).toBe(await long(x).item());
});

it('and an assignment made in such a turn counts from there on', async () => {
  const v = state(tensor([1, 2]));
  const slow = add(long(), sum(v));
  const reading = slow.item();
  await setTimeout(150);
  assign(v, mul(v, 10));
  expect(await reading).toBe((await long().item()) + 3);
  expect([...(await v.data())]).toEqual([10, 20]);
});

it('also where two values are computed at once', async () => {
  const [a, b] = [matrix(), mul(matrix(), 0.5)];
  const alone = [await long(a).item(), await long(b).item()];
  expect(await Promise.all([long(a).item(), long(b).item()])).toEqual(alone);
});

it('and an operation that fails in such a turn is told as ever', async () => {
  const { node } = long();
  const operation: Operation = {
    ...node.operation,
    reference() {
      throw new Error('on purpose');
    },
  };
  const failing = () => new Tensor(recordNode(operation, [node], [], 'f32'));
  await expect(failing().item()).rejects.toThrow('on purpose');
  await expect(failing().item()).rejects.toThrow('on purpose');
});
