/**
 * Comparing one step of a method with reference values, as PyTorch computed them in float64 from the same weights and
 * inputs. A fixture is one safetensors file: metadata "spec" describes the case; tensors init/NAME, x, y, sampled_labels
 * (FT), unit (UJ) go in; expect/loss, penalty, micro_norm2, grad/NAME and after/NAME should come out.
 */
import {
  add,
  assign,
  createGenerator,
  crossEntropy,
  mul,
  type NumberArray,
  read,
  reshape,
  slice,
  sub,
  type Tensor,
  tensor,
  zeros,
} from '../engine/index.ts';
import type { Module } from '../nn/index.ts';
import { parseSafetensors, type RawTensor, type SafetensorsFile } from '../nn/safetensors.ts';
import {
  type Draws,
  forwardPass,
  type MainMethod,
  mainMethods,
  microStep,
  squaredGradientNorm,
} from './methods.ts';
import { buildModel, type ModelSpec } from './models.ts';

export interface ParitySpec {
  readonly name?: string;
  readonly model: ModelSpec;
  readonly method: MainMethod;
  readonly micro_batch: number;
  readonly k: number;
  readonly lam: number;
  readonly lr: number;
}

/** Relative errors of one case. */
export interface ParityResult {
  readonly case: string;
  readonly method: MainMethod;
  readonly loss: number;
  readonly penalty: number;
  readonly microNorm2: number;
  /** The worst tensor's ||a - b|| / max(||b||, 1e-3 of the largest tensor's norm). */
  readonly grad: number;
  readonly after: number;
}

/**
 * Runs the step that a fixture describes on the device in use. `origin` names the file in errors: a file that is not a
 * fixture, or whose tensors do not fit its spec, throws a sentence.
 */
export async function runParityCase(bytes: Uint8Array, origin: string): Promise<ParityResult> {
  const file = parseSafetensors(bytes, origin);
  try {
    return await runStep(file, origin);
  } catch (error) {
    throw new Error(`${origin}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

async function runStep({ tensors, metadata }: SafetensorsFile, origin: string): Promise<ParityResult> {
  const spec = parseSpec(metadata.spec);
  /** A tensor by name; `rows` is the length that its first dim must have. */
  const input = (name: string, rows?: number): RawTensor => {
    const found = tensors.get(name);
    if (!found) throw new Error(`the tensor '${name}' is missing; a ${spec.method} fixture needs it.`);
    if (rows !== undefined && found.shape[0] !== rows) {
      throw new Error(`the tensor '${name}' has shape [${found.shape}], but the spec asks for ${rows} rows.`);
    }
    return found;
  };
  const group = (prefix: string): Map<string, RawTensor> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, t]) => [name.slice(prefix.length), t]),
    );

  const model = buildModel(spec.model, createGenerator(0));
  loadInitial(model, group('init/'));
  model.train();
  const parameters = [...model.namedParameters()];
  const handles = parameters.map(([, parameter]) => parameter);
  const accumulated = handles.map((parameter) =>
    tensor(new Float32Array(parameter.size), { shape: parameter.shape }),
  );
  const examples = spec.k * spec.micro_batch;
  const x = toTensor(input('x', examples));
  const y = toTensor(input('y', examples));
  let loss = 0;
  let penalty = 0;
  const microNorm2: number[] = [];
  for (let k = 0; k < spec.k; k++) {
    const part = (whole: Tensor) => slice(whole, 0, k * spec.micro_batch, (k + 1) * spec.micro_batch);
    const draws: Draws = {
      labels: () => part(toTensor(input('sampled_labels', examples))),
      direction: (classes) => reshape(slice(toTensor(input('unit', spec.k)), 0, k, k + 1), [classes]),
    };
    const micro = forwardPass(model, part(x), part(y), draws);
    const step = microStep({ method: spec.method, lambda: spec.lam, microBatches: spec.k }, micro);
    accumulated.forEach((total, i) => {
      assign(total, add(total, step.gradients[i]));
    });
    const norm2 = squaredGradientNorm(crossEntropy(micro.logits, micro.labels), handles);
    const values = await read(step.loss, step.penalty ?? zeros([]), norm2);
    loss += values[0][0];
    penalty += values[1][0];
    microNorm2.push(values[2][0]);
  }
  const names = parameters.map(([name]) => name);
  const gradients = namedArrays(names, await read(...accumulated));
  handles.forEach((parameter, i) => {
    assign(parameter, sub(parameter, mul(accumulated[i], spec.lr)));
  });
  const state = [...model.stateDict()];
  const after = namedArrays(
    state.map(([name]) => name),
    await read(...state.map(([, value]) => value)),
  );
  return {
    case: spec.name ?? origin,
    method: spec.method,
    loss: relativeError([loss], input('expect/loss').data),
    penalty: relativeError([penalty], input('expect/penalty').data),
    microNorm2: relativeError(microNorm2, input('expect/micro_norm2', spec.k).data),
    grad: worstTensor(gradients, group('expect/grad/'), names),
    after: worstTensor(after, group('expect/after/'), names),
  };
}

function parseSpec(text: string | undefined): ParitySpec {
  const expected = "the metadata 'spec' should be JSON with model, method, micro_batch, k, lam and lr";
  let spec: Partial<ParitySpec>;
  try {
    spec = JSON.parse(text ?? 'null') ?? {};
  } catch {
    throw new Error(`${expected}; it is not JSON.`);
  }
  for (const field of ['micro_batch', 'k', 'lam', 'lr'] as const) {
    const value = spec[field];
    const isCount = field === 'micro_batch' || field === 'k';
    if (typeof value !== 'number' || (isCount && !(Number.isSafeInteger(value) && value > 0))) {
      const kind = isCount ? 'a whole number from 1 on' : 'a number';
      throw new Error(`${expected}; '${field}' is ${JSON.stringify(value)}, expected ${kind}.`);
    }
  }
  if (!spec.method || !mainMethods.includes(spec.method)) {
    throw new Error(
      `${expected}; the method is ${JSON.stringify(spec.method)}, not one of ${mainMethods.join(', ')}.`,
    );
  }
  if (!spec.model?.family) throw new Error(`${expected}; the model is ${JSON.stringify(spec.model)}.`);
  return spec as ParitySpec;
}

function loadInitial(model: Module, initial: Map<string, RawTensor>): void {
  const { missing, unexpected } = model.loadStateDict(
    new Map([...initial].map(([name, raw]) => [name, toTensor(raw)])),
    { strict: false },
  );
  const needed = missing.filter((name) => !name.endsWith('num_batches_tracked'));
  if (needed.length + unexpected.length > 0) {
    throw new Error(
      `the initial weights do not fit the model: missing ${needed.join(', ') || 'none'}, ` +
        `unexpected ${unexpected.join(', ') || 'none'}.`,
    );
  }
}

function toTensor({ data, shape, dtype }: RawTensor): Tensor {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return tensor(Int32Array.from(data, Number), { shape });
  }
  return tensor(Float64Array.from(data), { shape, dtype: dtype.startsWith('F') ? 'f32' : 'i32' });
}

function namedArrays(names: readonly string[], arrays: readonly NumberArray[]): Map<string, NumberArray> {
  return new Map(names.map((name, i) => [name, arrays[i]]));
}

function norm2(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] ** 2;
  return Math.sqrt(total);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < b.length; i++) total += (a[i] - b[i]) ** 2;
  return Math.sqrt(total);
}

/** ||a - b|| / ||b||; where b is zero, ||a||. */
function relativeError(actual: ArrayLike<number>, expected: RawTensor['data']): number {
  const b = Float64Array.from(expected as ArrayLike<number>);
  return distance(actual, b) / (norm2(b) || 1);
}

function worstTensor(
  actual: Map<string, NumberArray>,
  expected: Map<string, RawTensor>,
  required: readonly string[],
): number {
  const missing = required.filter((name) => !expected.has(name));
  if (missing.length > 0) throw new Error(`expected values are missing for ${missing.join(', ')}.`);
  const reference = new Map(
    [...expected].map(([name, { data }]) => [name, Float64Array.from(data as ArrayLike<number>)]),
  );
  const floor = 1e-3 * Math.max(...[...reference.values()].map(norm2));
  let worst = 0;
  for (const [name, b] of reference) {
    const a = actual.get(name);
    if (a?.length !== b.length) {
      throw new Error(
        `'${name}' has ${b.length} expected elements, the model ${a ? `has ${a.length}` : 'has no such tensor'}.`,
      );
    }
    const error = distance(a, b) / Math.max(norm2(b), floor || 1);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  return worst;
}
