/** Memory: what holds it, what returns it, and that training leaves it flat. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  compile,
  createGenerator,
  type GpuDevice,
  grad,
  matmul,
  mean,
  memory,
  mul,
  neg,
  ones,
  run,
  setDevice,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  uniform,
} from '../src/engine/index.ts';
import { devices, gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];

describe.each(devices)('dispose on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('makes later use an error that says so', async () => {
    const x = tensor([1, 2]);
    const recorded = square(x);
    x.dispose();
    expect(() => square(x)).toThrow(/square: This tensor of shape \[2\] was disposed of/);
    await expect(recorded.data()).rejects.toThrow(/disposed of/);
    expect(() => assign(x, tensor([1, 2]))).toThrow(/disposed of/);
    x.dispose();
  });

  it('happens at the end of a block with using', async () => {
    let kept: Tensor;
    {
      using x = await square(tensor([1, 2])).run();
      kept = x;
      expect(await list(x)).toEqual([1, 4]);
    }
    expect(() => neg(kept)).toThrow(/disposed of/);
  });
});

describe.skipIf(!gpu)('memory on the GPU', () => {
  const device = gpu as GpuDevice;
  beforeEach(() => setDevice(device));

  setFlagsFromString('--expose_gc');
  const collect: () => void = runInNewContext('gc');

  /** Collects handles that were dropped, here and in earlier tests. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 10; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  const usage = () => ({ counters: { ...device.counters(), dispatches: 0 }, memory: device.memory() });

  /** Nothing made anew, and no more memory in use; less is possible, where earlier tests dropped handles. */
  function expectFlat(before: ReturnType<typeof usage>): void {
    const after = usage();
    expect(after.counters).toEqual(before.counters);
    expect(after.memory.bytesInUse).toBeLessThanOrEqual(before.memory.bytesInUse);
    expect(after.memory.bytesReserved).toBeLessThanOrEqual(before.memory.bytesReserved);
    expect(after.memory.buffers).toBeLessThanOrEqual(before.memory.buffers);
  }

  it('of a value two updates old is taken, and reading it is an error that says so', async () => {
    const w = tensor([1]);
    assign(w, add(w, 1));
    await run();
    const [soon, late] = [mul(w, 10), mul(w, 100)];
    assign(w, add(w, 1));
    await run();
    expect(await list(soon)).toEqual([20]);
    assign(w, add(w, 1));
    await run();
    await expect(late.data()).rejects.toThrow(
      /assigned over more than once since; read what depends on it before/,
    );
    expect(await list(w)).toEqual([4]);
  });

  // What is computed here was planned once before: a new plan may drop an old one, and the memory of its inputs.
  it('is counted, and returned by dispose', async () => {
    const compute = () => square(ones([100_000])).run();
    await compute();
    await settle();
    const before = (await memory()).bytesInUse;
    const x = await compute();
    const during = (await memory()).bytesInUse;
    // Small values of earlier tests may be collected meanwhile.
    expect(during - before).toBeGreaterThan(390_000);
    x.dispose();
    expect(during - (await memory()).bytesInUse).toBeGreaterThan(390_000);
    expect((await memory()).peakBytes).toBeGreaterThanOrEqual(during);
  });

  it('stays flat over 10,000 training steps, as do all counters but dispatches', async () => {
    const [w, v] = [tensor([[0.5], [-0.5]]), tensor([[0], [0]])];
    const x = await tensor([
      [1, 2],
      [3, -1],
      [0, 1],
    ]).run();
    const y = await tensor([[1], [2], [3]]).run();
    const step = () => {
      const loss = mean(square(sub(matmul(x, w), y)));
      assign(v, add(mul(v, 0.9), grad(loss, w)));
      assign(w, sub(w, mul(v, 0.001)));
      return run();
    };
    // Memory for intermediates is fitted anew every 64 runs.
    for (let i = 0; i < 150; i++) await step();
    await settle();
    const before = usage();
    for (let i = 0; i < 10_000; i++) await step();
    await settle();
    expectFlat(before);
    // The least-squares solution by the normal equations: X'X = [[10, -1], [-1, 6]], X'y = [7, 3].
    const [a, b] = await list(w);
    expect(a).toBeCloseTo((7 * 6 + 3) / 59, 3);
    expect(b).toBeCloseTo((10 * 3 + 7) / 59, 3);
  });

  it('of handles dropped without dispose comes back when they are collected', async () => {
    const compute = (value: number) => mul(ones([10_000]), tensor(value)).run();
    await compute(0);
    await settle();
    const before = (await memory()).bytesInUse;
    await (async () => {
      // Held until they are counted: a collection may come at any time.
      const held = await Promise.all(Array.from({ length: 50 }, (_, i) => compute(i)));
      expect((await memory()).bytesInUse - before).toBeGreaterThanOrEqual(held.length * 40_000);
    })();
    await settle();
    expect((await memory()).bytesInUse - before).toBeLessThan(100_000);
  });

  it('of a replayed compiled step stays flat too', async () => {
    const [w, generator] = [tensor([1, 2, 3]), createGenerator(3)];
    const step = compile((x: Tensor) => {
      const noisy = add(mul(w, x), uniform(generator, [3]));
      const loss = sum(square(noisy));
      assign(w, sub(w, mul(grad(loss, w), 0.01)));
      return loss;
    });
    const x = tensor([1, 0.5, -1]);
    for (let i = 0; i < 150; i++) await step(x);
    await settle();
    const before = usage();
    for (let i = 0; i < 500; i++) await step(x);
    await settle();
    expectFlat(before);
  });
});
