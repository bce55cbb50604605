/** Element-wise operations: domains away from kinks and poles, broadcasting, integers, one element, none. */
import {
  abs,
  add,
  cast,
  clamp,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  greater,
  greaterEqual,
  isNan,
  leakyRelu,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  type Operand,
  pow,
  relu,
  rsqrt,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  type Tensor,
  tanh,
  tensor,
  where,
} from '../../src/engine/index.ts';
import { booleans, type Case, integers, numbers, type Row, use, within } from './row.ts';

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Operand, b: Operand) => Tensor;

/** Several shapes over one range; both signs if low < 0. */
function unary(f: Unary, low: number, high: number): Case[] {
  return [[7], [2, 3], [], [1, 1, 2], [0, 3]].map((shape, i) => use(f, within(shape, low, high, i)));
}

/** Equal shapes, broadcasting on either side and on both, a scalar, numbers, nothing. */
function binary(f: Binary): Case[] {
  return [
    use((a, b) => f(a, b), [2, 3], [2, 3]),
    use((a, b) => f(a, b), [2, 1, 3], [4, 1]),
    use((a, b) => f(a, b), [3], [2, 3]),
    use((a, b) => f(a, b), [], [1, 2]),
    use((a) => f(a, 0.75), [5]),
    use((a) => f(-1.25, a), [5]),
    use((a, b) => f(a, b), [0, 2], [1, 2]),
    use((a) => f(a, a), [3]),
  ];
}

const forIntegers = (f: Binary): Case[] => [
  use((a, b) => f(a, b), integers([2, 3], -9, 9), integers([3], -9, 9, 1)),
  use((a, b) => f(cast(a, 'u32'), cast(b, 'u32')), integers([4], 5, 9), integers([4], 0, 5, 1)),
];

/** Integers close together, so that some are equal. */
const compared = (f: Binary): Case[] => [
  use((a, b) => f(a, b), [2, 1, 3], [4, 1]),
  use((a, b) => f(a, b), integers([3, 4], 0, 2), integers([4], 0, 2, 1)),
  use((a, b) => f(cast(a, 'u32'), cast(b, 'u32')), integers([5], 0, 1), integers([5], 0, 1, 1)),
  use((a) => f(a, 1), integers([6], 0, 2)),
  use((a, b) => f(a, b), [0], [1]),
];

const compareBooleans = (f: Binary): Case => use((a, b) => f(a, b), booleans([9]), booleans([9], 1));

const logic = (f: Binary): Case[] => [
  use((a, b) => f(a, b), booleans([3, 4]), booleans([4], 1)),
  use((a, b) => f(a, b), booleans([1]), booleans([], 1)),
  use((a, b) => f(greater(a, 0), greater(b, 0)), [4], [4]),
];

const whereCases: Case[] = [
  use((condition, a, b) => where(condition, a, b), booleans([2, 3]), [2, 3], [2, 3]),
  use((condition, a, b) => where(condition, a, b), booleans([2, 1]), [3], []),
  use((condition, a) => where(condition, a, 0.5), booleans([3]), [2, 3]),
  use((condition, a) => where(condition, -2, a), booleans([2, 3]), [3]),
  use((condition, a, b) => where(condition, a, b), booleans([4]), integers([4], -3, 3), integers([], 5, 9)),
  use((condition, a, b) => where(condition, a, b), booleans([4]), booleans([4], 1), booleans([4], 2)),
  use((condition, a) => where(condition, a, a), booleans([0]), [0]),
];

const castCases: Case[] = [
  use((x) => cast(cast(x, 'bool'), 'f32'), tensor([0, 1, -2, 0.25])),
  use((x) => cast(mul(x, 10), 'i32'), numbers([6], 0.3, 2.2)),
  use((x) => cast(mul(x, 10), 'u32'), within([6], 0.3, 2.2)),
  use((x) => cast(x, 'f32'), integers([4], -9, 9)),
  use((x) => cast(x, 'u32'), integers([4], 0, 9)),
  use((x) => cast(x, 'bool'), integers([6], 0, 1)),
  use((x) => cast(x, 'i32'), booleans([5])),
  use((x) => cast(x, 'f32'), booleans([2, 2])),
];

export const elementwise: readonly Row[] = [
  { name: 'add', cases: [...binary(add), ...forIntegers(add)] },
  { name: 'sub', cases: [...binary(sub), ...forIntegers(sub)] },
  { name: 'mul', cases: [...binary(mul), ...forIntegers(mul)], order: 3 },
  { name: 'div', cases: binary(div), order: 3 },
  { name: 'neg', cases: [...unary(neg, -2, 2), use((x) => neg(x), integers([3], -5, 5))] },
  { name: 'abs', cases: [use((x) => abs(x), [2, 4]), use((x) => abs(x), integers([3], -5, 5))] },
  { name: 'sign', cases: [use((x) => sign(x), [2, 4]), use((x) => sign(x), integers([5], -1, 1))] },
  { name: 'square', cases: [...unary(square, -2, 2), use((x) => square(x), integers([3], -5, 5))] },
  { name: 'exp', cases: unary(exp, -3, 2) },
  { name: 'expm1', cases: [...unary(expm1, -2, 2), use((x) => expm1(x), [4])] },
  { name: 'log', cases: unary(log, 0.3, 4), order: 3 },
  { name: 'log1p', cases: unary(log1p, -0.6, 3) },
  { name: 'sqrt', cases: unary(sqrt, 0.4, 4) },
  { name: 'rsqrt', cases: unary(rsqrt, 0.5, 4) },
  {
    name: 'pow',
    cases: [
      use((a, b) => pow(a, b), within([2, 3], 0.5, 2), [2, 3]),
      use((a, b) => pow(a, b), within([2, 1], 0.5, 2), [3]),
      use((a) => pow(a, 2.5), within([4], 0.5, 2)),
      use((a) => pow(a, -2), [4]),
      use((a) => pow(a, 0), [3]),
      use((a) => pow(a, 1), [3]),
      use((a) => pow(a, 2), [3]),
      use((a) => pow(a, 3), [3]),
      use((a) => pow(a, 4), [3]),
      use((b) => pow(1.7, b), [4]),
    ],
    order: 3,
  },
  { name: 'sin', cases: unary(sin, -5, 5), order: 3 },
  { name: 'cos', cases: unary(cos, -5, 5) },
  { name: 'tanh', cases: unary(tanh, -2.5, 2.5), order: 3 },
  { name: 'sigmoid', cases: unary(sigmoid, -4, 4), order: 3 },
  { name: 'softplus', cases: unary(softplus, -4, 4) },
  { name: 'erf', cases: unary(erf, -2.5, 2.5) },
  { name: 'relu', cases: [use((x) => relu(x), [2, 5]), use((x) => square(relu(x)), [6])] },
  {
    name: 'leakyRelu',
    cases: [use((x) => leakyRelu(x), [2, 5]), use((x) => square(leakyRelu(x, 0.3)), [6])],
  },
  { name: 'maximum', cases: [...kinked(maximum), ...forIntegers(maximum)] },
  { name: 'minimum', cases: [...kinked(minimum), ...forIntegers(minimum)] },
  {
    name: 'clamp',
    cases: [
      use((x) => clamp(x, -0.1, 0.1), [6]),
      use((x) => square(clamp(x, 0.1)), [6]),
      use((x) => square(clamp(x, undefined, 0.1)), [2, 3]),
      use((x) => clamp(x), [3]),
    ],
  },
  { name: 'eq', cases: [...compared(eq), compareBooleans(eq)] },
  { name: 'notEqual', cases: [...compared(notEqual), compareBooleans(notEqual)] },
  { name: 'greater', cases: compared(greater) },
  { name: 'greaterEqual', cases: compared(greaterEqual) },
  { name: 'less', cases: compared(less) },
  { name: 'lessEqual', cases: compared(lessEqual) },
  { name: 'logicalAnd', cases: logic(logicalAnd) },
  { name: 'logicalOr', cases: logic(logicalOr) },
  { name: 'logicalXor', cases: logic(logicalXor) },
  { name: 'logicalNot', cases: [use((x) => logicalNot(x), booleans([5]))] },
  {
    name: 'isNan',
    cases: [use((x) => isNan(x), tensor([1, Number.NaN, Infinity, -0]))],
    differentiable: false,
  },
  { name: 'where', cases: whereCases },
  { name: 'cast', cases: castCases, differentiable: false },
];

/** Operands on two interleaved grids, so that none are equal. */
function kinked(f: Binary): Case[] {
  return [
    use((a, b) => f(a, b), tensor([1, 3, 5, -1]), tensor([2, 2, 4.5, 0])),
    use((a, b) => mul(f(a, b), f(a, b)), tensor([[1], [3]]), tensor([2, 0, 4])),
    use((a) => f(a, 0.1), [2, 2]),
  ];
}
