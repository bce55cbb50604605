/** The full-width fixtures: weights and images by the formula of make.py, and comparing gradients with its digests. */
import { readFileSync } from 'node:fs';
import {
  assign,
  createGenerator,
  type Device,
  flatten,
  type Generator,
  gather,
  norm,
  read,
  setDevice,
  sum,
  type Tensor,
  tensor,
} from '../../src/engine/index.ts';
import { forwardPass, microStep } from '../../src/experiments/methods.ts';
import { Dropout, type Module, resnet18, vgg11, vgg16Bn } from '../../src/nn/index.ts';
import { fixedDraws } from '../micro-steps.ts';

export interface Digest {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly sum: number;
  readonly samples: readonly number[];
}

export interface FullFixture {
  readonly lambda: number;
  readonly labels: readonly number[];
  /** What the dropout layers keep, a bit for each value of both examples. */
  readonly masks?: readonly string[];
  readonly loss: number;
  readonly penalty: number;
  /** Relative errors of PyTorch's own float32. */
  readonly float32: { readonly loss: number; readonly penalty: number; readonly gradients: number };
  /** Names of the state dict. */
  readonly state: readonly string[];
  readonly gradients: Readonly<Record<string, Digest>>;
}

const classes = 10;

/** Draws the masks of the `dropout` fixture, one after the other. */
export const maskGenerator = (): Generator => createGenerator(4, 9);

const makers: Record<string, () => Module> = {
  resnet18: () => resnet18({ classes }, createGenerator(0)),
  vgg11: () => vgg11({ classes }, createGenerator(0)),
  'vgg16-bn': () => vgg16Bn({ classes, dropout: 0 }, createGenerator(0)),
  dropout: () => vgg16Bn({ classes, plan: [4, 'M'], hidden: [8, 8], pool: 2 }, createGenerator(0)),
};

export function fullFixture(name: string): FullFixture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'));
}

/** `count` float32 numbers in [-1, 1): the finaliser of MurmurHash3 over a Weyl sequence. */
function numbers(seed: number, count: number): Float32Array {
  const out = new Float32Array(count);
  const offset = seed * 40503 + 12345;
  for (let i = 0; i < count; i++) {
    let h = (Math.imul(i, 2654435761) + offset) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    out[i] = ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return out;
}

/** He's uniform weights by fan-in; scales of batch norm around 1, biases around 0. */
function initial(seed: number, name: string, shape: readonly number[]): Float32Array {
  const values = numbers(
    seed,
    shape.reduce((a, b) => a * b, 1),
  );
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const [scale, offset] =
    shape.length > 1
      ? [Math.fround(Math.sqrt(6 / fanIn)), 0]
      : [Math.fround(0.1), Number(name.endsWith('weight'))];
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(scale * values[i]) + offset;
  return values;
}

export interface FullErrors {
  /** Relative errors of loss and penalty. */
  readonly loss: number;
  readonly penalty: number;
  /** The worst over tensors; see `digestError`. */
  readonly gradients: number;
  readonly worst: string;
}

/** Runs the GN step of a fixture on a device, and gives its errors. */
export async function fullStep(name: string, device: Device): Promise<FullErrors> {
  const fixture = fullFixture(name);
  setDevice(device);
  const model = makers[name]().train();
  const parameters = [...model.namedParameters()];
  parameters.forEach(([parameterName, parameter], seed) => {
    assign(parameter, tensor(initial(seed, parameterName, parameter.shape), { shape: parameter.shape }));
  });
  for (const module of model.modules()) {
    if (module instanceof Dropout) assign(module.generator.state, maskGenerator().state);
  }
  const x = tensor(numbers(1000, 2 * 3 * 32 * 32), { shape: [2, 3, 32, 32] });
  const micro = forwardPass(model, x, tensor(Int32Array.from(fixture.labels)), fixedDraws);
  const step = microStep({ method: 'GN', lambda: fixture.lambda, microBatches: 1 }, micro);
  if (!step.penalty) throw new Error('GN has no penalty.');
  const names = parameters.map(([parameterName]) => parameterName);
  checkNames(model, fixture);
  const [[loss], [penalty], ...digests] = await read(
    step.loss,
    step.penalty,
    ...names.flatMap((parameterName, i) => digestOf(step.gradients[i], fixture.gradients[parameterName])),
  );
  const floor = 1e-3 * Math.max(...Object.values(fixture.gradients).map(({ norm }) => norm));
  const errors = names.map((parameterName, i): [number, string] => {
    const [[norm], [total], samples] = digests.slice(3 * i, 3 * i + 3);
    const digest = { norm, sum: total, samples: [...samples] };
    return [digestError(digest, fixture.gradients[parameterName], floor), parameterName];
  });
  const [worst, where] = errors.reduce((a, b) => (b[0] > a[0] || Number.isNaN(b[0]) ? b : a));
  return {
    loss: Math.abs(loss / fixture.loss - 1),
    penalty: Math.abs(penalty / fixture.penalty - 1),
    gradients: worst,
    worst: where,
  };
}

/** The model's state must be PyTorch's: the same names, in the same order, and parameters of the same shapes. */
function checkNames(model: Module, { state, gradients }: FullFixture): void {
  const describe = (entries: readonly (readonly [string, { readonly shape: readonly number[] }])[]) =>
    entries.map(([name, { shape }]) => `${name} [${shape}]`).join(', ');
  const own = [[...model.stateDict().keys()].join(', '), describe([...model.namedParameters()])];
  const expected = [state.join(', '), describe(Object.entries(gradients))];
  if (own.join() !== expected.join()) throw new Error(`The state is ${own}; PyTorch has ${expected}.`);
}

/** Norm, sum and samples of a gradient, computed where it lies: the largest has 411 MB. */
function digestOf(g: Tensor, { samples }: Digest): Tensor[] {
  const at = samples.map((_, i) => Math.floor((g.size * (2 * i + 1)) / (2 * samples.length)));
  return [norm(g), sum(g), gather(flatten(g), 0, tensor(Int32Array.from(at)))];
}

/**
 * The largest error among a gradient's norm, sum and samples, each over what it may be: the norm by the norm, the sum by
 * sqrt(size) norm, which bounds it, and a sample by the root mean square, norm / sqrt(size). Norms below `floor` count as
 * `floor`.
 */
export function digestError(
  actual: Pick<Digest, 'norm' | 'sum' | 'samples'>,
  expected: Digest,
  floor: number,
): number {
  const scale = Math.max(expected.norm, floor);
  const root = Math.sqrt(expected.shape.reduce((a, b) => a * b, 1));
  return Math.max(
    Math.abs(actual.norm - expected.norm) / scale,
    Math.abs(actual.sum - expected.sum) / (scale * root),
    ...expected.samples.map((sample, i) => (Math.abs(actual.samples[i] - sample) * root) / scale),
  );
}
