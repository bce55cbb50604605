/** Right arguments for every public function, with all options, and values of wrong kinds to put in their places. */
import * as regrad from '../src/index.ts';
import { createGenerator, ones, ReferenceDevice, tensor, zeros } from '../src/index.ts';

export const wrong = {
  undefined: undefined,
  null: null,
  text: 'text',
  object: { unknown: 1 },
  list: [null],
  NaN: Number.NaN,
  true: true,
  function: () => 1,
};
export type Kind = keyof typeof wrong;

/** An argument for which some of the wrong values are right. */
export class Also {
  readonly value: unknown;
  readonly kinds: readonly Kind[];

  constructor(value: unknown, ...kinds: readonly Kind[]) {
    this.value = value;
    this.kinds = kinds;
  }
}
const optional = (value: unknown) => new Also(value, 'undefined');
const flag = new Also(false, 'undefined', 'true');
const callback = new Also(() => {}, 'undefined', 'function');

const x = ones([2, 3]);
const operand = new Also(x, 'NaN');
const logic = zeros([2, 3], 'bool');
const truth = new Also(logic, 'NaN');
const index = zeros([2, 3], 'i32');
const image = ones([1, 1, 2, 2]);
const one = tensor(1);
const generator = createGenerator(0);
const row = ones([3]);
const statistics = { mean: row, variance: row };
const identity = (value: unknown) => value;
const module = new regrad.Identity();
const bytes = regrad.serializeSafetensors({});
const anything = new Also(undefined, ...(Object.keys(wrong) as Kind[]));
const tinyVgg = {
  plan: [1],
  hidden: [1],
  classes: 2,
  bn: flag,
  size: 2,
  channels: optional(1),
  pool: optional(1),
  dropout: optional(0.5),
  linearDeviation: optional(1),
};
const pooling = optional({ stride: optional(1), padding: optional(0) });
const convolution = {
  stride: optional(1),
  padding: optional(1),
  dilation: optional(1),
  groups: optional(1),
};
const layer = { generator, bias: flag, weights: new Also((shape: number[]) => ones(shape), 'undefined') };
const device = {
  name: new Also('name', 'text'),
  adapterClass: 'software',
  onCompile: callback,
  onWait: callback,
  switches: optional({
    transposesInPlace: flag,
    recomputation: flag,
    sharedLaunches: flag,
    epilogues: flag,
    parts: flag,
    schedule: flag,
    memoryReuse: flag,
  }),
  variants: anything,
  favourVariant: anything,
  tuning: anything,
};
const sgdOptions = {
  learningRate: 1,
  momentum: optional(0.5),
  weightDecay: optional(0),
  dampening: optional(0),
  nesterov: flag,
};
const adamOptions = {
  learningRate: optional(1),
  betas: optional([0.5, 0.5]),
  epsilon: optional(0.1),
  weightDecay: optional(0),
};

const alike = (names: string, ...args: readonly unknown[]) => names.split(' ').map((name) => [name, args]);

export const table: Readonly<Record<string, readonly unknown[]>> = {
  ...Object.fromEntries([
    ...alike('exp expm1 log log1p sqrt rsqrt sin cos tanh sigmoid softplus erf relu', operand),
    ...alike('neg abs sign square isNan silu', operand),
    ...alike('channelStatistics toDot state', x),
    ...alike('add sub mul div pow maximum minimum', operand, operand),
    ...alike('eq notEqual greater greaterEqual less lessEqual', operand, operand),
    ...alike('logicalAnd logicalOr logicalXor', truth, truth),
    ...alike('sum mean max min prod logSumExp norm', x, optional([0]), flag),
    ...alike('argMax argMin', x, optional(0), flag),
    ...alike('softmax logSoftmax flatten', x, optional(0)),
    ...alike('maxPool2d avgPool2d', image, 1, pooling),
    ...alike('MaxPool2d AvgPool2d', 1, pooling),
    ...alike('zeros ones', [2], optional('i32')),
    ...alike('concat stack', [x], optional(0)),
    ...alike('randomBits', generator, [2]),
    ...alike('uniform normal', generator, [2], optional(0), optional(1)),
    ...alike('resnet18 resnet34', { classes: 2, channels: optional(3) }, generator),
    ...alike('vgg vgg11 vgg16Bn', tinyVgg, generator),
    ...alike('ReLU SiLU Tanh Sigmoid Softplus GlobalAvgPool Identity ReferenceDevice currentDevice memory'),
    ...alike('waitingAssignments requestBrowserDevice'),
  ]),
  logicalNot: [truth],
  where: [logic, operand, operand],
  cast: [x, 'i32'],
  clamp: [x, optional(0), optional(1)],
  leakyRelu: [x, optional(0.1)],
  gelu: [operand, optional('tanh')],
  variance: [x, optional(0), optional({ correction: optional(1), keepDim: flag })],
  reshape: [x, [6]],
  expand: [x, [2, 3]],
  permute: [x, [1, 0]],
  transpose: [x, optional(0), optional(1)],
  flip: [x, [0]],
  squeeze: [x, optional([])],
  unsqueeze: [x, 0],
  slice: [x, 0, 0, optional(1), optional(1)],
  pad: [
    x,
    [
      [0, 1],
      [0, 1],
    ],
    new Also(0, 'undefined', 'NaN'),
  ],
  split: [x, 1, optional(0)],
  matmul: [x, ones([3, 1])],
  conv2d: [image, image, optional(convolution)],
  globalAvgPool2d: [image],
  adaptiveAvgPool2d: [image, 1],
  gather: [x, 0, index],
  scatterAdd: [x, 0, index, x],
  indexSelect: [x, 0, zeros([2], 'i32')],
  oneHot: [index, 2],
  crossEntropy: [x, zeros([2], 'i32'), optional({ reduction: optional('sum'), labelSmoothing: optional(0) })],
  mseLoss: [x, x, optional('sum')],
  normalizeChannels: [x, statistics, { weight: optional(row), bias: optional(row) }, 1e-5],
  batchNorm: [x, optional({ weight: optional(row), bias: optional(row), epsilon: optional(1) })],
  createGenerator: [0, optional(1)],
  bernoulli: [generator, [2], 0.5],
  categorical: [generator, x],
  permutation: [generator, 2],
  dropout: [generator, x, optional(0.5)],
  tensor: [new Also(1, 'NaN', 'true'), optional({ shape: optional([]), dtype: optional('f32') })],
  full: [[2], new Also(1, 'NaN'), optional('f32')],
  arange: [2, optional('i32')],
  assign: [regrad.state(x), x],
  withValues: [[one], [one], new Also(identity, 'function')],
  grad: [one, [one], optional(one)],
  gradCheck: [identity, [one], optional({ order: optional(2), step: optional(1), tolerance: optional(1) })],
  compile: [new Also(identity, 'function')],
  run: [x, x],
  read: [x, x],
  explain: [x, optional({ wgsl: flag })],
  setDevice: [new ReferenceDevice()],
  setDeviceProvider: [new Also(async () => new ReferenceDevice(), 'function')],
  createGpuDevice: [{ requestDevice: new Also(identity, 'function') }, device],
  GpuDevice: [{ createBuffer: new Also(identity, 'function') }, device],
  AdaptiveAvgPool2d: [1],
  LeakyReLU: [optional(0.1)],
  GELU: [optional('tanh')],
  BatchNorm2d: [1, optional({ epsilon: optional(1), momentum: optional(1) })],
  Dropout: [0.5, { generator }],
  Linear: [1, 1, layer],
  Conv2d: [1, 1, 1, { ...layer, ...convolution }],
  Flatten: [optional(1)],
  Sequential: [module],
  kaimingUniform: [generator, [2], { fanIn: 1, a: optional(1) }],
  kaimingNormal: [generator, [2], { fanOut: 1 }],
  biasUniform: [generator, 2, 1],
  mlp: [{ inputs: 1, hidden: [1], classes: 1, activation: 'relu' }, generator],
  resnet: [{ widths: [1], blocks: [1], classes: 1, channels: optional(1) }, generator],
  sgd: [[regrad.state(one)], sgdOptions],
  adam: [[regrad.state(one)], optional(adamOptions)],
  setNormBatch: [module, optional(1)],
  parseSafetensors: [bytes, new Also('origin', 'undefined', 'text')],
  serializeSafetensors: [new Map(), optional({ name: new Also('text', 'text') })],
  saveWeights: [module, optional({ name: new Also('text', 'text') })],
  loadWeights: [module, bytes, optional({ strict: flag, origin: new Also('origin', 'undefined', 'text') })],
};

/** Made by the engine, to be extended, or an error. */
export const notForCallers = ['Tensor', 'Module', 'ShapeError'];
/** Called with wrong arguments only: these need a GPU, or make a large model. */
export const onlyWrong = ['createGpuDevice', 'GpuDevice', 'resnet18', 'resnet34'];
/** Named by the function that they are a case of. */
export const saidBy: Readonly<Record<string, string>> = {
  resnet18: 'resnet',
  resnet34: 'resnet',
  vgg11: 'vgg',
  vgg16Bn: 'vgg',
};
