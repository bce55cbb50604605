/** Loops of every kind leave memory flat: other numbers and shapes each step, averages, iterations, failures. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it, vi } from 'vitest';
import {
  adam,
  add,
  assign,
  compile,
  createGenerator,
  type Device,
  div,
  dropout,
  grad,
  matmul,
  mean,
  mul,
  ones,
  reshape,
  run,
  setDevice,
  sqrt,
  square,
  state,
  sub,
  sum,
  type Tensor,
  tensor,
  toDot,
  waitingAssignments,
  zeros,
} from '../src/index.ts';
import { devices, gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

setFlagsFromString('--expose_gc');
const collect: () => void = runInNewContext('gc');

/** Bytes in use when handles that were dropped have been collected. */
async function bytesIn(device: Device): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return device.memory().bytesInUse;
}

const size = 50_000;
const data = (value = 0.5, length = size) => tensor(new Float32Array(length).fill(value));
const failingOnce = async (update: (lost: Tensor) => void, shape: readonly number[]): Promise<void> => {
  const lost = tensor(0);
  update(add(zeros(shape), lost));
  lost.dispose();
  await expect(run()).rejects.toThrow(/failed and was dropped/);
};

/** What a step does, by its number; made anew for each executor. */
type Loop = () => (step: number) => Promise<unknown>;

/** They hold on to nothing that a step made: not even a collection is needed. */
const readingLoops: [string, number, Loop][] = [
  [
    'another number each step',
    300,
    () => {
      const batch = data();
      return (i) => sum(mul(batch, 1 - i / 300)).data();
    },
  ],
  [
    'another number each step, in an update',
    300,
    () => {
      const [batch, w] = [data(), data()];
      return (i) => {
        assign(w, sub(w, mul(grad(mean(square(mul(batch, w))), w), 1 - i / 300)));
        return run();
      };
    },
  ],
  ['another shape each step', 150, () => (i) => sum(square(data(1, size + 700 * i))).data()],
  ['a smaller shape each step', 150, () => (i) => sum(square(data(1, size - 300 * i))).data()],
  ['a new batch each step', 150, () => (i) => mean(square(data(i))).data()],
  [
    'a compiled step with a new batch each time',
    150,
    () => {
      const w = data();
      const step = compile((x: Tensor) => {
        assign(w, sub(w, mul(x, w)));
        return sum(w);
      });
      return (i) => step(data(i / 1000));
    },
  ],
  [
    'a compiled step with another shape each time',
    80,
    () => {
      const step = compile((x: Tensor) => sum(square(x)));
      return (i) => step(data(1, size + 700 * i));
    },
  ],
  [
    'random draws of another shape each step',
    150,
    () => {
      const generator = createGenerator(1);
      return (i) => sum(dropout(generator, data(1, size + 100 * i))).data();
    },
  ],
  [
    'a running average that is a state',
    300,
    () => {
      const average = state(zeros([size]));
      return (i) => {
        assign(average, add(mul(average, 0.9), mul(data(i), 0.1)));
        return run();
      };
    },
  ],
  [
    'an optimiser whose update fails at every tenth step',
    150,
    () => {
      const [w, b] = [data(), data(0.1)];
      const optimiser = adam([w, b]);
      const gradients = () => grad(mean(square(add(w, b))), [w, b]);
      return (i) => {
        const [forW, forB] = gradients();
        if (i % 10 === 9) return failingOnce((lost) => optimiser.step([lost, forB]), w.shape);
        optimiser.step([forW, forB]);
        return run();
      };
    },
  ],
];

/** They drop a value at each step, which is counted until it is collected. */
const keepingLoops: [string, number, Loop][] = [
  [
    'a running average through detach',
    300,
    () => {
      let average = zeros([size]);
      const x = data();
      return async () => {
        average = add(mul(average, 0.9), mul(x, 0.1)).detach();
        await average.run();
      };
    },
  ],
  [
    'a running average through detach that is read',
    300,
    () => {
      let average = zeros([1000]);
      return async (i) => {
        average = add(mul(average, 0.9), mul(data(i, 1000), 0.1)).detach();
        await average.data();
      };
    },
  ],
  [
    'a running average whose sum alone is read',
    300,
    () => {
      let average = zeros([1000]);
      return async (i) => {
        average = add(mul(average, 0.9), mul(data(i, 1000), 0.1)).detach();
        await Promise.all([average.run(), sum(average).data()]);
      };
    },
  ],
  [
    'a power iteration',
    300,
    () => {
      const a = tensor([
        [2, 1],
        [1, 3],
      ]);
      let v = tensor([[1], [1]]);
      return async () => {
        const next = matmul(a, v);
        v = div(next, sqrt(sum(square(next)))).detach();
        await v.data();
      };
    },
  ],
  [
    'detached twice, and through several steps before a run',
    150,
    () => {
      let x = zeros([1000]);
      return async (i) => {
        x = add(x, 1).detach().detach();
        if (i % 3 === 0) await x.run();
      };
    },
  ],
];

describe.each(devices)('on $name', ({ device }) => {
  const loops = [
    ...readingLoops.map((loop) => [...loop, false] as const),
    ...keepingLoops.map((loop) => [...loop, true] as const),
  ];
  it.each(loops)('%s: flat over %i steps', { timeout: 120_000 }, async (name, steps, make, collected) => {
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    setDevice(device);
    const step = make();
    await bytesIn(device);
    for (let i = 0; i < 21; i++) await step(i);
    const before = collected ? await bytesIn(device) : device.memory().bytesInUse;
    for (let i = 21; i <= steps; i++) await step(i);
    const after = collected ? await bytesIn(device) : device.memory().bytesInUse;
    // What follows the shapes has as much as the largest step needs: its batch, its intermediates.
    const grown = name.includes('shape') ? 4 * 4 * (size + 700 * steps) : 0;
    expect(after).toBeLessThanOrEqual(before + grown);
    expect(waitingAssignments()).toEqual([]);
    warnings.mockRestore();
  });

  it('a detached node that has a value holds nothing behind it', async () => {
    setDevice(device);
    const w = data();
    for (const compute of [(x: Tensor) => x.run(), async (x: Tensor) => void (await x.data())]) {
      let x = square(w).detach();
      for (let i = 0; i < 5; i++) {
        await compute(x);
        expect(toDot(x).split('->')).toHaveLength(1);
        x = add(x, 1).detach();
      }
      // Computed as a part of something else.
      await sum(mul(x, 2)).data();
      await x.data();
      expect(toDot(x).split('->')).toHaveLength(1);
    }
  });

  it('a value through which gradients flow keeps its tape', async () => {
    setDevice(device);
    const w = data(3, 2);
    const y = square(w);
    await y.run();
    expect([...(await grad(sum(y), w).data())]).toEqual([6, 6]);
    const z = y.detach();
    await z.run();
    expect([...(await grad(sum(z), w).data())]).toEqual([0, 0]);
    expect([...(await grad(sum(mul(z, w)), w).data())]).toEqual([9, 9]);
  });

  it('what shares a value may be disposed of alone', async () => {
    setDevice(device);
    const y = square(data(3, 2));
    const z = y.detach();
    await y.run();
    await z.run();
    y.dispose();
    expect([...(await add(z, 1).data())]).toEqual([10, 10]);
    const before = device.memory().bytesInUse;
    z.dispose();
    expect(device.memory().bytesInUse).toBeLessThanOrEqual(before);
    expect(() => add(z, 1)).toThrow(/disposed of/);
  });
});

describe.skipIf(!gpu)('on the GPU', () => {
  it('one host value has one upload, however many plans read it, and dispose frees it', async () => {
    if (gpu) setDevice(gpu);
    const x = data(1, 2 ** 20);
    await bytesIn(gpu as Device);
    const before = gpu?.memory().bytesInUse ?? 0;
    for (let i = 0; i < 40; i++) await sum(mul(x, i + 0.5)).data();
    const during = gpu?.memory().bytesInUse ?? 0;
    expect(during - before).toBeGreaterThanOrEqual(4e6);
    expect(during - before).toBeLessThan(4.2 * 2 ** 20);
    x.dispose();
    expect(gpu?.memory().bytesInUse).toBeLessThanOrEqual(during - 4e6);
  });

  it('intermediates of what is run no more are given back', async () => {
    if (gpu) setDevice(gpu);
    const small = () => sum(square(data(1, 100))).data();
    await small();
    await bytesIn(gpu as Device);
    const before = gpu?.memory().bytesInUse ?? 0;
    const x = data(1, 2 ** 20);
    // A sum of a product, and the product stays in a slot.
    await sum(matmul(reshape(x, [2 ** 10, 2 ** 10]), ones([2 ** 10, 2 ** 10]))).data();
    x.dispose();
    expect(gpu?.memory().bytesInUse).toBeGreaterThanOrEqual(before + 4e6);
    for (let i = 0; i < 150; i++) await small();
    expect(gpu?.memory().bytesInUse).toBeLessThan(before + 2 ** 16);
  });
});
