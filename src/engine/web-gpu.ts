/**
 * WebGPU's types in the public declarations: the program's own where it has them (TypeScript 6's `dom`, or the package
 * `@webgpu/types`), else unknown, so that the declarations compile without them.
 */
type GlobalClass<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : unknown;

export type WebGpuAdapter = GlobalClass<'GPUAdapter'>;
export type WebGpuDevice = GlobalClass<'GPUDevice'>;
