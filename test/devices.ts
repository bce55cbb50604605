/** The two executors for tests, and comparing what they compute. */
import { expect } from 'vitest';
import { isSoftwareAdapter } from '../src/engine/adapter-info.ts';
import {
  add,
  type Device,
  GpuDevice,
  grad,
  mul,
  type NumberArray,
  ReferenceDevice,
  read,
  setDevice,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import { conv2dFamily } from '../src/kernels/conv2d.ts';
import { conv2dInputGradFamily } from '../src/kernels/conv2d-input-grad.ts';
import { conv2dWeightGradFamily } from '../src/kernels/conv2d-weight-grad.ts';
import { matmulFamily } from '../src/kernels/matmul.ts';
import { testDevice } from './gpu.ts';

const raw = await testDevice();

/**
 * REGRAD_TEST_CLASS=hardware plans as for a GPU, on whatever adapter there is; REGRAD_TEST_VARIANT=tiled runs the
 * kernels of that variant wherever they fit.
 */
const { REGRAD_TEST_CLASS: forced, REGRAD_TEST_VARIANT: favourVariant } = process.env;
const variantNames = [matmulFamily, conv2dFamily, conv2dInputGradFamily, conv2dWeightGradFamily].flatMap(
  ({ variants }) => Object.keys(variants),
);
if (favourVariant && !variantNames.includes(favourVariant)) {
  throw new Error(
    `REGRAD_TEST_VARIANT is '${favourVariant}', but must be one of ${[...new Set(variantNames)]}.`,
  );
}

/** A device of the engine on one of WebGPU's. */
export function gpuDevice(device: GPUDevice, name: string): GpuDevice {
  const found = isSoftwareAdapter(device.adapterInfo) ? 'software' : 'hardware';
  return new GpuDevice(device, {
    name,
    adapterClass: forced === 'hardware' ? forced : found,
    favourVariant: favourVariant || undefined,
  });
}

/** Absent where there is only the reference executor. */
export const gpu = raw && gpuDevice(raw, 'test GPU');

export const reference = new ReferenceDevice();

/** Both executors, or the one that there is, with names for test titles. */
export const devices: readonly { readonly name: string; readonly device: Device }[] = [
  { name: 'reference', device: reference },
  ...(gpu ? [{ name: 'GPU', device: gpu }] : []),
];

/** Records a graph and reads all of its results together on one executor, which stays set. */
export async function valuesOn(device: Device, build: () => readonly Tensor[]): Promise<NumberArray[]> {
  setDevice(device);
  return read(...build());
}

/** Records a graph once for each executor, since what was read is not computed again. */
export async function onBoth(
  build: () => readonly Tensor[],
): Promise<{ reference: NumberArray[]; gpu: NumberArray[] | undefined }> {
  return { gpu: gpu && (await valuesOn(gpu, build)), reference: await valuesOn(reference, build) };
}

/**
 * Derivatives of a weighted sum of `output`, order by order: gradients, then gradients of a weighted sum of those, and
 * so on.
 */
export function derivatives(output: Tensor, inputs: readonly Tensor[], order: number): Tensor[][] {
  const found: Tensor[][] = [];
  let value = weightedSum(output, 0);
  for (let n = 1; n <= order; n++) {
    const gradients = grad(value, inputs);
    found.push(gradients);
    value = gradients.map((g, i) => weightedSum(g, n + 3 * i)).reduce((a, b) => add(a, b));
  }
  return found;
}

/** A scalar that depends on every element in its own way. */
function weightedSum(x: Tensor, salt: number): Tensor {
  const weights = Float64Array.from({ length: x.size }, (_, i) => Math.cos(1.7 * i + salt));
  return sum(mul(x, tensor(weights, { shape: x.shape })));
}

/** The largest difference, relative to max(1, the largest number expected); infinite where NaN or infinities differ. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 1;
  let gap = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i], expected[i]];
    if (Number.isFinite(b)) scale = Math.max(scale, Math.abs(b));
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const difference = Math.abs(a - b);
    gap = Math.max(gap, Number.isFinite(difference) ? difference : Infinity);
  }
  return gap / scale;
}

export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  const error = relativeError(actual, expected);
  const shown = (values: ArrayLike<number>) => Array.from(values).slice(0, 12).join(' ');
  const text = `${what}: relative error ${error.toExponential(2)}\n  got      ${shown(actual)}\n  expected ${shown(expected)}`;
  expect(error <= tolerance, text).toBe(true);
}
