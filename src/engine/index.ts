/** The engine's public names. */
export { assign, type WaitingAssignment, waitingAssignments, withValues } from './assign.ts';
export { grad } from './autograd.ts';
export { requestBrowserDevice } from './browser.ts';
export { compile } from './compile.ts';
export {
  type Counters,
  currentDevice,
  type Device,
  type MemoryUse,
  memory,
  setDevice,
  setDeviceProvider,
} from './device.ts';
export type { DType, NumberArray } from './dtype.ts';
export { type GradCheckResult, gradCheck } from './grad-check.ts';
export * from './ops/activations.ts';
export * from './ops/composed.ts';
export { type Conv2dOptions, conv2d } from './ops/conv2d.ts';
export * from './ops/elementwise.ts';
export { gather, indexSelect, oneHot, scatterAdd } from './ops/indexing.ts';
export { matmul } from './ops/matmul.ts';
export * from './ops/movement.ts';
export {
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  maxPool2d,
  type Pool2dOptions,
} from './ops/pooling.ts';
export {
  bernoulli,
  categorical,
  createGenerator,
  dropout,
  type Generator,
  normal,
  permutation,
  randomBits,
  uniform,
} from './ops/random.ts';
export * from './ops/reduction.ts';
export * from './ops/selection.ts';
export * from './ops/slicing.ts';
export { GpuDevice } from './run/gpu/device.ts';
export { createGpuDevice } from './run/gpu/request.ts';
export { ReferenceDevice } from './run/reference.ts';
export { explain, read, run, toDot } from './run.ts';
export { type Shape, ShapeError } from './shape.ts';
export { arange, full, type NestedNumbers, ones, state, Tensor, tensor, zeros } from './tensor.ts';
