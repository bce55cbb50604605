/** A module's state as safetensors bytes: what Python's safetensors and PyTorch's `load_state_dict` take, and give. */
import { checkBytes, checkFlag, checkText, checkTexts, optionsOf } from '../engine/arguments.ts';
import { read } from '../engine/index.ts';
import { checkModule, type Module } from './module.ts';
import { parseSafetensors, type RawTensor, serializeSafetensors } from './safetensors.ts';
import type { LoadResult } from './state.ts';

/** Parameters and buffers by their PyTorch names: f32 as F32, i32 as I32. `metadata` holds any texts. */
export async function saveWeights(
  module: Module,
  metadata: Record<string, string> = {},
): Promise<Uint8Array> {
  checkModule('saveWeights', 'module', module);
  checkTexts('saveWeights', 'metadata', metadata);
  const state = [...module.stateDict()];
  const arrays = await read(...state.map(([, tensor]) => tensor));
  const tensors = state.map(([name, { dtype, shape }], i): [string, RawTensor] => [
    name,
    dtype === 'f32'
      ? { dtype: 'F32', shape: [...shape], data: Float32Array.from(arrays[i]) }
      : { dtype: 'I32', shape: [...shape], data: Int32Array.from(arrays[i]) },
  ]);
  return serializeSafetensors(new Map(tensors), metadata);
}

/**
 * Assigns the tensors of a safetensors file to a module, by name; see `Module.loadStateDict` for `strict`. `origin`
 * names the file in errors.
 */
export function loadWeights(
  module: Module,
  bytes: Uint8Array,
  options: { readonly strict?: boolean; readonly origin?: string } = {},
): LoadResult {
  checkModule('loadWeights', 'module', module);
  checkBytes('loadWeights', 'bytes', bytes);
  const { strict = true, origin } = optionsOf('loadWeights', options, ['strict', 'origin']);
  checkFlag('loadWeights', 'strict', strict);
  if (origin !== undefined) checkText('loadWeights', 'origin', origin);
  return module.loadStateDict(parseSafetensors(bytes, origin).tensors, { strict });
}
