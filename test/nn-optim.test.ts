/** Optimisers against PyTorch, and what training with them leaves behind. */
import { describe, expect, test } from 'vitest';
import {
  type AdamOptions,
  adam,
  BatchNorm2d,
  Conv2d,
  compile,
  createGenerator,
  crossEntropy,
  Dropout,
  Flatten,
  grad,
  Linear,
  type Module,
  normal,
  type Optimizer,
  pow,
  ReLU,
  read,
  run,
  Sequential,
  type SgdOptions,
  setDevice,
  sgd,
  sub,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../src/index.ts';
import { devices, expectClose, gpu } from './devices.ts';

/**
 * PyTorch 1.13, float64: four steps from p = [1, -2, 0.5] on ((p - tensor([0., 1., 2.])) ** 4).sum(), the learning rate
 * halved before the third:
 *
 *     for t in range(4):
 *         if t == 2: optimizer.param_groups[0]['lr'] *= 0.5
 *         optimizer.zero_grad(); loss(p).backward(); optimizer.step()
 */
const sgdCases: [SgdOptions, readonly number[]][] = [
  [{ learningRate: 0.01 }, [0.8937895331, -0.4748098682, 0.8136325932]],
  [{ learningRate: 0.01, weightDecay: 0.1 }, [0.8912304761, -0.4728025114, 0.812068302]],
  [{ learningRate: 0.01, momentum: 0.9 }, [0.7889508513, 1.4194252126, 1.1263572195]],
  [
    { learningRate: 0.01, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 },
    [0.8145655349, 1.266802594, 1.0494960444],
  ],
  [
    { learningRate: 0.01, momentum: 0.9, nesterov: true, weightDecay: 0.1 },
    [0.7238976797, 1.7661215395, 1.2370625765],
  ],
];
const adamCases: [AdamOptions, readonly number[]][] = [
  [{ learningRate: 0.1 }, [0.7090287616, -1.7017507472, 0.7952360715]],
  [
    { learningRate: 0.1, betas: [0.8, 0.95], epsilon: 1e-3, weightDecay: 0.1 },
    [0.7111395335, -1.7024941263, 0.79360122],
  ],
  [{ learningRate: 0.1, betas: [0, 0.9] }, [0.7461660247, -1.7149301322, 0.7695124334]],
];
const cases = [
  ...sgdCases.map(([options, expected]) => ({
    title: `sgd ${JSON.stringify(options)}`,
    make: (p: Tensor) => sgd([p], options),
    rate: options.learningRate,
    expected,
  })),
  ...adamCases.map(([options, expected]) => ({
    title: `adam ${JSON.stringify(options)}`,
    make: (p: Tensor) => adam([p], options),
    rate: options.learningRate ?? 1e-3,
    expected,
  })),
];

const start = () => tensor([1, -2, 0.5]);
const descend = (p: Tensor, optimizer: Optimizer) => {
  const loss = sum(pow(sub(p, tensor([0, 1, 2])), 4));
  optimizer.step([grad(loss, p)]);
  return loss;
};

describe.each(devices)('on the $name', ({ device, name }) => {
  const tolerance = name === 'reference' ? 1e-9 : 2e-6;

  test.each(cases)(
    '$title: PyTorch’s trajectory, recorded whole, step by step, and compiled',
    async ({ make, rate, expected }) => {
      setDevice(device);
      const drive = async (between: (step: () => Tensor, p: Tensor) => () => Promise<unknown>) => {
        const p = start();
        const optimizer = make(p);
        const advance = between(() => descend(p, optimizer), p);
        for (let t = 0; t < 4; t++) {
          if (t === 2) optimizer.setLearningRate(rate / 2);
          await advance();
        }
        expectClose(await p.data(), expected, tolerance, 'parameter');
      };
      await drive((step) => async () => step());
      await drive((step) => async () => {
        step();
        await run();
      });
      await drive((step) => compile(step));
    },
  );

  test('saving and loading an optimiser continues the same trajectory', async () => {
    setDevice(device);
    for (const make of [
      (p: Tensor) => sgd([p], { learningRate: 0.01, momentum: 0.9, dampening: 0.2 }),
      (p: Tensor) => adam([p], { learningRate: 0.1 }),
    ]) {
      const p = start();
      const optimizer = make(p);
      for (let t = 0; t < 3; t++) descend(p, optimizer);
      optimizer.setLearningRate(0.005);
      const state = optimizer.stateDict();
      const [at, ...saved] = await read(p, ...state.values());
      const resumed = tensor(at);
      const other = make(resumed);
      other.loadStateDict(
        new Map(
          [...state].map(([key, { shape }], i) => [key, { shape, data: saved[i] as ArrayLike<number> }]),
        ),
      );
      for (let t = 0; t < 3; t++) {
        descend(p, optimizer);
        descend(resumed, other);
      }
      const [a, b] = await read(p, resumed);
      expect([...b]).toEqual([...a]);
      expect([...a]).not.toEqual([...at]);
    }
  });

  test('a compiled training step equals the recorded one, bit for bit', async () => {
    setDevice(device);
    const outcome = async (compiled: boolean) => {
      const model = smallModel();
      const optimizer = sgd(model.parameters(), { learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3 });
      const step = (x: Tensor, y: Tensor) => trainStep(model, optimizer, x, y);
      const replay = compile(step);
      const losses: number[] = [];
      for (let t = 0; t < 5; t++) {
        const [x, y] = batch(t);
        const loss = compiled ? await replay(await x.run(), y) : step(x, y);
        losses.push(await loss.item());
      }
      const state = await read(...model.stateDict().values(), ...optimizer.stateDict().values());
      return { losses, state: state.map((array) => [...array]) };
    };
    const recorded = await outcome(false);
    expect(await outcome(true)).toEqual(recorded);
    expect(new Set(recorded.losses).size).toBe(5);
  });
});

/** With running statistics, random numbers and a pool of states: all that a step assigns. */
function smallModel(): Module {
  const generator = createGenerator(11);
  return new Sequential(
    new Conv2d(1, 2, 3, { padding: 1, generator }),
    new BatchNorm2d(2),
    new ReLU(),
    new Flatten(),
    new Dropout(0.2, { generator: createGenerator(11, 1) }),
    new Linear(32, 3, { generator }),
  );
}

function batch(t: number): [Tensor, Tensor] {
  return [normal(createGenerator(t, 5), [4, 1, 4, 4]), tensor(Int32Array.from([0, 1, 2, t % 3]))];
}

function trainStep(model: Module, optimizer: Optimizer, x: Tensor, y: Tensor): Tensor {
  const loss = crossEntropy(model.forward(x), y);
  optimizer.step(grad(loss, model.parameters()));
  return loss;
}

describe.skipIf(!gpu)('what a training step leaves behind on the GPU', () => {
  const steady = async (steps: number, step: () => Promise<unknown>) => {
    if (!gpu) throw new Error('no GPU');
    // Memory for intermediates is fitted anew every 64 runs.
    for (let t = 0; t < 150; t++) await step();
    const [memory, counters] = [gpu.memory(), gpu.counters()];
    for (let t = 0; t < steps; t++) await step();
    return { before: { memory, counters }, after: { memory: gpu.memory(), counters: gpu.counters() } };
  };

  test('10,000 compiled steps, the learning rate changing: no plan, pipeline, buffer or bind group', async () => {
    if (gpu) setDevice(gpu);
    const generator = createGenerator(3);
    const model = new Sequential(
      new Flatten(),
      new Dropout(0.2, { generator }),
      new Linear(16, 3, { generator }),
    );
    const optimizer = sgd(model.parameters(), { learningRate: 0.1, momentum: 0.9 });
    const [x, y] = batch(0);
    const step = compile((images: Tensor, labels: Tensor) => trainStep(model, optimizer, images, labels));
    await x.run();
    let count = 0;
    const { before, after } = await steady(10_000, () => {
      if (count++ % 10 === 0) optimizer.setLearningRate(0.1 / count);
      return step(x, y);
    });
    // What other tests dropped may be collected meanwhile.
    expect(after.memory.bytesInUse).toBeLessThanOrEqual(before.memory.bytesInUse);
    expect(after.memory.peakBytes).toBe(before.memory.peakBytes);
    expect(after.memory.buffers).toBeLessThanOrEqual(before.memory.buffers);
    expect({ ...after.counters, dispatches: 0 }).toEqual({ ...before.counters, dispatches: 0 });
    expect(after.counters.dispatches).toBeGreaterThan(before.counters.dispatches + 10_000);
  }, 300_000);

  test('300 recorded steps make no plan and no pipeline, and take no more memory', async () => {
    if (gpu) setDevice(gpu);
    const model = smallModel();
    const optimizer = adam(model.parameters());
    const [x, y] = batch(0);
    await x.run();
    const { before, after } = await steady(300, () => trainStep(model, optimizer, x, y).item());
    expect(after.counters.plans).toBe(before.counters.plans);
    expect(after.counters.pipelines).toBe(before.counters.pipelines);
    expect(after.memory.bytesInUse).toBeLessThanOrEqual(before.memory.bytesInUse);
    expect(after.memory.buffers).toBeLessThanOrEqual(before.memory.buffers);
  });
});

test('the state dict has PyTorch’s names', () => {
  const parameters = [zeros([2]), zeros([3])].map(({ shape, size }) =>
    tensor(new Float32Array(size), { shape }),
  );
  const names = (optimizer: Optimizer) => [...optimizer.stateDict().keys()];
  expect(names(sgd(parameters, { learningRate: 1 }))).toEqual(['learning_rate', 'step']);
  expect(names(sgd(parameters, { learningRate: 1, momentum: 0.5 }))).toEqual([
    'learning_rate',
    'step',
    '0.momentum_buffer',
    '1.momentum_buffer',
  ]);
  expect(names(adam(parameters))).toEqual([
    'learning_rate',
    'step',
    '0.exp_avg',
    '0.exp_avg_sq',
    '1.exp_avg',
    '1.exp_avg_sq',
  ]);
});

test.each<[() => unknown, string]>([
  [() => sgd([], { learningRate: -1 }), 'sgd: learningRate is -1, expected 0 or more.'],
  [() => sgd([], { learningRate: Number.NaN }), 'sgd: learningRate is NaN'],
  [() => sgd([], { learningRate: 1, momentum: -0.5 }), 'sgd: momentum is -0.5'],
  [() => sgd([], { learningRate: 1, weightDecay: -1 }), 'sgd: weightDecay is -1'],
  [() => sgd([], { learningRate: 1, nesterov: true }), 'nesterov needs a momentum and no dampening'],
  [() => adam([], { betas: [1, 0.9] }), 'adam: betas[0] is 1, expected 0 or more and less than 1.'],
  [() => adam([], { epsilon: -1 }), 'adam: epsilon is -1'],
  [() => sgd([start()], { learningRate: 1 }).setLearningRate(-1), 'learningRate is -1'],
  [() => sgd([start()], { learningRate: 1 }).step([]), 'sgd: 0 gradients for 1 parameters.'],
  [
    () => sgd([start()], { learningRate: 1 }).step([zeros([2])]),
    'gradient 0 has shape [2], its parameter has [3]',
  ],
  [() => adam([start()]).loadStateDict(new Map()), 'Missing: learning_rate, step, 0.exp_avg, 0.exp_avg_sq.'],
])('bad input gets a sentence %#', (make, message) => {
  expect(make).toThrow(message);
});

test.each([sgd, adam])('a parameter given twice is refused: %o', (optimiser) => {
  const p = tensor([1, 2]);
  expect(() => optimiser([p, tensor([1, 2]), p], { learningRate: 0.1 })).toThrow(
    /expected every parameter once, got the same tensor of shape \[2\] as parameters 0 and 2; pass it once/,
  );
});
