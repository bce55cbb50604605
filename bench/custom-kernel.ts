/** Kernels of one's own: what a module must export to be benched, and loading it. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Conv2dSizes } from '../src/kernels/conv2d.ts';
import type { Kernel } from '../src/kernels/kernel.ts';
import type { MatmulSizes } from '../src/kernels/matmul.ts';
import { families } from './cases.ts';
import { type InputArray, type KernelCase, usualTolerance } from './kernel-case.ts';

export type { InputArray } from './kernel-case.ts';
export type { Conv2dSizes, Kernel, MatmulSizes };

/** The default export of a module that `regrad bench MODULE` checks and times. */
export interface CustomKernel<Sizes extends object = object> {
  readonly name: string;
  /** Every one of them is checked and timed. */
  readonly sizes: readonly Sizes[];
  /**
   * WGSL and launch geometry. Bindings of group 0: the inputs in order (`var<storage, read>`), the output
   * (`var<storage, read_write>`, f32), then, unless `uniforms` is empty, one uniform with those words.
   */
  readonly kernel: (sizes: Sizes) => Kernel;
  /** What the kernel reads. Called once for each of `sizes`. */
  readonly inputs: (sizes: Sizes) => readonly InputArray[];
  /** The right output, best in float64: its length is that of the output. */
  readonly reference: (inputs: readonly InputArray[], sizes: Sizes) => ArrayLike<number>;
  /** What the kernel may differ by, relative to the reference's largest number; 1e-4 unless told. */
  readonly tolerance?: number;
  /** A family whose variants, given the same sizes and inputs, are to be timed beside it. */
  readonly compareWith?: keyof typeof families;
}

/** Whether an argument of the command line means a module rather than a filter. */
export function isModulePath(argument: string): boolean {
  return /\.(ts|mts|js|mjs)$/.test(argument) && existsSync(argument);
}

/**
 * Loads a module and makes cases of what it exports; TypeScript is bundled first.
 * @throws Error, a sentence, if it cannot be loaded or does not export what `CustomKernel` asks for.
 */
export async function loadCustomCases(path: string): Promise<KernelCase[]> {
  const loaded = await importModule(path);
  return customCases(loaded.default, path);
}

/** @param path for errors. */
export function customCases(exported: unknown, path: string): KernelCase[] {
  const fail = (problem: string): never => {
    throw new Error(`${path} ${problem}; see examples/my-kernel.ts for what a module of a kernel exports.`);
  };
  if (!isCustomKernel(exported, fail)) return [];
  const { name, sizes, tolerance = usualTolerance } = exported;
  return sizes.map((size) => {
    const inputs = exported.inputs(size);
    if (!Array.isArray(inputs) || !inputs.every(isInputArray)) {
      return fail('has `inputs` that are no array of Float32Array, Int32Array and Uint32Array');
    }
    const output = exported.reference(inputs, size);
    if (!(output?.length > 0)) return fail('has a `reference` that returns no array of numbers');
    const own = checkedKernel(exported.kernel(size), name, fail);
    const ours = rivals(exported, size, fail);
    const label = labelOf(size);
    return {
      name: `${name} ${label}`,
      shape: label,
      inputs: () => inputs,
      outputShape: [output.length],
      reference: () => (element) => output[element],
      referenceCost: 1,
      tolerance,
      namedFor: own.name,
      variants: (features) => [own, ...ours(features)],
    };
  });
}

type Fail = (problem: string) => never;

function isCustomKernel(value: unknown, fail: Fail): value is CustomKernel {
  if (typeof value !== 'object' || value === null) return fail('has no object as its default export');
  const { name, sizes, kernel, inputs, reference, compareWith }: Partial<CustomKernel> = value;
  if (typeof name !== 'string' || name === '') return fail('exports no `name`');
  if (!Array.isArray(sizes) || sizes.length === 0)
    return fail('exports no `sizes`, an array with one object or more');
  for (const [key, made] of Object.entries({ kernel, inputs, reference })) {
    if (typeof made !== 'function') return fail(`exports no function \`${key}\``);
  }
  if (compareWith !== undefined && !Object.hasOwn(families, compareWith)) {
    return fail(`compares with '${compareWith}', but there is only ${Object.keys(families).join(', ')}`);
  }
  return true;
}

/** A module in JavaScript has no compiler to tell it what a kernel is. */
function checkedKernel(kernel: Partial<Kernel> | undefined, name: string, fail: Fail): Kernel {
  const { source, workgroups, flops, uniforms = [] } = kernel ?? {};
  if (typeof source !== 'string') return fail('has a `kernel` without its `source`, the text of the WGSL');
  if (!Array.isArray(workgroups) || workgroups.length !== 3) {
    return fail('has a `kernel` without `workgroups`, an array of three numbers');
  }
  if (typeof flops !== 'number') {
    return fail('has a `kernel` without `flops`, the number of its multiplications and additions');
  }
  return { name, ...kernel, source, workgroups, flops, uniforms };
}

/** Variants of the family to compare with, at sizes whose usual part may be left out. */
function rivals({ compareWith }: CustomKernel, sizes: object, fail: Fail): KernelCase['variants'] {
  if (compareWith === undefined) return () => [];
  const given: Readonly<Record<string, unknown>> = { ...sizes };
  const number = (key: string, usual?: number): number => {
    const value = given[key] ?? usual;
    return typeof value === 'number'
      ? value
      : fail(`compares with ${compareWith}, but its sizes have no number ${key}`);
  };
  const pair = (key: string, usual: number): [number, number] => {
    const value = given[key] ?? [usual, usual];
    return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'number')
      ? [value[0], value[1]]
      : fail(`compares with ${compareWith}, but ${key} in its sizes is not [along H, along W]`);
  };
  if (compareWith === 'matmul') {
    const [m, n, k] = [number('m'), number('n'), number('k')];
    return families.matmul({
      ...{ batch: number('batch', 1), m, n, k },
      ...{ transposeA: given.transposeA === true, transposeB: given.transposeB === true },
      ...{ strideA: number('strideA', m * k), strideB: number('strideB', k * n) },
    });
  }
  const [h, w, r, s] = [number('h'), number('w'), number('r'), number('s')];
  const [stride, padding, dilation] = [pair('stride', 1), pair('padding', 0), pair('dilation', 1)];
  const outputs = (image: number, filter: number, axis: 0 | 1) =>
    Math.floor((image + 2 * padding[axis] - dilation[axis] * (filter - 1) - 1) / stride[axis]) + 1;
  return families[compareWith]({
    ...{ n: number('n'), c: number('c'), h, w, k: number('k'), r, s, groups: number('groups', 1) },
    ...{ p: outputs(h, r, 0), q: outputs(w, s, 1), stride, padding, dilation },
  });
}

function isInputArray(value: unknown): value is InputArray {
  return value instanceof Float32Array || value instanceof Int32Array || value instanceof Uint32Array;
}

/** { m: 64, n: 32 } as 'm 64 n 32'. */
function labelOf(sizes: object): string {
  return Object.entries(sizes)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join('x') : value}`)
    .join(' ');
}

async function importModule(path: string): Promise<{ readonly default?: unknown }> {
  try {
    return await import(/\.m?ts$/.test(path) ? await bundleOf(path) : pathToFileURL(resolve(path)).href);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} cannot be loaded: ${detail}`, { cause: error });
  }
}

/** A TypeScript module and all that it imports, as JavaScript in a URL. */
async function bundleOf(path: string): Promise<string> {
  const { build } = await import('esbuild').catch(() => {
    throw new Error(
      'TypeScript needs the package esbuild: run `npm install --save-dev esbuild`, or write the module in JavaScript.',
    );
  });
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'silent',
  });
  return `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`;
}
