/** State: what `assign` promises to readers before and after it, and `compile`. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  createGenerator,
  grad,
  mul,
  ones,
  read,
  run,
  setDevice,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  uniform,
} from '../src/engine/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];

describe.each(devices)('assign on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('shows the new value to what is recorded later, the old one to what was recorded before', async () => {
    const w = tensor([1, 2]);
    const before = mul(w, 10);
    assign(w, add(w, 1));
    const after = mul(w, 10);
    expect(await list(after)).toEqual([20, 30]);
    expect(await list(before)).toEqual([10, 20]);
    expect(await list(w)).toEqual([2, 3]);
  });

  it('keeps the old value for its readers after the update has run', async () => {
    const w = tensor([1, 2]);
    for (let round = 0; round < 4; round++) {
      const before = mul(w, 10);
      assign(w, add(w, 1));
      await run();
      expect(await list(before)).toEqual([10 + 10 * round, 20 + 10 * round]);
      expect(await list(mul(w, 1))).toEqual([2 + round, 3 + round]);
    }
  });

  it('keeps the old value for a reader that runs together with the next update', async () => {
    const w = tensor([1]);
    for (let round = 0; round < 4; round++) {
      assign(w, add(w, 1));
      await run();
    }
    // One update is behind the reader, and the next, which would take the memory that it reads, runs with it.
    const reader = mul(w, 100);
    assign(w, add(w, 1));
    await run();
    assign(w, add(w, 1));
    expect(await list(reader)).toEqual([500]);
    expect(await list(w)).toEqual([7]);
  });

  it('runs with the next value that is read, whatever it is', async () => {
    const w = tensor([3]);
    assign(w, square(w));
    await ones([1]).data();
    expect(w.node.value).toBeDefined();
    expect(await list(w)).toEqual([9]);
  });

  it('several times before a run counts every time', async () => {
    const w = tensor([1]);
    for (let i = 0; i < 5; i++) assign(w, mul(w, 2));
    expect(await list(w)).toEqual([32]);
  });

  it('of a value that depends on another assigned state sees the new one', async () => {
    const [a, b] = [tensor([1]), tensor([10])];
    for (let round = 1; round <= 4; round++) {
      assign(a, add(a, 1));
      assign(b, mul(a, 10));
      await run();
      expect(await list(b)).toEqual([10 * (round + 1)]);
    }
  });

  it('swaps two states, again and again', async () => {
    const [a, b] = [tensor([1, 1]), tensor([2, 2])];
    for (let round = 0; round < 6; round++) {
      const old = a.detach();
      assign(a, b);
      assign(b, old);
      await run();
      expect([await list(a), await list(b)].join()).toBe(round % 2 === 0 ? '2,2,1,1' : '1,1,2,2');
    }
  });

  it('of one state to another leaves them apart', async () => {
    const [a, b] = [tensor([1]), tensor([5])];
    assign(a, b);
    await run();
    assign(b, add(b, 1));
    await run();
    assign(b, add(b, 1));
    expect([...(await list(a)), ...(await list(b))]).toEqual([5, 7]);
  });

  it('refuses other shapes, other dtypes, and targets that were computed', () => {
    const w = tensor([1, 2]);
    expect(() => assign(w, tensor([1]))).toThrow(/assign: f32\[1\] cannot replace f32\[2\]/);
    expect(() => assign(w, tensor(Int32Array.of(1, 2)))).toThrow(/assign: i32\[2\] cannot replace f32\[2\]/);
    expect(() => assign(square(w), w)).toThrow(/assign: the target was computed by square; only leaves/);
  });

  it('descends: ten steps of gradient descent by hand', async () => {
    const w = tensor([0, 0]);
    const target = tensor([3, -1]);
    for (let i = 0; i < 10; i++) {
      const loss = sum(square(sub(w, target)));
      assign(w, sub(w, mul(grad(loss, w), 0.25)));
    }
    const [x, y] = await list(w);
    expect(x).toBeCloseTo(3 * (1 - 2 ** -10), 6);
    expect(y).toBeCloseTo(-(1 - 2 ** -10), 6);
  });
});

describe.each(devices)('compile on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('replays with new arguments, and records anew for new shapes only', async () => {
    let recorded = 0;
    const f = compile((x: Tensor, y: Tensor) => {
      recorded++;
      return [sum(mul(x, y)), add(x, y)];
    });
    const [s, t] = await f(tensor([1, 2]), tensor([3, 4]));
    expect([await s.item(), ...(await list(t))]).toEqual([11, 4, 6]);
    const [u] = await f(tensor([5, 6]), await square(tensor([1, 2])).run());
    expect(await u.item()).toBe(29);
    expect(recorded).toBe(1);
    const [v] = await f(tensor([1, 2, 3]), tensor([1, 1, 1]));
    expect(await v.item()).toBe(6);
    await f(tensor([1, 2]), tensor([3, 4]));
    expect(recorded).toBe(2);
  });

  it('updates states at every call, in their order, and returns what was recorded', async () => {
    const [w, count] = [tensor([1, 2]), tensor(0)];
    const step = compile((x: Tensor) => {
      const before = sum(w);
      assign(w, add(w, x));
      assign(count, add(count, sum(w)));
      return [before, sum(w)];
    });
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) {
      const [before, after] = await step(tensor([1, 0]));
      seen.push(await before.item(), await after.item());
    }
    expect(seen).toEqual([3, 4, 4, 5, 5, 6, 6, 7, 7, 8]);
    expect(await count.item()).toBe(4 + 5 + 6 + 7 + 8);
    expect(await list(w)).toEqual([6, 2]);
  });

  it('sees states that were assigned outside', async () => {
    const w = tensor([1]);
    const doubled = compile(() => mul(w, 2));
    expect(await (await doubled()).item()).toBe(2);
    assign(w, tensor([7]));
    expect(await (await doubled()).item()).toBe(14);
    assign(w, tensor([8]));
    assign(w, add(w, 1));
    expect(await (await doubled()).item()).toBe(18);
  });

  it('draws anew at every call, as recording every time would', async () => {
    const draws = async (draw: (generator: ReturnType<typeof createGenerator>) => () => Promise<Tensor>) => {
      const next = draw(createGenerator(21));
      const values: number[] = [];
      for (let i = 0; i < 4; i++) values.push(...(await list(await next())));
      return values;
    };
    const compiled = await draws((generator) => compile(() => uniform(generator, [3])));
    const recorded = await draws((generator) => async () => uniform(generator, [3]));
    expect(compiled).toEqual(recorded);
    expect(new Set(compiled).size).toBe(12);
  });

  it('gives gradients of gradients, like recording', async () => {
    const w = tensor([0.5, -1]);
    const penalty = (x: Tensor) => {
      const loss = sum(square(mul(w, x)));
      const g = grad(loss, w);
      return grad(add(loss, sum(square(g))), w);
    };
    const x = tensor([2, 3]);
    expect(await list(await compile(penalty)(x))).toEqual(await list(penalty(x)));
  });

  it('leaves states untouched when the function throws', async () => {
    const w = tensor([1]);
    const faulty = compile(() => {
      assign(w, add(w, 1));
      throw new Error('on purpose');
    });
    await expect(faulty()).rejects.toThrow('on purpose');
    expect(await list(w)).toEqual([1]);
  });

  it('refuses to read an argument while it records', async () => {
    let reading: Promise<unknown> = Promise.resolve();
    const nosy = compile((x: Tensor) => {
      reading = x.data();
      reading.catch(() => {});
      return add(x, 1);
    });
    await nosy(tensor([1]));
    await expect(reading).rejects.toThrow(
      /shape \[1\] has no value yet: it is an input of a compiled function/,
    );
  });
});

it('read gives the elements of several tensors, in order', async () => {
  setDevice(reference);
  const x = tensor([1, 2]);
  const arrays = await read(square(x), sum(x), x);
  expect(arrays.map((array) => [...array])).toEqual([[1, 4], [3], [1, 2]]);
});
