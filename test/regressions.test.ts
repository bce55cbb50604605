/** What was once wrong, each with the way it was found: a state, a graph or a number at an edge. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  adaptiveAvgPool2d,
  add,
  arange,
  assign,
  avgPool2d,
  cast,
  clamp,
  compile,
  concat,
  conv2d,
  crossEntropy,
  div,
  eq,
  expand,
  full,
  grad,
  matmul,
  maxPool2d,
  mul,
  ones,
  pad,
  permute,
  pow,
  read,
  reshape,
  run,
  setDevice,
  slice,
  stack,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
  zeros,
} from '../src/engine/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('adaptive pooling keeps infinities and their gradients in their regions', async () => {
    const x = tensor([
      [
        [
          [Infinity, 1, 2],
          [3, 4, 5],
          [6, 7, 8],
        ],
      ],
    ]);
    const y = adaptiveAvgPool2d(x, 2);
    const [dx] = grad(
      sum(
        mul(
          y,
          tensor([
            [
              [
                [Infinity, 0],
                [0, 0],
              ],
            ],
          ]),
        ),
      ),
      [x],
    );
    expect(await list(y)).toEqual([Infinity, 3, 5, 6]);
    expect(await list(dx)).toEqual([Infinity, Infinity, 0, Infinity, Infinity, 0, 0, 0, 0]);
  });

  it('padding takes part in a convolution: zero times infinity is NaN', async () => {
    const x = tensor([[[[1, 2]]]]);
    const w = full([1, 1, 1, 1], Infinity);
    const y = conv2d(x, w, { padding: 1 });
    expect(await list(y)).toEqual([...Array(5).fill(NaN), Infinity, Infinity, ...Array(5).fill(NaN)]);
    const [dx, dw] = grad(sum(mul(y, Infinity)), [x, w]);
    expect([await list(dx), await list(dw)]).toEqual([[Infinity, Infinity], [NaN]]);
  });

  it('refuses tensors with more elements than kernels count, stored or not', () => {
    const x = zeros([66000]);
    expect(() => eq(reshape(x, [66000, 1]), reshape(x, [1, 66000]))).toThrow('has 4356000000 elements');
    expect(() => expand(tensor([1]), [65536, 65536])).toThrow('has 4294967296 elements');
    expect(() => full([65536, 65537], 1)).toThrow('has 4295032832 elements');
    expect(() => arange(5e9, 'u32')).toThrow('is no u32');
    expect(() => arange(2 ** 31 + 1, 'i32')).toThrow('is no i32');
  });

  it('concatenates many tensors, and keeps -0 and NaN', async () => {
    const signs = await list(concat([tensor([-0, 1]), tensor([-0]), tensor([NaN, -0])]));
    expect(signs).toEqual([-0, 1, -0, NaN, -0]);
    const [a, b, c] = [
      tensor([[1], [2]]),
      tensor([
        [3, 4],
        [5, 6],
      ]),
      tensor([[7], [8]]),
    ];
    const joined = concat([a, zeros([2, 0]), b, c], 1);
    expect(await list(joined)).toEqual([1, 3, 4, 7, 2, 5, 6, 8]);
    const [slope] = grad(sum(mul(joined, mul(joined, joined))), [b]);
    expect(await list(slope)).toEqual([27, 48, 75, 108]);
    expect(await list(grad(sum(slope), [b])[0])).toEqual([18, 24, 30, 36]);
    const parts = Array.from({ length: 300 }, (_, i) => full([2, 3], i));
    const whole = await list(stack(parts));
    expect(whole).toEqual(Array.from({ length: 1800 }, (_, i) => Math.floor(i / 6)));
  });

  it('launches no kernel whose only readers are empty', async () => {
    const product = matmul(ones([1, 4]), ones([4, 2]));
    expect(await list(add(zeros([0, 2]), product))).toEqual([]);
    expect(await list(add(zeros([0, 2]), matmul(product, ones([2, 2]))))).toEqual([]);
    expect(await list(slice(avgPool2d(ones([1, 1, 2, 7]), 2), 3, 0, 0))).toEqual([]);
    expect(await list(slice(maxPool2d(ones([1, 1, 2, 7]), 2), 3, 0, 0))).toEqual([]);
    expect(await list(slice(conv2d(ones([1, 1, 2, 7]), ones([1, 1, 1, 1])), 3, 0, 0))).toEqual([]);
    const [a, b] = [ones([4, 3]), ones([3, 2])];
    const gradients = grad(sum(matmul(zeros([0, 4]), matmul(a, b))), [a, b]);
    expect(await list(gradients[0])).toEqual(Array(12).fill(0));
    expect(await list(gradients[1])).toEqual(Array(6).fill(0));
  });

  it('a compiled function returns a state that it assigned with its new value', async () => {
    const w = tensor([1]);
    const step = compile(() => {
      assign(w, add(w, 1));
      return w;
    });
    expect([await (await step()).item(), await (await step()).item()]).toEqual([2, 3]);
  });

  it('a compiled function takes what was recorded before it as it was then', async () => {
    const w = tensor([1]);
    const start = w.detach();
    const drift = compile(() => {
      assign(w, add(w, 1));
      return sub(w, start);
    });
    const drifts: number[] = [];
    for (let i = 0; i < 4; i++) drifts.push(await (await drift()).item());
    expect(drifts).toEqual([1, 2, 3, 4]);
  });

  it('a compiled function leaves alone what others assign while it is being called', async () => {
    for (let ticks = 0; ticks < 6; ticks++) {
      const [w, other] = [tensor([1]), tensor([10])];
      const step = compile(() => {
        assign(w, add(w, 1));
        return mul(w, 1);
      });
      const called = step();
      for (let tick = 0; tick < ticks; tick++) await null;
      assign(other, add(other, 5));
      await called;
      await step();
      expect([await w.item(), await other.item()]).toEqual([3, 15]);
    }
  });

  it('compiled calls run in the order of the calls, whatever waits to be assigned', async () => {
    const [w, other] = [tensor([1]), tensor([10])];
    const step = compile(() => {
      assign(w, add(w, 1));
      return mul(w, 1);
    });
    const calls = [step(), step(), step()];
    for (let tick = 0; tick < 12; tick++) {
      assign(other, add(other, 1));
      await null;
    }
    const results = await Promise.all(calls);
    expect(await Promise.all(results.map((result) => result.item()))).toEqual([2, 3, 4]);
    expect(await other.item()).toBe(22);
  });

  it('a compiled function must not assign to an argument', async () => {
    const step = compile((x: Tensor) => {
      assign(x, add(x, 1));
      return mul(x, 1);
    });
    await expect(step(tensor([1]))).rejects.toThrow(
      /compile: the function assigns to its argument 0, of shape \[1\]/,
    );
  });

  it('an operation with nothing to do gives a value that assign does not move', async () => {
    const w = tensor([1, 2]);
    const same = [
      reshape(w, [2]),
      expand(w, [2]),
      permute(w, [0]),
      slice(w, 0, 0),
      pad(w, [[0, 0]]),
      concat([w]),
      cast(w, 'f32'),
      pow(w, 1),
    ];
    assign(w, add(w, 5));
    await run();
    for (const values of await read(...same)) expect([...values]).toEqual([1, 2]);
  });

  it('assign refuses a value that was disposed of, at once', async () => {
    const w = tensor([1]);
    const gone = add(w, 1);
    gone.dispose();
    expect(() => assign(w, gone)).toThrow(/assign: This tensor of shape \[1\] was disposed of/);
    expect(await list(add(w, 1))).toEqual([2]);
  });

  it('a dozen large reductions of one input share launches within the limit of bindings', async () => {
    const x = tensor(Float32Array.from({ length: 100_000 }, (_, i) => i % 2));
    const sums = await read(...Array.from({ length: 12 }, (_, i) => sum(mul(x, i + 1))));
    expect(sums.map(([value]) => value)).toEqual(Array.from({ length: 12 }, (_, i) => 50_000 * (i + 1)));
  });

  it('zero times NaN or infinity is NaN, and so is zero by zero', async () => {
    const x = tensor([Number.NaN, Infinity, -Infinity, 3]);
    expect(await list(mul(x, 0))).toEqual([Number.NaN, Number.NaN, Number.NaN, 0]);
    expect(await list(div(0, tensor([Number.NaN, 3])))).toEqual([Number.NaN, 0]);
    expect(await list(div(zeros([1]), 0))).toEqual([Number.NaN]);
    expect(await list(div(tensor([1, -1]), 0))).toEqual([Infinity, -Infinity]);
  });

  it('clamp takes bounds beyond f32', async () => {
    expect(await list(clamp(tensor([5, -5]), -1e39, 1e39))).toEqual([5, -5]);
  });

  it('every number but 0 is true in a bool tensor', async () => {
    expect(await list(eq(full([2], 2, 'bool'), full([2], 1, 'bool')))).toEqual([1, 1]);
  });

  it('where refuses a number that is none of its dtype', () => {
    const integers = tensor(Int32Array.of(5, 6));
    expect(() => where(eq(integers, 5), integers, 0.5)).toThrow(/where: the number 0.5 is no i32/);
  });

  it('products of integers wrap at 32 bits', async () => {
    const large = tensor(Uint32Array.of(4_294_967_291));
    expect(await list(mul(large, large))).toEqual([25]);
  });

  it('a tensor of numbers reads as what the device holds of it', async () => {
    const [value] = await tensor([0.1]).data();
    expect(value).toBe(device.kind === 'gpu' ? Math.fround(0.1) : 0.1);
  });

  it('a label that names no class makes loss and gradient NaN, not zero', async () => {
    const logits = tensor([
      [1, 2, 3],
      [3, 1, 2],
    ]);
    for (const wrong of [3, -1]) {
      const losses = crossEntropy(logits, tensor(Int32Array.of(0, wrong)), { reduction: 'none' });
      const [values, gradient] = await read(losses, grad(sum(losses), logits));
      expect([...values].map(Number.isNaN)).toEqual([false, true]);
      expect([...gradient].map(Number.isNaN)).toEqual([false, false, false, true, true, true]);
    }
  });
});
