/** What compiled functions take and return: values that are not computed yet, and sentences for what is no tensor. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  createGenerator,
  mul,
  normal,
  read,
  run,
  setDevice,
  square,
  state,
  sum,
  Tensor,
  tensor,
  uniform,
  zeros,
} from '../src/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));
  const doubled = () => compile((a: Tensor) => mul(a, 2));

  it('takes arguments that are not computed yet, and computes them once', async () => {
    const f = doubled();
    const product = mul(tensor([1, 2, 3]), 2);
    expect(await list(await f(product))).toEqual([4, 8, 12]);
    expect(product.node.value).toBeDefined();
    expect(await list(await f(product))).toEqual([4, 8, 12]);
    expect(await list(await f(await f(product)))).toEqual([8, 16, 24]);
    expect(await list(await f(zeros([3])))).toEqual([0, 0, 0]);
    expect(await list(await f(product.detach()))).toEqual([4, 8, 12]);
    expect(await list(await f(square(tensor([3])).detach()))).toEqual([18]);
  });

  it('takes one lazy argument twice, beside others with values', async () => {
    const f = compile((a: Tensor, b: Tensor, c: Tensor) => add(mul(a, b), c));
    const lazy = square(tensor([1, 2]));
    expect(await list(await f(lazy, lazy, tensor([1, 1])))).toEqual([2, 17]);
    expect(await list(await f(tensor([1, 1]), square(lazy), lazy))).toEqual([2, 20]);
  });

  it('takes random draws, and draws each once', async () => {
    const f = compile((a: Tensor, b: Tensor) => add(a, b));
    const generator = createGenerator(5);
    const [draw, next] = [uniform(generator, [4]), normal(generator, [4])];
    const both = await list(await f(draw, next));
    const [first, second] = await read(draw, next);
    both.forEach((value, i) => void expect(value).toBeCloseTo(first[i] + second[i], 6));
    const again = createGenerator(5);
    const recorded = await list(add(uniform(again, [4]), normal(again, [4])));
    expect(both).toEqual(recorded);
  });

  it('takes values from before an assign as they were, and states as they are', async () => {
    const f = doubled();
    const w = state(tensor([1, 2]));
    const before = mul(w, 10);
    assign(w, add(w, 1));
    expect(await list(await f(before))).toEqual([20, 40]);
    expect(await list(await f(w))).toEqual([4, 6]);
    const call = f(w);
    assign(w, add(w, 1));
    expect(await list(await call)).toEqual([4, 6]);
    expect(await list(await f(w))).toEqual([6, 8]);
    expect(await list(await f(state(square(w))))).toEqual([18, 32]);
  });

  it('takes lazy arguments beside states that it assigns', async () => {
    const w = state(tensor([1]));
    const step = compile((x: Tensor) => {
      assign(w, add(w, x));
      return w;
    });
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) seen.push(await (await step(mul(w, 2))).item());
    expect(seen).toEqual([3, 9, 27, 81]);
    expect(await list(w)).toEqual([81]);
  });

  it('says which argument is gone, and goes on', async () => {
    const f = doubled();
    const [lost, source] = [tensor([1]), tensor([1])];
    const from = square(source);
    lost.dispose();
    source.dispose();
    for (const x of [lost, from]) await expect(f(x)).rejects.toThrow(/shape \[1\] was disposed of/);
    expect(await list(await f(tensor([4])))).toEqual([8]);
  });

  it('may return an argument, a state, a constant, the same twice, or nothing but its updates', async () => {
    const w = state(tensor([5, 6]));
    const f = compile((x: Tensor) => [x, w, zeros([2]), w, x]);
    const results = await f(square(tensor([1, 2])));
    expect(await Promise.all(results.map(list))).toEqual([
      [1, 4],
      [5, 6],
      [0, 0],
      [5, 6],
      [1, 4],
    ]);
    const update = compile(() => {
      assign(w, add(w, 1));
      return [];
    });
    expect(await update()).toEqual([]);
    expect(await update()).toEqual([]);
    expect(await list(w)).toEqual([7, 8]);
  });

  // Types forbid these; people without them do them all the same.
  const loose = (fn: (...args: readonly unknown[]) => unknown) =>
    compile(fn as (...args: readonly Tensor[]) => Tensor) as (
      ...args: readonly unknown[]
    ) => Promise<unknown>;
  const x = tensor([1, 2]);

  it.each<[unknown, RegExp]>([
    [0.5, /compile: argument 1 is 0\.5, but the function takes tensors.* tensor\(number\)/],
    [undefined, /compile: argument 1 is undefined/],
    [null, /compile: argument 1 is null/],
    ['mean', /compile: argument 1 is "mean"/],
    [[x, x], /compile: argument 1 is a list/],
    [{ image: x, label: x }, /compile: argument 1 is an object/],
  ])('refuses the argument %o', async (argument, message) => {
    await expect(loose((a) => a)(x, argument)).rejects.toThrow(message);
  });

  it.each<[string, (a: unknown) => unknown, RegExp]>([
    ['a number', () => 3, /compile: the function returned 3; return a tensor or a list of tensors/],
    ['nothing', () => {}, /compile: the function returned undefined; return a tensor/],
    ['an object', (a) => ({ loss: a, accuracy: a }), /compile: the function returned an object;/],
    ['a list with a number', (a) => [a, 2], /compile: item 1 of what the function returned is 2; return/],
    ['a list of lists', (a) => [[a, a]], /compile: item 0 of what the function returned is a list;/],
    [
      'a promise',
      async (a) => a,
      /compile: the function is async, but it is recorded.* wait for values outside/,
    ],
    ['a promise that rejects', () => Promise.reject(new Error('unheard')), /compile: the function is async/],
  ])('refuses a function that returns %s, and leaves states as they were', async (_, fn, message) => {
    const w = state(tensor([1]));
    await run();
    const faulty = loose((a) => {
      assign(w, add(w, 1));
      return fn(a);
    });
    for (let i = 0; i < 2; i++) await expect(faulty(x)).rejects.toThrow(message);
    expect(await list(w)).toEqual([1]);
  });

  it('refuses what is no function', () => {
    expect(() => compile(undefined as unknown as () => Tensor)).toThrow(
      /compile: fn is undefined; expected a function/,
    );
  });

  it('a function that throws once is recorded at the next call', async () => {
    let calls = 0;
    const f = compile((a: Tensor) => {
      if (++calls === 1) throw new Error('once');
      return sum(a);
    });
    await expect(f(x)).rejects.toThrow('once');
    expect((await f(x)) instanceof Tensor).toBe(true);
    expect(await (await f(x)).item()).toBe(3);
    expect(calls).toBe(2);
  });
});
