/** Named tensors: the state of a module or an optimiser, and loading it from elsewhere. */
import { checkFlag, optionsOf, refuse } from '../engine/arguments.ts';
import { assign, type Shape, Tensor, tensor } from '../engine/index.ts';

/** Values that lie on the host, such as a tensor read from a safetensors file; whole numbers may be bigint. */
export interface HostValues {
  readonly shape: Shape;
  readonly data: ArrayLike<number | bigint>;
}

/** What `load` may be given, by name. */
export type StateValues = ReadonlyMap<string, Tensor | HostValues>;

export interface LoadResult {
  /** Names that the target has and the given state lacks; they keep their values. */
  readonly missing: string[];
  /** Names that the given state has and the target lacks; they are ignored. */
  readonly unexpected: string[];
}

/**
 * Assigns `values` to the `targets` of the same names (PyTorch's `load_state_dict`). Values take the target's dtype.
 * Nothing is assigned unless all is well: a shape that differs throws; with `strict`, so do missing and unexpected names.
 * As in PyTorch, batch norm's count may be missing even so: files older than its 0.4.1 have none.
 */
export function loadState(
  owner: string,
  targets: ReadonlyMap<string, Tensor>,
  values: StateValues,
  options: { readonly strict?: boolean } = {},
): LoadResult {
  const { strict = true } = optionsOf(owner, options, ['strict']);
  checkFlag(owner, 'strict', strict);
  if (!(values instanceof Map)) refuse(owner, 'values', values, 'a map from names to values');
  const missing = [...targets.keys()].filter((name) => !values.has(name));
  const unexpected = [...values.keys()].filter((name) => !targets.has(name));
  const needed = missing.filter((name) => !/(^|\.)num_batches_tracked$/.test(name));
  if (strict && needed.length + unexpected.length > 0) {
    throw new Error(
      `${owner}: the state does not fit. Missing: ${list(needed)}. Unexpected: ${list(unexpected)}. ` +
        'Pass { strict: false } to load what fits.',
    );
  }
  const fitting = [...targets].flatMap(([name, target]) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ target, value: valueFor(`${owner}: "${name}"`, target, value) }];
  });
  for (const { target, value } of fitting) assign(target, value);
  return { missing, unexpected };
}

function valueFor(what: string, target: Tensor, value: Tensor | HostValues): Tensor {
  if (!Array.isArray(value?.shape) || (!(value instanceof Tensor) && value.data?.length === undefined)) {
    refuse(what, 'the given value', value, 'a tensor, or its shape and data');
  }
  if (value.shape.join() !== target.shape.join()) {
    throw new Error(`${what} has shape [${target.shape}], but the given value has shape [${value.shape}].`);
  }
  if (!(value instanceof Tensor)) {
    try {
      return tensor(Float64Array.from(value.data, Number), { shape: value.shape, dtype: target.dtype });
    } catch (error) {
      throw new TypeError(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  if (value.dtype !== target.dtype) {
    throw new TypeError(
      `${what} is ${target.dtype}, but the given tensor is ${value.dtype}; use cast first.`,
    );
  }
  return value;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
