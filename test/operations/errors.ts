/** Wrong uses of every operation: what is said must begin with its name and contain what was expected and what came. */
import * as engine from '../../src/engine/index.ts';
import { ones, type Tensor, zeros } from '../../src/engine/index.ts';

const op = { ...engine };

export interface ErrorCase {
  readonly name: string;
  readonly call: () => unknown;
  /** What the sentence must contain beside the name. */
  readonly says: readonly string[];
}

const f = (...shape: number[]): Tensor => ones(shape);
const i = (...shape: number[]): Tensor => zeros(shape, 'i32');
const b = (...shape: number[]): Tensor => zeros(shape, 'bool');

const wrong = (name: string, call: () => unknown, ...says: string[]): ErrorCase => ({ name, call, says });

const unaryNames = [
  'exp',
  'expm1',
  'log',
  'log1p',
  'sqrt',
  'rsqrt',
  'sin',
  'cos',
  'tanh',
  'sigmoid',
  'softplus',
  'erf',
  'relu',
  'leakyRelu',
  'clamp',
  'isNan',
  'gelu',
  'silu',
] as const;
const unary = unaryNames.map((name) =>
  wrong(name, () => op[name](i(2, 3)), 'expected f32', 'i32[2,3]', 'cast'),
);

const signed = (['neg', 'abs', 'sign'] as const).map((name) =>
  wrong(name, () => op[name](zeros([4], 'u32')), 'expected f32 or i32', 'u32[4]'),
);

const binaryNames = [
  'add',
  'sub',
  'mul',
  'div',
  'pow',
  'maximum',
  'minimum',
  'eq',
  'notEqual',
  'greater',
  'greaterEqual',
  'less',
  'lessEqual',
] as const;
const binary = binaryNames.flatMap((name) => [
  wrong(name, () => op[name](f(2, 3), f(2, 4)), '[2,3] and [2,4]', 'sizes 3 and 4', 'equal sizes or a 1'),
  wrong(name, () => op[name](f(2, 3), i(3)), 'f32[2,3]', 'i32[3]'),
]);

const logic = (['logicalAnd', 'logicalOr', 'logicalXor'] as const).flatMap((name) => [
  wrong(name, () => op[name](b(2), f(3)), 'expected bool', 'f32[3]'),
  wrong(name, () => op[name](b(2), b(3)), '[2] and [3]'),
]);

const reductions = (['sum', 'mean', 'max', 'min', 'prod', 'logSumExp', 'norm'] as const).flatMap((name) => [
  wrong(name, () => op[name](f(2, 3), 2), 'dim 2', '[2,3]', '-2 to 1'),
  wrong(name, () => op[name](f(2, 3), [0, -2]), '[0,-2]', '[2,3]', 'twice'),
  wrong(name, () => op[name](b(2, 3)), 'expected f32', 'bool[2,3]', 'cast'),
]);

const image = f(1, 2, 4, 4);

export const errorCases: readonly ErrorCase[] = [
  ...unary,
  ...signed,
  wrong('square', () => op.square(b(2)), 'expected f32', 'bool[2]'),
  ...binary,
  wrong('add', () => op.add(i(2), 0.5), '0.5', 'i32[2]'),
  wrong('less', () => op.less(zeros([2], 'u32'), -1), '-1', 'u32[2]'),
  wrong('add', () => op.add(b(2), b(2)), 'expected f32 or i32 or u32', 'bool[2]'),
  wrong('clamp', () => op.clamp(f(2), Number.NaN), 'low NaN'),
  ...logic,
  wrong('logicalNot', () => op.logicalNot(f(2)), 'expected bool', 'f32[2]'),
  wrong('where', () => op.where(f(2), f(2), f(2)), 'expected bool', 'f32[2]'),
  wrong('where', () => op.where(b(2), f(2), i(3)), 'one dtype', 'f32[2]', 'i32[3]'),
  wrong('where', () => op.where(b(2), f(3), 0), '[2] and [3]'),
  wrong('cast', () => op.cast(f(2), JSON.parse('"f64"')), 'f64', 'f32, i32, u32 or bool'),

  ...reductions,
  ...(['max', 'min'] as const).map((name) => wrong(name, () => op[name](f(0, 3), 0), '[0,3]', 'no elements')),
  wrong('logSumExp', () => op.logSumExp(i(3), 0), 'f32', 'i32[3]'),
  wrong('variance', () => op.variance(i(2)), 'expected f32', 'i32[2]'),
  wrong('variance', () => op.variance(f(2), 1), 'dim 1', '[2]'),
  ...(['argMax', 'argMin'] as const).flatMap((name) => [
    wrong(name, () => op[name](f(2), 1), 'dim 1', '[2]'),
    wrong(name, () => op[name](b(2)), 'bool[2]', 'expected f32'),
    wrong(name, () => op[name](f(0)), '[0]', 'no elements'),
  ]),

  wrong('reshape', () => op.reshape(f(2, 3), [4]), '[2,3]', '6 elements', '[4]'),
  wrong('reshape', () => op.reshape(f(2, 3), [-1, -1]), '[2,3]', '[-1,-1]'),
  wrong('reshape', () => op.reshape(f(2, 3), [-1, 4]), '[2,3]', '[-1,4]'),
  wrong('expand', () => op.expand(f(2), [3]), '[2]', '[3]'),
  wrong('expand', () => op.expand(f(2, 1), [2]), '[2,1]', '[2]'),
  wrong('expand', () => op.expand(f(1), [-1]), '[-1]'),
  wrong('permute', () => op.permute(f(2, 3), [0]), '[2,3]', '[0]'),
  wrong('permute', () => op.permute(f(2, 3), [0, 0]), '[2,3]', '[0,0]'),
  wrong('permute', () => op.permute(f(2, 3), [0, 2]), 'dim 2', '[2,3]'),
  wrong('transpose', () => op.transpose(f(3)), 'dim -2', '[3]'),
  wrong('slice', () => op.slice(f(3), 1, 0), 'dim 1', '[3]'),
  wrong('slice', () => op.slice(f(3), 0, 0, 3, 0), '0:3:0', 'step >= 1'),
  wrong('slice', () => op.slice(f(3), 0, 0.5), '0.5', 'whole numbers'),
  wrong('pad', () => op.pad(f(3), []), '1 pairs', '[3]', '[]'),
  wrong('pad', () => op.pad(f(3), [[-1, 0]]), '>= 0', '[[-1,0]]'),
  wrong('concat', () => op.concat([]), 'at least one'),
  wrong('concat', () => op.concat([f(2, 3), f(2, 4)], 0), 'f32[2,4]', 'f32[2,3]', 'dim 0'),
  wrong('concat', () => op.concat([f(2), i(2)]), 'i32[2]', 'f32[2]'),
  wrong('concat', () => op.concat([f(2)], 1), 'dim 1', '[2]'),
  wrong('stack', () => op.stack([]), 'at least one'),
  wrong('stack', () => op.stack([f(2), f(3)]), 'f32[2] and f32[3]'),
  wrong('stack', () => op.stack([f(2), i(2)]), 'f32[2]', 'i32[2]'),
  wrong('stack', () => op.stack([f(2)], 2), 'dim 2', '[2]'),
  wrong('split', () => op.split(f(4), 0), 'a size >= 1', '0'),
  wrong('split', () => op.split(f(4), [1, 2]), '[1,2]', '[4]'),
  wrong('split', () => op.split(f(4), [5, -1]), '[5,-1]', '[4]'),
  wrong('split', () => op.split(f(4), 2, 1), 'dim 1', '[4]'),
  wrong('flip', () => op.flip(f(4), 1), 'dim 1', '[4]'),
  wrong('squeeze', () => op.squeeze(f(4, 1), 0), 'dim 0', '[4,1]', 'expected 1'),
  wrong('unsqueeze', () => op.unsqueeze(f(4), 2), 'dim 2', '[4]'),
  wrong('flatten', () => op.flatten(f(4), 1), 'dim 1', '[4]'),

  wrong('matmul', () => op.matmul(f(2, 3), f(2, 3)), '[2,3] x [2,3]', '3', '2'),
  wrong('matmul', () => op.matmul(f(3), f(3, 2)), 'two dims or more', 'f32[3]', 'f32[3,2]'),
  wrong('matmul', () => op.matmul(i(2, 2), f(2, 2)), 'f32', 'i32[2,2]'),
  wrong('matmul', () => op.matmul(f(2, 2, 2), f(3, 2, 2)), '[2,2,2]', '[3,2,2]'),
  wrong('conv2d', () => op.conv2d(f(2, 4, 4), f(1, 2, 3, 3)), '[N,C,H,W]', '[2,4,4]', '[1,2,3,3]'),
  wrong('conv2d', () => op.conv2d(image, f(1, 3, 3, 3)), '[1,2,4,4]', '[1,3,3,3]', 'C/groups'),
  wrong('conv2d', () => op.conv2d(image, f(3, 1, 1, 1), { groups: 2 }), '[3,1,1,1]', 'groups 2'),
  wrong('conv2d', () => op.conv2d(image, f(1, 2, 5, 5)), '[1,2,5,5]', 'does not fit', '0 x 0'),
  wrong('conv2d', () => op.conv2d(image, f(1, 2, 1, 1), { stride: 0 }), 'stride is 0', '>= 1'),
  wrong('conv2d', () => op.conv2d(image, f(1, 2, 1, 1), { padding: [0, -1] }), 'padding is [0,-1]', '>= 0'),
  wrong('conv2d', () => op.conv2d(image, f(1, 2, 1, 1), { dilation: 1.5 }), 'dilation is 1.5'),
  ...(['maxPool2d', 'avgPool2d'] as const).flatMap((name) => [
    wrong(name, () => op[name](f(2, 4, 4), 2), '[N,C,H,W]', 'f32[2,4,4]'),
    wrong(name, () => op[name](image, 5), '5 x 5', '[1,2,4,4]'),
    wrong(name, () => op[name](image, 0), 'window is 0'),
    wrong(name, () => op[name](image, 2, { padding: 2 }), 'padding 2,2', 'half', '2,2'),
    wrong(name, () => op[name](image, 2, { stride: 0 }), 'stride is 0'),
    wrong(name, () => op[name](f(1, 1, 0, 0), 2, { padding: 1 }), 'one pixel', '[1,1,0,0]'),
    wrong(name, () => op[name](f(1, 1, 3, 0), [1, 2], { padding: [0, 1] }), 'one pixel', '[1,1,3,0]'),
  ]),
  wrong('globalAvgPool2d', () => op.globalAvgPool2d(f(2, 3)), '[N,C,H,W]', 'f32[2,3]'),
  wrong('adaptiveAvgPool2d', () => op.adaptiveAvgPool2d(f(2, 3), 1), '[N,C,H,W]', 'f32[2,3]'),
  wrong('adaptiveAvgPool2d', () => op.adaptiveAvgPool2d(image, 0), 'outputSize is 0'),
  wrong('adaptiveAvgPool2d', () => op.adaptiveAvgPool2d(f(1, 1, 0, 3), 2), 'one pixel', '[1,1,0,3]'),

  wrong('gather', () => op.gather(f(2, 3), 1, f(2, 3)), 'f32[2,3]', 'i32'),
  wrong('gather', () => op.gather(f(2, 3), 1, i(3, 3)), 'i32[3,3]', '[2,3]', 'dim 1'),
  wrong('gather', () => op.gather(f(2), 1, i(2)), 'dim 1', '[2]'),
  wrong('scatterAdd', () => op.scatterAdd(f(2), 0, i(3), f(2)), 'f32[2]', 'f32[3]'),
  wrong('scatterAdd', () => op.scatterAdd(f(2), 0, f(2), f(2)), 'f32[2]', 'expected i32'),
  wrong('indexSelect', () => op.indexSelect(f(2), 0, i(2, 2)), 'one dim', '[2,2]'),
  wrong('indexSelect', () => op.indexSelect(f(2), 0, f(2)), 'i32', 'f32[2]'),
  wrong('indexSelect', () => op.indexSelect(f(2), 1, i(2)), 'dim 1', '[2]'),
  wrong('oneHot', () => op.oneHot(f(2), 3), 'expected i32 or u32', 'f32[2]'),
  wrong('oneHot', () => op.oneHot(i(2), -1), '-1'),

  wrong('softmax', () => op.softmax(f(2), 1), 'dim 1', '[2]'),
  wrong('softmax', () => op.softmax(i(2)), 'expected f32', 'i32[2]'),
  wrong('logSoftmax', () => op.logSoftmax(f(2), 1), 'dim 1', '[2]'),
  wrong('logSoftmax', () => op.logSoftmax(i(2)), 'expected f32', 'i32[2]'),
  wrong('crossEntropy', () => op.crossEntropy(f(2, 3), i(3)), '[N,classes]', '[2,3]', '[3]'),
  wrong('crossEntropy', () => op.crossEntropy(f(2), i(2)), '[N,classes]', '[2]'),
  wrong('crossEntropy', () => op.crossEntropy(f(2, 3), f(2)), 'f32[2]', 'i32 or u32'),
  wrong('crossEntropy', () => op.crossEntropy(f(2, 0), i(2)), '[2,0]', 'no classes'),
  wrong('crossEntropy', () => op.crossEntropy(i(2, 3), i(2)), 'i32[2,3]', 'f32'),
  wrong(
    'crossEntropy',
    () => op.crossEntropy(f(2, 3), i(2), { labelSmoothing: 2 }),
    'labelSmoothing is 2',
    '0 to 1',
  ),
  wrong('mseLoss', () => op.mseLoss(f(2, 3), f(2)), '[2,3]', '[2]'),
  wrong('mseLoss', () => op.mseLoss(f(2), i(2)), 'f32[2]', 'i32[2]'),
  wrong(
    'normalizeChannels',
    () => op.normalizeChannels(f(2, 3), { mean: f(2), variance: f(3) }, {}, 0.1),
    '[2,3]',
    'mean',
    '[2]',
    '[3]',
  ),
  wrong('channelStatistics', () => op.channelStatistics(f(3)), '[N,C,...]', '[3]'),
  wrong('batchNorm', () => op.batchNorm(f(3)), '[N,C,...]', '[3]'),
  wrong('batchNorm', () => op.batchNorm(f(2, 3), { weight: f(2) }), 'weight', '[2]', '[3]'),
  wrong('batchNorm', () => op.batchNorm(f(2, 3), { bias: f(1, 3) }), 'bias', '[1,3]', '[3]'),

  wrong('createGenerator', () => op.createGenerator(-1), '-1', '2^53'),
  wrong('createGenerator', () => op.createGenerator(0, 1.5), '1.5', 'stream'),
  wrong('randomBits', () => op.randomBits(op.createGenerator(0), [-1]), '[-1]', '>= 0'),
  wrong('uniform', () => op.uniform(op.createGenerator(0), [1.5]), '[1.5]', '>= 0'),
  wrong('normal', () => op.normal(op.createGenerator(0), [-2]), '[-2]', '>= 0'),
  wrong('bernoulli', () => op.bernoulli(op.createGenerator(0), [2], 1.5), '1.5', '0 to 1'),
  wrong('bernoulli', () => op.bernoulli(op.createGenerator(0), [-1], 0.5), '[-1]', '>= 0'),
  wrong('categorical', () => op.categorical(op.createGenerator(0), f(3, 0)), '[3,0]', 'no classes'),
  wrong('categorical', () => op.categorical(op.createGenerator(0), f(3)), '[N,classes]', '[3]'),
  wrong('categorical', () => op.categorical(op.createGenerator(0), i(2, 3)), 'f32', 'i32[2,3]'),
  wrong('permutation', () => op.permutation(op.createGenerator(0), -1), '-1', '>= 0'),
  wrong('dropout', () => op.dropout(op.createGenerator(0), f(2), 1.5), 'p is 1.5', '0 to 1'),
  wrong('dropout', () => op.dropout(op.createGenerator(0), i(2)), 'f32', 'i32[2]'),
];
