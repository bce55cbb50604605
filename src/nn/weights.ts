/** A module's state as safetensors bytes: what Python's safetensors and PyTorch's `load_state_dict` take, and give. */
import { read } from '../engine/index.ts';
import type { Module } from './module.ts';
import { parseSafetensors, type RawTensor, serializeSafetensors } from './safetensors.ts';
import type { LoadResult } from './state.ts';

/** Parameters and buffers by their PyTorch names: f32 as F32, i32 as I32. `metadata` holds any texts. */
export async function saveWeights(
  module: Module,
  metadata: Record<string, string> = {},
): Promise<Uint8Array> {
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
  { strict = true, origin }: { readonly strict?: boolean; readonly origin?: string } = {},
): LoadResult {
  return module.loadStateDict(parseSafetensors(bytes, origin).tensors, { strict });
}
