/** Modules as trees of names: state dicts, loading, modes; and the models' names and specifications. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  BatchNorm2d,
  Conv2d,
  createGenerator,
  Dropout,
  Linear,
  type Module,
  mlp,
  ones,
  ReLU,
  read,
  resnet,
  resnet18,
  resnet34,
  Sequential,
  setDevice,
  type Tensor,
  tensor,
  vgg,
  vgg11,
  vgg16Bn,
  zeros,
} from '../src/index.ts';
import { devices, reference } from './devices.ts';

beforeAll(() => setDevice(reference));

/** A new one each time: a generator that has been used belongs to an executor. */
const fresh = () => createGenerator(0);
const small = { widths: [4, 6], blocks: [1, 2], classes: 5 };
const batchNorm = (name: string) =>
  ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((part) => `${name}.${part}`);

const shapes = (model: Module) => [...model.stateDict()].map(([name, { shape }]) => `${name} [${shape}]`);
const contents = async (model: Module) => {
  const state = model.stateDict();
  const arrays = await read(...state.values());
  return new Map([...state.keys()].map((name, i) => [name, [...arrays[i]]]));
};

describe('state dict', () => {
  test('names and order of a ResNet are PyTorch’s', () => {
    expect([...resnet(small, fresh()).stateDict().keys()]).toEqual([
      'conv1.weight',
      ...batchNorm('bn1'),
      'layer1.0.conv1.weight',
      ...batchNorm('layer1.0.bn1'),
      'layer1.0.conv2.weight',
      ...batchNorm('layer1.0.bn2'),
      'layer2.0.conv1.weight',
      ...batchNorm('layer2.0.bn1'),
      'layer2.0.conv2.weight',
      ...batchNorm('layer2.0.bn2'),
      'layer2.0.shortcut.0.weight',
      ...batchNorm('layer2.0.shortcut.1'),
      'layer2.1.conv1.weight',
      ...batchNorm('layer2.1.bn1'),
      'layer2.1.conv2.weight',
      ...batchNorm('layer2.1.bn2'),
      'linear.weight',
      'linear.bias',
    ]);
  });

  test('names and shapes of VGG and MLP are PyTorch’s', () => {
    const specification = { plan: [8, 'M', 16], hidden: [32], classes: 10, size: 9, channels: 1 } as const;
    expect(shapes(vgg(specification, fresh()))).toEqual([
      'features.0.weight [8,1,3,3]',
      'features.0.bias [8]',
      'features.3.weight [16,8,3,3]',
      'features.3.bias [16]',
      'classifier.0.weight [32,256]',
      'classifier.0.bias [32]',
      'classifier.2.weight [10,32]',
      'classifier.2.bias [10]',
    ]);
    expect(
      [
        ...vgg({ ...specification, bn: true }, fresh())
          .stateDict()
          .keys(),
      ].slice(0, 9),
    ).toEqual([
      'features.0.weight',
      'features.0.bias',
      ...batchNorm('features.1'),
      'features.4.weight',
      'features.4.bias',
    ]);
    expect(shapes(mlp({ inputs: 12, hidden: [5], classes: 3, activation: 'tanh' }, fresh()))).toEqual([
      'net.0.weight [5,12]',
      'net.0.bias [5]',
      'net.2.weight [3,5]',
      'net.2.bias [3]',
    ]);
  });

  test('parameters and buffers share it out', () => {
    const model = resnet(small, fresh());
    const parameters = [...model.namedParameters().keys()];
    const buffers = [...model.namedBuffers().keys()];
    expect(parameters.some((name) => buffers.includes(name))).toBe(false);
    expect([...parameters, ...buffers].sort()).toEqual([...model.stateDict().keys()].sort());
    expect(buffers.every((name) => /running_(mean|var)$|num_batches_tracked$/.test(name))).toBe(true);
    expect(model.parameters()).toEqual([...model.namedParameters().values()]);
  });

  test('VGG-16-bn has torchvision’s names, with dropout among the linear layers', () => {
    const names = [
      ...vgg16Bn({ classes: 3, plan: [2, 'M'], hidden: [4, 5] }, fresh())
        .stateDict()
        .keys(),
    ];
    expect(names).toEqual([
      'features.0.weight',
      'features.0.bias',
      ...batchNorm('features.1'),
      ...[0, 3, 6].flatMap((at) => [`classifier.${at}.weight`, `classifier.${at}.bias`]),
    ]);
  });

  test('the paper’s models have their known sizes', () => {
    /** Counted without computing the weights, which are discarded. */
    const count = (model: Module) => {
      const total = model.parameters().reduce((sum, { size }) => sum + size, 0);
      for (const tensor of model.stateDict().values()) tensor.dispose();
      return total;
    };
    expect(count(resnet18({ classes: 10 }, fresh()))).toBe(11_173_962);
    expect(count(resnet34({ classes: 10 }, fresh()))).toBe(21_282_122);
    expect(count(vgg11({ classes: 10 }, fresh()))).toBe(9_750_922);
    expect(count(vgg16Bn({ classes: 10 }, fresh()))).toBe(134_309_962);
  });
});

describe('loadStateDict', () => {
  test.each(devices)('carries a model over, from tensors and from host values, $name', async ({ device }) => {
    setDevice(device);
    const source = resnet(small, createGenerator(1));
    const expected = await contents(source);
    const copy = resnet(small, createGenerator(2));
    expect(copy.loadStateDict(source.stateDict())).toEqual({ missing: [], unexpected: [] });
    expect(await contents(copy)).toEqual(expected);
    const fromHost = resnet(small, createGenerator(3));
    const state = [...source.stateDict()].map(([name, { shape }]) => {
      const data = expected.get(name) ?? [];
      // PyTorch counts batches in int64.
      return [
        name,
        { shape, data: name.endsWith('tracked') ? BigInt64Array.from(data, BigInt) : data },
      ] as const;
    });
    fromHost.loadStateDict(new Map(state));
    expect(await contents(fromHost)).toEqual(expected);
    setDevice(reference);
  });

  test('lists missing and unexpected names, strictly as an error that changes nothing', async () => {
    const model = new Linear(2, 1, { generator: createGenerator(4) });
    const before = await contents(model);
    const values = new Map<string, Tensor>([
      ['weight', zeros([1, 2])],
      ['scale', ones([1])],
    ]);
    expect(() => model.loadStateDict(values)).toThrow(/Missing: bias\. Unexpected: scale\./);
    expect(await contents(model)).toEqual(before);
    expect(model.loadStateDict(values, { strict: false })).toEqual({
      missing: ['bias'],
      unexpected: ['scale'],
    });
    expect((await contents(model)).get('weight')).toEqual([0, 0]);
    expect((await contents(model)).get('bias')).toEqual(before.get('bias'));
  });

  test.each([{ strict: true }, { strict: false }])('refuses another shape, $strict', async (options) => {
    const model = new Linear(2, 1, { generator: createGenerator(4) });
    const before = await contents(model);
    const values = new Map<string, Tensor>([
      ['weight', zeros([1, 2])],
      ['bias', zeros([2])],
    ]);
    expect(() => model.loadStateDict(values, options)).toThrow(
      'loadStateDict: "bias" has shape [1], but the given value has shape [2].',
    );
    expect(await contents(model)).toEqual(before);
  });

  test('refuses another dtype', () => {
    const model = new Linear(1, 1, { generator: fresh(), bias: false });
    expect(() => model.loadStateDict(new Map([['weight', tensor([[1]], { dtype: 'i32' })]]))).toThrow(
      '"weight" is f32, but the given tensor is i32',
    );
  });
});

test('train and eval reach every module', () => {
  const model = new Sequential(new Sequential(new Dropout(0.5, { generator: fresh() })), new BatchNorm2d(2));
  expect(model.modules().map((module) => module.training)).toEqual([true, true, true, true]);
  model.eval();
  expect(model.modules().map((module) => module.training)).toEqual([false, false, false, false]);
  model.train();
  expect(model.modules().every((module) => module.training)).toBe(true);
});

test('a module that is there twice is one module, and a name can be taken once', () => {
  class Twice extends Sequential {
    constructor() {
      super(new ReLU());
      this.child('0', new ReLU());
    }
  }
  expect(() => new Twice()).toThrow('Module: "0" is registered twice.');
});

test.each([
  ['ResNet', () => resnet({ ...small, channels: 1 }, fresh()), [2, 1, 7, 7], 5],
  ['VGG', () => vgg({ plan: [3, 'M', 4, 'M'], hidden: [], classes: 6, size: 7 }, fresh()), [2, 3, 7, 7], 6],
  [
    'VGG-16-bn',
    () => vgg16Bn({ classes: 6, plan: [2, 'M', 3, 'M'], hidden: [4, 4], size: 6 }, fresh()),
    [2, 3, 6, 6],
    6,
  ],
  ['MLP', () => mlp({ inputs: 18, hidden: [], classes: 4, activation: 'gelu' }, fresh()), [2, 2, 3, 3], 4],
] as const)('%s maps odd images to logits', (_, make, shape, classes) => {
  const model: Module = make();
  expect(model.forward(zeros(shape)).shape).toEqual([2, classes]);
});

test('VGG starts as its sources do: normal weights by fan-out, biases of 0', async () => {
  /** Root of the mean square over the expected deviation; each has relative standard error 1 / sqrt(2 size). */
  const expectDeviation = async (model: Module, name: string, deviation: number) => {
    const values = [...((await model.stateDict().get(name)?.data()) ?? [])];
    const root = Math.sqrt(values.reduce((total, value) => total + value ** 2, 0) / values.length);
    expect(Math.abs(root / deviation - 1), name).toBeLessThan(4 / Math.sqrt(2 * values.length));
  };
  const plan = [24, 32] as const;
  const make = { vgg11, vgg16Bn };
  for (const name of ['vgg11', 'vgg16Bn'] as const) {
    const model = make[name]({ classes: 9, plan, hidden: [50], size: 2, pool: 1 }, createGenerator(8));
    await expectDeviation(model, 'features.0.weight', Math.sqrt(2 / (9 * 24)));
    await expectDeviation(model, `features.${name === 'vgg11' ? 2 : 3}.weight`, Math.sqrt(2 / (9 * 32)));
    expect(new Set((await contents(model)).get('features.0.bias'))).toEqual(new Set([0]));
    // torchvision's classifier starts small; the paper's VGG-11 with PyTorch's default, uniform up to 1 / sqrt(32).
    await expectDeviation(model, 'classifier.0.weight', name === 'vgg11' ? 1 / Math.sqrt(3 * 32) : 0.01);
    const bias = new Set((await contents(model)).get('classifier.0.bias'));
    expect(bias.size > 1).toBe(name === 'vgg11');
  }
});

test('equal seeds give equal bits, others do not', async () => {
  for (const { device } of devices) {
    setDevice(device);
    const [a, b, c] = [1, 1, 2].map((seed) => resnet(small, createGenerator(seed)));
    expect(await contents(a)).toEqual(await contents(b));
    expect((await contents(c)).get('linear.weight')).not.toEqual((await contents(a)).get('linear.weight'));
  }
  setDevice(reference);
});

test.each<[() => unknown, string]>([
  [
    () => resnet({ ...small, blocks: [1] }, fresh()),
    'resnet: widths [4,6] and blocks [1] must be of one length',
  ],
  [() => resnet({ ...small, widths: [], blocks: [] }, fresh()), 'resnet: widths [] and blocks []'],
  [() => resnet({ ...small, blocks: [1, 0] }, fresh()), 'resnet: blocks[1] is 0'],
  [() => resnet({ ...small, classes: -1 }, fresh()), 'resnet: classes is -1'],
  [
    () => vgg11({ classes: 10, size: 16 }, fresh()),
    "5 max pools leave nothing of an image of size 16; use fewer 'M'",
  ],
  [() => vgg({ plan: [0], hidden: [], classes: 2, size: 4 }, fresh()), 'vgg: plan[0] is 0'],
  [
    () => mlp({ inputs: 4, hidden: [], classes: 2, activation: JSON.parse('"swish"') }, fresh()),
    'expected one of relu, tanh, gelu',
  ],
  [() => mlp({ inputs: 4, hidden: [1.5], classes: 2, activation: 'relu' }, fresh()), 'mlp: hidden[0] is 1.5'],
  [() => new Conv2d(1, 1, 0, { generator: fresh() }), 'window is 0'],
])('a wrong specification gets a sentence %#', (make, message) => {
  expect(make).toThrow(message);
});

test('a module used twice has its parameters once, and both names in the state dict', () => {
  const layer = new Linear(2, 2, { generator: createGenerator(1) });
  const inner = new Sequential(layer);
  const model = new Sequential(layer, inner, new BatchNorm2d(2), inner);
  expect([...model.namedParameters().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
  expect(model.parameters()).toHaveLength(4);
  expect(model.modules()).toHaveLength(4);
  expect([...model.stateDict().keys()]).toEqual(
    expect.arrayContaining(['0.weight', '1.0.weight', '3.0.weight', '3.0.bias']),
  );
});
