/** Whether a device computes what the reference executor computes, and how fast. Leaves the device in use alone. */
import {
  add,
  batchNorm,
  conv2d,
  crossEntropy,
  type Device,
  GpuDevice,
  globalAvgPool2d,
  grad,
  matmul,
  mul,
  type NumberArray,
  ReferenceDevice,
  relu,
  type Shape,
  square,
  sum,
  type Tensor,
  tensor,
} from '../engine/index.ts';
import { buildGraph, type Graph } from '../engine/plan/graph.ts';

/** What float32 may differ from float64, relative to the largest number of a tensor. */
export const selfCheckTolerance = 1e-4;

export interface MatmulCheck {
  /** The largest difference from the reference for [size,size] times [size,size], relative to the largest number. */
  readonly error: number;
  readonly size: number;
  /** 2 timedSize³ / seconds / 1e9, launch and synchronisation included. */
  readonly gflops: number;
  readonly timedSize: number;
}

/** Multiplies matrices. A GPU is timed on larger ones than it is checked on: small ones would time the launch. */
export async function checkMatmul(device: Device, size = 512): Promise<MatmulCheck> {
  const timedSize = device instanceof GpuDevice && device.adapterClass === 'hardware' ? 2048 : size;
  const product = (n: number) => [matmul(waves([n, n], 1), waves([n, n], 2))];
  const error = await errorAgainstReference(device, () => product(size));
  const seconds = await secondsPerRun(device, buildGraph(product(timedSize).map(({ node }) => node)));
  return { error, size, gflops: (2 * timedSize ** 3) / seconds / 1e9, timedSize };
}

/** The error of `penaltyStep` on a device, relative to each tensor's largest number; the worst tensor's. */
export function checkDoubleBackprop(device: Device): Promise<number> {
  return errorAgainstReference(device, penaltyStep);
}

/**
 * One step that penalises a gradient: loss L of a residual network with batch norm, penalty P = ‖dL/dθ‖² over all
 * parameters θ jointly, and the gradients of L + 0.1 P, which take a second derivative of every operation.
 *
 * @returns L [], P [], then the gradients with the parameters' shapes.
 */
export function penaltyStep(): Tensor[] {
  const images = waves([4, 2, 6, 6], 1);
  const labels = tensor([0, 2, 1, 2], { dtype: 'i32' });
  const parameters = [
    waves([3, 2, 3, 3], 3),
    waves([3], 4),
    waves([3], 5),
    waves([3, 3, 3, 3], 6),
    waves([3], 7),
    waves([3], 8),
    waves([3, 3], 9),
  ];
  const [conv1, scale1, shift1, conv2, scale2, shift2, classifier] = parameters;
  const stem = relu(batchNorm(conv2d(images, conv1, { padding: 1 }), { weight: scale1, bias: shift1 }));
  const branch = batchNorm(conv2d(stem, conv2, { padding: 1 }), { weight: scale2, bias: shift2 });
  const features = globalAvgPool2d(relu(add(stem, branch)));
  const loss = crossEntropy(matmul(features, classifier), labels);
  const penalty = grad(loss, parameters)
    .map((g) => sum(square(g)))
    .reduce((a, b) => add(a, b));
  return [loss, penalty, ...grad(add(loss, mul(penalty, 0.1)), parameters)];
}

/** What the reference executor computes for recorded tensors. */
export function referenceValues(tensors: readonly Tensor[]): NumberArray[] {
  return new ReferenceDevice().values(buildGraph(tensors.map(({ node }) => node)));
}

/** The largest difference relative to the largest number expected; Infinity where a number is NaN or missing. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const gaps = Array.from(expected, (value, i) => Math.abs(actual[i] - value));
  const gap = gaps.reduce(
    (most, value) => (value <= most ? most : Number.isNaN(value) ? Infinity : value),
    0,
  );
  return gap === 0 ? 0 : gap / scale;
}

async function errorAgainstReference(device: Device, record: () => Tensor[]): Promise<number> {
  const graph = buildGraph(record().map(({ node }) => node));
  await device.settle(graph);
  const actual = await device.run(
    graph,
    graph.targets.map(() => ({ purpose: 'read' })),
  ).reads;
  return Math.max(...referenceValues(record()).map((expected, i) => relativeError(actual[i], expected)));
}

/** Seconds of one run of a graph whose kernels have run before, over a quarter of a second of runs or 50 of them. */
async function secondsPerRun(device: Device, graph: Graph): Promise<number> {
  await device.settle(graph);
  const time = async (runs: number): Promise<number> => {
    const start = performance.now();
    const results = Array.from({ length: runs }, () => {
      const result = device.run(graph, [{ purpose: 'keep' }]);
      for (const value of result.kept) if (value?.kind === 'device') value.storage.release();
      return result.reads;
    });
    await Promise.all(results);
    await device.synchronize();
    return (performance.now() - start) / 1000 / runs;
  };
  await time(1);
  const once = await time(1);
  return once > 0.25 ? once : time(Math.min(50, Math.ceil(0.25 / once)));
}

/** Numbers in [-1, 1] without a pattern, the same everywhere. */
function waves(shape: Shape, salt: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(1.3 * i + 0.01 * (i % 17) ** 2 + salt)),
    { shape },
  );
}
