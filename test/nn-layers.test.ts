/**
 * What layers compute, against PyTorch 1.13 in float64 (torch.set_default_dtype(torch.float64)), with
 *
 *     ramp = lambda *s: torch.sin(torch.arange(float(torch.Size(s).numel()))).reshape(s)
 *
 * as input and, in Linear and Conv2d, p.copy_(torch.cos(torch.arange(float(p.numel()))).reshape(p.shape)) for parameters.
 */
import { describe, expect, test } from 'vitest';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  add,
  BatchNorm2d,
  Conv2d,
  createGenerator,
  Dropout,
  Flatten,
  GELU,
  GlobalAvgPool,
  grad,
  Identity,
  kaimingNormal,
  kaimingUniform,
  LeakyReLU,
  Linear,
  MaxPool2d,
  type Module,
  mul,
  type NumberArray,
  ReLU,
  read,
  Sequential,
  type Shape,
  Sigmoid,
  SiLU,
  Softplus,
  setDevice,
  square,
  sum,
  Tanh,
  type Tensor,
  tensor,
} from '../src/index.ts';
import { devices, expectClose } from './devices.ts';

const sequence = (shape: Shape, f: (i: number) => number): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float64Array.from({ length: size }, (_, i) => f(i)),
    { shape },
  );
};
const ramp = (...shape: number[]): Tensor => sequence(shape, Math.sin);
function withCosines<Layer extends Module>(layer: Layer): Layer {
  layer.loadStateDict(
    new Map([...layer.namedParameters()].map(([name, { shape }]) => [name, sequence(shape, Math.cos)])),
  );
  return layer;
}

/** A new one each time: a generator that has been used belongs to an executor. */
const fresh = () => createGenerator(0);

describe.each(devices)('on the $name', ({ device, name }) => {
  const tolerance = name === 'reference' ? 1e-9 : 1e-5;
  const values = async (...tensors: Tensor[]): Promise<NumberArray[]> => {
    setDevice(device);
    return read(...tensors);
  };
  const expectValues = async (actual: Tensor, expected: readonly number[], what: string) =>
    expectClose((await values(actual))[0], expected, tolerance, what);

  test('Linear multiplies the last dim and adds the bias', async () => {
    const y = withCosines(new Linear(3, 2, { generator: fresh() })).forward(ramp(2, 2, 3));
    expect(y.shape).toEqual([2, 2, 2]);
    const expected = [
      1.0762474658, 0.2482134598, 1.1312711781, 0.6232631246, 0.6638375715, 0.6681299757, 1.5343253856,
      0.2042446191,
    ];
    await expectValues(y, expected, 'Linear');
  });

  test('Conv2d with window, stride, padding, dilation and groups', async () => {
    const layer = new Conv2d(4, 2, [2, 3], {
      stride: [1, 2],
      padding: [1, 0],
      dilation: [2, 1],
      groups: 2,
      generator: fresh(),
    });
    const expected = [
      0.7844631046, 0.5338992483, 2.1484567571, 0.2253345137, 1.1253313335, 1.5053327845, 0.9402517309,
      -0.1584040724, 1.5939708092, 0.8350965056, 0.0830297262, 1.2128834385,
    ];
    await expectValues(withCosines(layer).forward(ramp(1, 4, 3, 5)), expected, 'Conv2d');
  });

  test.each<[Module, readonly number[], readonly number[]]>([
    [
      new MaxPool2d(3, { stride: 2, padding: 1 }),
      [1, 2, 3, 3],
      [
        0.8414709848, 0.9893582466, 0.9893582466, 0.6502878402, 0.9893582466, 0.9906073557, 0.9129452507,
        0.8366556385, 0.1498772097, 0.7625584505, 0.9999118601, 0.9999118601, 0.7451131605, 0.9999118601,
        0.9999118601, 0.9017883476, 0.9017883476, 0.0177019251,
      ],
    ],
    [
      new AvgPool2d(2),
      [1, 2, 2, 2],
      [
        -0.099217197, 0.6741905701, -0.2954066985, -0.457197655, -0.1904656423, 0.6946550645, -0.2083677578,
        -0.5238664613,
      ],
    ],
    [
      new AdaptiveAvgPool2d([2, 3]),
      [1, 2, 2, 3],
      [
        -0.3234800176, 0.2380468532, 0.3660947729, 0.0946623492, -0.3483444687, -0.1570224018, -0.3636373487,
        0.1997991839, 0.3994050692, 0.1532034735, -0.3320845065, -0.2126526944,
      ],
    ],
    [
      new GlobalAvgPool(),
      [1, 2],
      [0, 25].map((start) =>
        Array.from({ length: 25 }, (_, i) => Math.sin(start + i) / 25).reduce((a, b) => a + b),
      ),
    ],
  ])('pooling %#', async (layer, shape, expected) => {
    const y = layer.forward(ramp(1, 2, 5, 5));
    expect(y.shape).toEqual(shape);
    await expectValues(y, expected, layer.constructor.name);
  });

  test.each<[Module, readonly number[]]>([
    [new ReLU(), [0, 0, 0, 2]],
    [new LeakyReLU(0.2), [-0.6, -0.1, 0, 2]],
    [new GELU(), [-0.0040496941, -0.1542687694, 0, 1.9544997361]],
    [new GELU('tanh'), [-0.0036373921, -0.1542859902, 0, 1.9545976941]],
    [new SiLU(), [-0.1422776195, -0.1887703344, 0, 1.761594156]],
    [new Tanh(), [-0.9950547537, -0.4621171573, 0, 0.9640275801]],
    [new Sigmoid(), [0.0474258732, 0.3775406688, 0.5, 0.880797078]],
    [new Softplus(), [0.0485873516, 0.4740769842, Math.LN2, 2.126928011]],
    [new Identity(), [-3, -0.5, 0, 2]],
  ])('activation %#', async (layer, expected) => {
    await expectValues(layer.forward(tensor([-3, -0.5, 0, 2])), expected, layer.constructor.name);
  });

  test('BatchNorm2d: batch statistics in training, running ones in evaluation', async () => {
    // bn.weight = [1, 0.5, -2], bn.bias = [0, 1, 0.25]; bn(x), then bn(2 * x + 1), then bn.eval()(x)
    const layer = new BatchNorm2d(3);
    const affine = new Map([
      ['weight', tensor([1, 0.5, -2])],
      ['bias', tensor([0, 1, 0.25])],
    ]);
    layer.loadStateDict(affine, { strict: false });
    const x = ramp(2, 3, 2, 2);
    const trained = layer.forward(x);
    layer.forward(add(mul(x, 2), 1));
    const evaluated = layer.eval().forward(x);
    const [y, mean, variance, count, z] = await values(
      trained,
      layer.runningMean,
      layer.runningVariance,
      layer.batchesTracked,
      evaluated,
    );
    const expectedY = [
      -0.8617630146, 0.8362894349, 0.9731602933, -0.5769888754, 0.6677351467, 0.4802643927, 1.1105182086,
      1.9790441428, -2.1054857844, -0.5868991959, 1.9284867227, 3.1280377581,
    ];
    const expectedZ = [
      -0.2299586697, 0.6344996751, 0.7041790044, -0.0849835359, 0.6242347834, 0.5217677078, 0.8662495217,
      1.340965234, -1.3693685276, -0.2850794764, 1.5109362605, 2.3674300975,
    ];
    expectClose(y.slice(0, 12), expectedY, tolerance, 'training');
    expectClose(mean, [0.2238436929, -0.0155855362, 0.1272598039], tolerance, 'running mean');
    expectClose(variance, [0.9475138468, 0.9727317384, 1.1336486954], tolerance, 'running variance');
    expect([...count]).toEqual([2]);
    expectClose(z.slice(0, 12), expectedZ, tolerance, 'evaluation');
  });

  test('withFrozenStatistics normalises by the batch and moves no running statistics, then lets them move', async () => {
    const layer = new BatchNorm2d(3);
    const model = new Sequential(layer, new ReLU());
    const x = ramp(2, 3, 2, 2);
    const frozen = model.withFrozenStatistics(() => model.withFrozenStatistics(() => model.forward(x)));
    expect(() =>
      model.withFrozenStatistics(() => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    const before = await values(frozen, layer.runningMean, layer.runningVariance, layer.batchesTracked);
    expect(before.slice(1).map((array) => [...array])).toEqual([[0, 0, 0], [1, 1, 1], [0]]);
    const thawed = model.forward(x);
    const after = await values(thawed, layer.batchesTracked);
    expect([...after[0]]).toEqual([...before[0]]);
    expect([...after[1]]).toEqual([1]);
  });

  test('the gradient of the gradient norm passes through batch statistics', async () => {
    // d/dx sum over all of a function of normalised x is 0 along x itself, whose scale the layer removes.
    const layer = new BatchNorm2d(2, { epsilon: 0 });
    const x = ramp(3, 2, 2, 2);
    const loss = sum(mul(square(layer.forward(x)), ramp(3, 2, 2, 2)));
    const first = grad(loss, x);
    const second = grad(sum(mul(first, x)), x);
    const [along, cancelled] = await values(sum(mul(first, x)), second);
    expectClose(along, [0], tolerance, 'x . gradient');
    expectClose(cancelled, new Float64Array(24), 10 * tolerance, 'its gradient');
  });

  test('Dropout: zero or x / (1 - p) in training, anew at each pass; x in evaluation', async () => {
    const layer = new Dropout(0.25, { generator: createGenerator(7) });
    const x = tensor(new Float32Array(40_000).fill(3), { shape: [200, 200] });
    const [first, second] = await values(layer.forward(x), layer.forward(x));
    const kept = first.filter((value) => value !== 0);
    expectClose(kept, new Float64Array(kept.length).fill(4), 1e-6, 'kept values');
    // The share kept has standard deviation sqrt(0.25 * 0.75 / 40000) = 0.0022.
    expect(Math.abs(kept.length / 40_000 - 0.75)).toBeLessThan(0.009);
    const same = first.filter((value, i) => (value !== 0) === (second[i] !== 0)).length / 40_000;
    expect(Math.abs(same - (0.75 ** 2 + 0.25 ** 2))).toBeLessThan(0.012);
    expect(layer.eval().forward(x)).toBe(x);
  });

  test('initial values: PyTorch bounds and moments', async () => {
    const linear = new Linear(48, 500, { generator: createGenerator(1) });
    const conv = new Conv2d(8, 64, [3, 5], { groups: 2, generator: createGenerator(2) });
    const wide = kaimingUniform(createGenerator(3), [200, 50], { fanIn: 50, a: 0 });
    const arrays = await values(linear.weight, linear.bias ?? wide, conv.weight, conv.bias ?? wide, wide);
    const bounds = [48, 48, 60, 60].map((fanIn) => 1 / Math.sqrt(fanIn)).concat(Math.sqrt(6 / 50));
    arrays.forEach((array, i) => {
      const [bound, count] = [bounds[i], array.length];
      const moment = (power: number) =>
        Array.from(array).reduce((total, v) => total + (v / bound) ** power, 0) / count;
      expect(array.every((v) => Math.abs(v) <= bound * (1 + 1e-6))).toBe(true);
      // Of uniform numbers in [-1, 1]: mean 0 +- 1/sqrt(3 count), mean square 1/3 +- sqrt(4/45/count); five deviations.
      expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(3 * count));
      expect(Math.abs(moment(2) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / count));
    });
  });
});

test('initial values agree between the executors to float32 rounding', async () => {
  const arrays: NumberArray[] = [];
  for (const { device } of devices) {
    setDevice(device);
    arrays.push(await new Linear(30, 20, { generator: createGenerator(5) }).weight.data());
  }
  expectClose(arrays[arrays.length - 1], arrays[0], 1e-7, 'weights');
});

test('Flatten merges dims from 1 on, or from `start`', () => {
  expect(new Flatten().forward(ramp(2, 3, 4)).shape).toEqual([2, 12]);
  expect(new Flatten(0).forward(ramp(2, 3, 4)).shape).toEqual([24]);
});

test.each<[string, () => unknown, string]>([
  [
    'Linear inputs',
    () => new Linear(0, 2, { generator: fresh() }),
    'Linear: inputs is 0, expected a whole number from 1 on.',
  ],
  [
    'Linear x',
    () => new Linear(3, 2, { generator: fresh() }).forward(ramp(2, 4)),
    'Linear: expected [...,3]',
  ],
  ['Conv2d channels', () => new Conv2d(1.5, 2, 3, { generator: fresh() }), 'inputChannels is 1.5'],
  [
    'Conv2d groups',
    () => new Conv2d(4, 2, 3, { groups: 4, generator: fresh() }),
    'do not divide into 4 groups',
  ],
  [
    'Conv2d x',
    () => new Conv2d(3, 2, 3, { generator: fresh() }).forward(ramp(1, 4, 5, 5)),
    'conv2d: input f32[1,4,5,5]',
  ],
  [
    'BatchNorm2d x',
    () => new BatchNorm2d(3).forward(ramp(2, 4, 1, 1)),
    'expected [N,3,H,W], got shape [2,4,1,1]',
  ],
  [
    'BatchNorm2d one',
    () => new BatchNorm2d(3).forward(ramp(1, 3, 1, 1)),
    'needs two values or more per channel',
  ],
  ['Dropout p', () => new Dropout(1.5, { generator: fresh() }), 'Dropout: p is 1.5, expected 0 to 1.'],
  ['kaimingUniform', () => kaimingUniform(fresh(), [2], { fanIn: 0 }), 'fanIn is 0'],
  ['kaimingNormal', () => kaimingNormal(fresh(), [2], { fanOut: 0 }), 'fanOut is 0'],
])('bad input gets a sentence: %s', (_, make, message) => {
  expect(make).toThrow(message);
});
