/** How the table of operations is written: rows of cases, and the inputs that they are tried on. */
import { type Shape, type Tensor, tensor } from '../../src/engine/index.ts';

export interface Case {
  readonly label: string;
  readonly build: (...inputs: Tensor[]) => Tensor;
  /** Derivatives are checked with respect to those of dtype f32. */
  readonly inputs: readonly Tensor[];
}

export interface Row {
  /** The exported function. */
  readonly name: string;
  readonly cases: readonly Case[];
  /** False for what has no derivative. Default true. */
  readonly differentiable?: boolean;
  /** Highest order of derivative to check: 2, and 3 on a sample of rows. */
  readonly order?: number;
  /** GPU against reference, relative to max(1, largest); looser than 1e-4 only with a reason. */
  readonly tolerance?: number;
  readonly reason?: string;
}

type Input = Shape | Tensor;

/** One use: a builder, and for every input its shape (numbers in the row's range) or a tensor. */
export function use(build: (...inputs: Tensor[]) => Tensor, ...inputs: Input[]): Case {
  const tensors = inputs.map((input, i) => (isShape(input) ? numbers(input, 0.2, 1.6, i) : input));
  const label = `(${tensors.map(({ dtype, shape }) => `${dtype}[${shape}]`).join(', ')})`;
  return {
    label: `${label} ${String(build).replace(/\(0, *\w+\.(\w+)\)|\s+/g, (_, name = ' ') => name)}`,
    build,
    inputs: tensors,
  };
}

function isShape(input: Input): input is Shape {
  return Array.isArray(input);
}

/**
 * f32 numbers with magnitudes in [low, high] and both signs, or within [low, high] if `signed` is false. They are
 * distinct, far from each other (in random order on an even grid), exact in f32, and the same at every call.
 */
export function numbers(shape: Shape, low: number, high: number, seed = 0, signed = true): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const random = generator(seed * 7919 + count);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const values = order.map((place) => {
    const magnitude = low + ((high - low) * (place + 0.3 + 0.4 * random())) / count;
    return Math.fround(signed && random() < 0.5 ? -magnitude : magnitude);
  });
  return tensor(Float64Array.from(values), { shape });
}

/** Numbers in [low, high]. */
export function within(shape: Shape, low: number, high: number, seed = 0): Tensor {
  return numbers(shape, low, high, seed, false);
}

/** i32 numbers from low to high, both included. */
export function integers(shape: Shape, low: number, high: number, seed = 0): Tensor {
  const random = generator(seed + 17);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Int32Array.from({ length: count }, () => low + Math.floor(random() * (high - low + 1)));
  return tensor(values, { shape });
}

export function booleans(shape: Shape, seed = 0): Tensor {
  const random = generator(seed + 29);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Int32Array.from({ length: count }, () => Number(random() < 0.5));
  return tensor(values, { shape, dtype: 'bool' });
}

/** Numbers in [0, 1), a linear congruential generator. */
function generator(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 4; i++) next();
  return next;
}
