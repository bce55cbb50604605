/** The public names of nn: modules, models, initialisers, optimisers, the safetensors format. */
export * from './activations.ts';
export { BatchNorm2d, setNormBatch } from './batch-norm2d.ts';
export { Dropout } from './dropout.ts';
export { biasUniform, kaimingNormal, kaimingUniform } from './init.ts';
export { Conv2d, Linear } from './layers.ts';
export * from './models.ts';
export { Module } from './module.ts';
export { type AdamOptions, adam, type Optimizer, type SgdOptions, sgd } from './optim.ts';
export * from './pooling.ts';
export {
  parseSafetensors,
  type RawData,
  type RawDtype,
  type RawTensor,
  type SafetensorsFile,
  serializeSafetensors,
} from './safetensors.ts';
export { Flatten, Identity, Sequential } from './sequential.ts';
export type { HostValues, LoadResult, StateValues } from './state.ts';
export { loadWeights, saveWeights } from './weights.ts';
