/**
 * What a hand-written kernel does with its results. The kernel calls `put(i, value)` for every element i of its output
 * (twice with the same value is allowed); whoever launches it decides what `put` does with them: store them, or work
 * on them first and store that, which saves the round trip through memory.
 */
export interface Epilogue {
  /** Members of the kernel's uniform struct `Params`, after the kernel's own. */
  readonly members: string;
  /** The words of those members. */
  readonly uniforms: readonly number[];
  /** WGSL: the bindings from number `first` on (reads, outputs, then `var<uniform> p: Params`) and `fn put`. */
  readonly declarations: (first: number) => string;
}

/** Stores every result where it belongs. */
export const storeResults: Epilogue = {
  members: '',
  uniforms: [],
  declarations: (first) => /* wgsl */ `
@group(0) @binding(${first}) var<storage, read_write> output: array<f32>;
@group(0) @binding(${first + 1}) var<uniform> p: Params;

fn put(i: u32, value: f32) {
  output[i] = value;
}`,
};

/** The words of a kernel's uniform: its own, then the epilogue's, which begin at a multiple of four. */
export function withEpilogue(words: readonly number[], { uniforms }: Epilogue): readonly number[] {
  if (uniforms.length === 0) return words;
  return [...words, ...new Array<number>((4 - (words.length % 4)) % 4).fill(0), ...uniforms];
}
