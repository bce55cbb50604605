/** What the device can do at most: multiply-adds in registers, and copying memory. Measured like any kernel. */
import type { GpuDevice } from '../src/index.ts';
import type { AdapterClass } from '../src/kernels/family.ts';
import { grid, type Kernel, linearMain } from '../src/kernels/kernel.ts';
import { type KernelCase, numbers, usualTolerance } from './kernel-case.ts';

/** The roofs: no kernel can be above both. */
export interface Peaks {
  /** Multiplications and additions in a second. */
  readonly flops: number;
  /** Bytes read and written in a second. */
  readonly bandwidth: number;
}

/** The most operations in a second that a kernel can reach which moves so many bytes: min(peak, intensity · bandwidth). */
export function roof({ flops: peak, bandwidth }: Peaks, flops: number, bytes: number): number {
  return Math.min(peak, (flops / bytes) * bandwidth);
}

/** Kernels whose best time gives the peaks: one case of arithmetic, and one of copying for each size. */
export function peakCases({ gpu, adapterClass }: Pick<GpuDevice, 'gpu' | 'adapterClass'>): KernelCase[] {
  const mebibytes = adapterClass === 'hardware' ? [128, 256, 512] : [32];
  const largest = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize) / 2 ** 20;
  return [fmaCase(adapterClass), ...mebibytes.filter((size) => size <= largest).map(copyCase)];
}

/** Multiply-adds on vec4f in a turn of the loop, whatever the number of chains. */
const unrolled = 16;
const turns = 256;
const invocationsPerGroup = 64;

/** Chains c <- a c + b that nothing but registers feeds: their sum, for every invocation. */
function fmaCase(adapter: AdapterClass): KernelCase {
  const invocations = adapter === 'hardware' ? 2 ** 20 : 2 ** 11;
  const variants = [2, 4, 8].flatMap((chains) => [
    fmaKernel(`fma.${chains}-chains`, chains, invocations, (c) => `fma(${c}, a, b)`),
    fmaKernel(`fma.${chains}-chains-mul-add`, chains, invocations, (c) => `${c} * a + b`),
  ]);
  return {
    name: 'peak fma',
    shape: `${invocations} invocations of ${turns * unrolled} on vec4f`,
    inputs: () => [Float32Array.of(...fmaFactors, 0, 0)],
    outputShape: [invocations],
    reference: () => () => 16,
    referenceCost: 1,
    tolerance: usualTolerance,
    variants: () => variants,
  };
}

/** From anywhere in [0, 1] the chains come to b / (1 - a) = 1, so that a sum of all components of 4 vectors is 16. */
const fmaFactors = [0.875, 0.125] as const;

function fmaKernel(name: string, chains: number, invocations: number, step: (c: string) => string): Kernel {
  const each = (line: (chain: number) => string) => Array.from({ length: chains }, (_, i) => line(i));
  const body = Array.from({ length: unrolled }, (_, i) => `c${i % chains} = ${step(`c${i % chains}`)};`);
  return {
    name,
    source: /* wgsl */ `
@group(0) @binding(0) var<storage, read> factors: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@compute @workgroup_size(${invocationsPerGroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(factors[0]);
  let b = vec4f(factors[1]);
  let start = f32(id.x % 64u) / 64f;
  ${each((i) => `var c${i} = vec4f(start * ${(i + 1) / chains}f);`).join('\n  ')}
  for (var turn = 0u; turn < ${turns}u; turn++) {
    ${body.join('\n    ')}
  }
  output[id.x] = dot(${each((i) => `c${i}`).join(' + ')}, vec4f(${4 / chains}f));
}`,
    uniforms: [],
    workgroups: [invocations / invocationsPerGroup, 1, 1],
    flops: invocations * turns * unrolled * 4 * 2,
  };
}

/** Vectors that an invocation copies, one from each of as many stretches, so that neighbours copy neighbours. */
const copiesEach = [1, 8];

function copyCase(mebibytes: number): KernelCase {
  const count = (mebibytes * 2 ** 20) / 4;
  return {
    name: 'peak copy',
    shape: `${mebibytes} MiB`,
    inputs: () => [numbers(count, 6)],
    outputShape: [count],
    reference:
      ([values]) =>
      (element) =>
        values[element],
    referenceCost: 1000,
    tolerance: 0,
    variants: () => copiesEach.map((each) => copyKernel(count / 4, each)),
  };
}

function copyKernel(vectors: number, each: number): Kernel {
  const stretch = vectors / each;
  const copies = Array.from(
    { length: each },
    (_, j) => `output[i + ${j * stretch}u] = input[i + ${j * stretch}u];`,
  );
  return {
    name: `copy.${each}-each`,
    source: /* wgsl */ `
@group(0) @binding(0) var<storage, read> input: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4f>;
${linearMain}
  if (i >= ${stretch}u) { return; }
  ${copies.join('\n  ')}
}`,
    uniforms: [],
    workgroups: grid(stretch),
    flops: 0,
  };
}
