/**
 * Random numbers by Philox: a pure function of (seed, stream, draw, position), the same on every executor. A generator
 * keeps its draw count in a tensor that every draw advances, so compiled functions draw anew at each replay.
 */
import { checkNumber, refuse, shown } from '../arguments.ts';
import { assign } from '../assign.ts';
import { referenceArray } from '../dtype.ts';
import { checkShape, formatShape, type Shape, ShapeError, sizeOf } from '../shape.ts';
import type { Operation } from '../tape.ts';
import { arange, checkTensors, record, Tensor, tensor } from '../tensor.ts';
import { checkFloat } from './checks.ts';
import { add, cos, log, mul, neg, sqrt, sub } from './elementwise.ts';
import { reshape } from './movement.ts';
import { argMax, sum } from './reduction.ts';
import { cast, eq, greater, less, logicalAnd, logicalOr, maximum, minimum } from './selection.ts';
import { slice } from './slicing.ts';
import { unchanged } from './view.ts';

export interface Generator {
  /** u32 [4]: seed (low, high word), stream, draws so far. Save it to continue; assign it to go back. */
  readonly state: Tensor;
}

/** A generator of its own sequence for every (seed, stream). The seed is a whole number from 0 to 2^53 - 1. */
export function createGenerator(seed: number, stream = 0): Generator {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(
      `createGenerator: the seed is ${shown(seed)}; expected a whole number from 0 to 2^53 - 1.`,
    );
  }
  if (!Number.isInteger(stream) || stream < 0 || stream >= 2 ** 32) {
    throw new RangeError(
      `createGenerator: the stream is ${shown(stream)}; expected a whole number from 0 to 2^32 - 1.`,
    );
  }
  return { state: tensor(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), stream, 0)) };
}

export function checkGenerator(operation: string, generator: Generator): void {
  const fits = generator?.state instanceof Tensor;
  if (!fits) refuse(operation, 'generator', generator, 'a generator, as createGenerator makes');
}

/** What every draw is given. */
export function checkDraw(operation: string, generator: Generator, shape: Shape): void {
  checkGenerator(operation, generator);
  checkShape(operation, shape);
}

/** One draw: u32 words, uniform over all 2^32, and the generator advanced by one. */
export function randomBits(generator: Generator, shape: Shape): Tensor {
  checkDraw('randomBits', generator, shape);
  const { state } = generator;
  const bits = record(philoxOperation, [state], [...shape], 'u32');
  assign(state, add(state, tensor(Uint32Array.of(0, 0, 0, 1))));
  return bits;
}

const philoxOperation: Operation = {
  name: 'randomBits',
  key: 'randomBits',
  gradients: ['zero'],
  reference: ([state], entry) => {
    const out = referenceArray('u32', sizeOf(entry.shape));
    for (let block = 0; block * 4 < out.length; block++) {
      const words = philox([block, 0, state[3], state[2]], [state[0], state[1]]);
      for (let lane = 0; lane < 4 && block * 4 + lane < out.length; lane++)
        out[block * 4 + lane] = words[lane];
    }
    return out;
  },
  lowering: {
    kind: 'inline',
    cost: 60,
    emit: (emitter, index) => {
      const [low, high, stream, draw] = [0, 1, 2, 3].map((i) =>
        emitter.input(0, emitter.linear([4], `${i}u`)),
      );
      const words = emitter.define(
        `philox(vec4u(${index.position} >> 2u, 0u, ${draw}, ${stream}), vec2u(${low}, ${high}))`,
      );
      return `${words}[${index.position} & 3u]`;
    },
  },
};

/** Philox 4x32-10 (Salmon et al. 2011): ten rounds of two 32x32 -> 64 bit products. Four words in, four words out. */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, high1] = [multiplyHigh(0xd2511f53, a), multiplyHigh(0xcd9e8d57, c)];
    const [low0, low1] = [Math.imul(0xd2511f53, a), Math.imul(0xcd9e8d57, c)];
    a = high1 ^ b ^ k0;
    b = low1;
    c = high0 ^ d ^ k1;
    d = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

/** The upper 32 bits of the product of two 32-bit words, from halves whose products are exact in float64. */
function multiplyHigh(x: number, y: number): number {
  const [xh, xl, yh, yl] = [x >>> 16, x & 0xffff, y >>> 16, y & 0xffff];
  const middle = xh * yl + ((xl * yl) >>> 16);
  const other = xl * yh + (middle & 0xffff);
  return xh * yh + Math.floor(middle / 65536) + Math.floor(other / 65536);
}

/** f32 uniform over [low, high), never high itself, nor by rounding: 24 random bits each. */
export function uniform(generator: Generator, shape: Shape, low = 0, high = 1): Tensor {
  checkDraw('uniform', generator, shape);
  checkNumber('uniform', 'low', low);
  checkNumber('uniform', 'high', high);
  const bits = randomBits(generator, shape);
  const unit = mul(cast(shiftRight8(bits), 'f32'), 2 ** -24);
  if (low === 0 && high === 1) return unit;
  const scaled = add(mul(unit, high - low), low);
  return high > low ? minimum(scaled, below(high)) : scaled;
}

/** The largest f32 below a number greater than -Infinity. */
function below(value: number): number {
  const float = new Float32Array([value]);
  const words = new Int32Array(float.buffer);
  if (float[0] < value) return float[0];
  if (float[0] === 0) return -(2 ** -149);
  words[0] += float[0] > 0 ? -1 : 1;
  return float[0];
}

const shiftOperation: Operation = {
  name: 'shiftRight8',
  key: 'shiftRight8',
  gradients: ['zero'],
  reference: ([bits]) => (bits as Uint32Array).map((word) => word >>> 8),
  lowering: {
    kind: 'inline',
    aligned: true,
    cost: 1,
    emit: (emitter, index) => `${emitter.input(0, index)} >> 8u`,
  },
};

function shiftRight8(bits: Tensor): Tensor {
  return record(shiftOperation, [bits], bits.shape, 'u32');
}

/** f32 normal(mean, deviation) by Box and Muller: sqrt(-2 log u) cos(2 pi v), u in (0, 1]. */
export function normal(generator: Generator, shape: Shape, mean = 0, deviation = 1): Tensor {
  checkDraw('normal', generator, shape);
  checkNumber('normal', 'mean', mean);
  checkNumber('normal', 'deviation', deviation);
  const pairs = uniform(generator, [2, ...shape]);
  const u = sub(1, reshape(slice(pairs, 0, 0, 1), shape));
  const v = reshape(slice(pairs, 0, 1, 2), shape);
  const standard = mul(sqrt(mul(log(u), -2)), cos(mul(v, 2 * Math.PI)));
  return mean === 0 && deviation === 1 ? standard : add(mul(standard, deviation), mean);
}

/** Throws unless the value is a number from 0 to 1. */
export function checkProbability(operation: string, what: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value <= 1) return;
  throw new RangeError(`${operation}: ${what} is ${shown(value)}, expected 0 to 1.`);
}

/** f32 1 with the given probability, else 0. */
export function bernoulli(generator: Generator, shape: Shape, probability: number): Tensor {
  checkProbability('bernoulli', 'the probability', probability);
  checkDraw('bernoulli', generator, shape);
  return cast(less(uniform(generator, shape), probability), 'f32');
}

/**
 * i32 [N]: one class per row of logits [N, classes], drawn with probability softmax(logits) (the Gumbel-max trick). The
 * draw has no derivative.
 */
export function categorical(generator: Generator, logits: Tensor): Tensor {
  checkGenerator('categorical', generator);
  checkTensors('categorical', { logits });
  if (logits.shape.length !== 2 || logits.dtype !== 'f32') {
    throw new ShapeError(
      `categorical: expected f32 logits [N,classes], got ${logits.dtype}${formatShape(logits.shape)}.`,
    );
  }
  if (logits.shape[1] === 0) {
    throw new ShapeError(
      `categorical: logits ${formatShape(logits.shape)} have no classes to draw from; expected one or more.`,
    );
  }
  const u = sub(1, uniform(generator, logits.shape));
  // u = 1 stands for (1 - 2^-24, 1]: its middle keeps the noise finite, so that a logit of -Infinity never wins.
  return argMax(sub(logits.detach(), log(maximum(neg(log(u)), 2 ** -25))), 1);
}

/** i32 [count]: 0 to count - 1 in random order, by the rank of random words (ties, if any, in order). */
export function permutation(generator: Generator, count: number): Tensor {
  checkDraw('permutation', generator, [count]);
  const keys = randomBits(generator, [count]);
  const positions = arange(count, 'i32');
  const [a, b] = [reshape(keys, [count, 1]), reshape(keys, [1, count])];
  const [i, j] = [reshape(positions, [count, 1]), reshape(positions, [1, count])];
  const before = logicalOr(greater(a, b), logicalAnd(eq(a, b), greater(i, j)));
  return sum(cast(before, 'i32'), 1);
}

/**
 * Zeroes each element with probability p and scales the rest by 1 / (1 - p) (PyTorch's `dropout` in training). p = 1
 * leaves zeros.
 */
export function dropout(generator: Generator, x: Tensor, p = 0.5): Tensor {
  checkGenerator('dropout', generator);
  checkFloat('dropout', x);
  checkProbability('dropout', 'p', p);
  if (p === 0) return unchanged(x);
  return mul(x, mul(bernoulli(generator, x.shape, 1 - p), p < 1 ? 1 / (1 - p) : 0));
}
