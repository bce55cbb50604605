/** The hot kernels, raw, in every variant, against plain float64 loops. */
import { describe, expect, it } from 'vitest';
import { type Conv2dSizes, conv2dFamily } from '../src/kernels/conv2d.ts';
import { conv2dInputGradFamily } from '../src/kernels/conv2d-input-grad.ts';
import { conv2dWeightGradFamily } from '../src/kernels/conv2d-weight-grad.ts';
import { choicesOf, type Family } from '../src/kernels/family.ts';
import type { Kernel } from '../src/kernels/kernel.ts';
import { type MatmulSizes, matmulFamily } from '../src/kernels/matmul.ts';
import { testDevice } from './gpu.ts';

const device = await testDevice();
/** By WGSL: a pipeline serves every shape. */
const pipelines = new Map<string, GPUComputePipeline>();
const variants = ['direct', 'quads', 'tiled', 'depthwise'] as const;
const anyFeature = { has: () => true };

/** Numbers in [-1, 1), the same on each call: a linear congruential generator. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/**
 * The results of a kernel; of one that leaves its sums in parts, their sums.
 * Its output starts as NaN and is one element too long: the kernel must leave that one alone.
 */
async function launch(kernel: Kernel, inputs: Float32Array[], results: number): Promise<Float32Array> {
  if (!device) throw new Error('no GPU');
  const { parts = 1 } = kernel;
  const size = parts * results;
  const pipeline =
    pipelines.get(kernel.source) ??
    device.createComputePipeline({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: kernel.source }), entryPoint: 'main' },
    });
  pipelines.set(kernel.source, pipeline);
  const output = new Float32Array(size + 1).fill(Number.NaN);
  const uniforms = new Uint32Array(Math.ceil(kernel.uniforms.length / 4) * 4);
  uniforms.set(kernel.uniforms);
  const buffers = [...inputs, output, uniforms].map((values) => {
    const usage =
      values === uniforms ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: values.byteLength, usage: usage | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    return buffer;
  });
  const read = device.createBuffer({
    size: output.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }),
  );
  pass.dispatchWorkgroups(...kernel.workgroups);
  pass.end();
  encoder.copyBufferToBuffer(buffers[inputs.length], 0, read, 0, output.byteLength);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  output.set(new Float32Array(read.getMappedRange()));
  for (const buffer of [...buffers, read]) buffer.destroy();
  expect(output[size], 'one element beyond the output').toBeNaN();
  return Float32Array.from({ length: results }, (_, i) => {
    let sum = 0;
    for (let part = 0; part < parts; part++) sum += output[part * results + i];
    return sum;
  });
}

/** The kernel of a variant, where it serves these sizes. */
function kernelOf<Sizes>(family: Family<Sizes>, variant: string, sizes: Sizes): Kernel | undefined {
  const choices = choicesOf(family, sizes);
  return choices.variantsWith(anyFeature).includes(variant) ? choices.kernel(variant) : undefined;
}

/** Equal to 1e-5 of the largest finite number expected; NaN and infinities exactly where expected. */
function expectClose(actual: Float32Array, expected: Float64Array): void {
  const scale = expected.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    1,
  );
  const wrong = [...expected.keys()].filter((i) => {
    const [a, b] = [actual[i], expected[i]];
    return Number.isFinite(b) ? !(Math.abs(a - b) <= 1e-5 * scale) : !Object.is(a, b);
  });
  const shown = wrong.slice(0, 5).map((i) => `[${i}] is ${actual[i]}, expected ${expected[i]}`);
  expect(shown, `${wrong.length} of ${expected.length} differ`).toEqual([]);
}

function matmulReference(sizes: MatmulSizes, a: Float32Array, b: Float32Array): Float64Array {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  return Float64Array.from({ length: batch * m * n }, (_, i) => {
    const [image, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
    let sum = 0;
    for (let j = 0; j < k; j++) {
      const left = a[image * strideA + (transposeA ? j * m + row : row * k + j)];
      sum += left * b[image * strideB + (transposeB ? column * k + j : j * n + column)];
    }
    return sum;
  });
}

/** Calls `visit` with the offsets in y, x and w of every product of a convolution; x is undefined for padding. */
function eachProduct(sizes: Conv2dSizes, visit: (y: number, x: number | undefined, w: number) => void): void {
  const { c, h, w, k, r, s, p, q, stride, padding, dilation, groups } = sizes;
  const [cg, kg] = [c / groups, k / groups];
  for (let y = 0; y < sizes.n * k * p * q; y++) {
    const [image, channel] = [Math.floor(y / (k * p * q)), Math.floor(y / (p * q)) % k];
    for (let weight = 0; weight < cg * r * s; weight++) {
      const from = Math.floor(channel / kg) * cg + Math.floor(weight / (r * s));
      const row =
        (Math.floor(y / q) % p) * stride[0] + (Math.floor(weight / s) % r) * dilation[0] - padding[0];
      const column = (y % q) * stride[1] + (weight % s) * dilation[1] - padding[1];
      const inside = row >= 0 && row < h && column >= 0 && column < w;
      const x = inside ? ((image * c + from) * h + row) * w + column : undefined;
      visit(y, x, channel * cg * r * s + weight);
    }
  }
}

interface ConvCase {
  x: [number, number, number, number];
  w: [number, number, number, number];
  stride?: [number, number];
  padding?: [number, number];
  dilation?: [number, number];
  groups?: number;
}

function convSizes({ x, w, ...rest }: ConvCase): Conv2dSizes {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = rest;
  const outputSize = (axis: 0 | 1) =>
    Math.floor((x[2 + axis] + 2 * padding[axis] - dilation[axis] * (w[2 + axis] - 1) - 1) / stride[axis]) + 1;
  const [n, c, h, width] = x;
  const [k, , r, s] = w;
  return {
    n,
    c,
    h,
    w: width,
    k,
    r,
    s,
    p: outputSize(0),
    q: outputSize(1),
    stride,
    padding,
    dilation,
    groups,
  };
}

const matmulCases: [string, MatmulSizes][] = [];
for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const transposes = { transposeA, transposeB };
    const name = `${transposeA ? 'Aᵀ' : 'A'}·${transposeB ? 'Bᵀ' : 'B'}`;
    matmulCases.push(
      [
        `${name}, no multiples of a tile`,
        { batch: 1, m: 67, n: 71, k: 35, strideA: 0, strideB: 0, ...transposes },
      ],
      [`${name}, batches`, { batch: 3, m: 9, n: 6, k: 8, strideA: 72, strideB: 48, ...transposes }],
    );
  }
}
const plain = { transposeA: false, transposeB: false };
matmulCases.push(
  ['one number', { batch: 1, m: 1, n: 1, k: 1, strideA: 0, strideB: 0, ...plain }],
  ['whole tiles', { batch: 1, m: 64, n: 128, k: 16, strideA: 0, strideB: 0, ...plain }],
  ['shared A', { batch: 4, m: 5, n: 7, k: 3, strideA: 0, strideB: 21, ...plain }],
  ['shared B', { batch: 2, m: 13, n: 10, k: 17, strideA: 221, strideB: 0, ...plain }],
  ['an outer product', { batch: 1, m: 20, n: 30, k: 1, strideA: 0, strideB: 0, ...plain }],
  ['sums in parts', { batch: 1, m: 68, n: 36, k: 2060, strideA: 0, strideB: 0, ...plain }],
  [
    'sums in parts, no multiples of four',
    { batch: 2, m: 9, n: 70, k: 1031, strideA: 9279, strideB: 72170, ...plain },
  ],
  [
    'many large products, no multiples of four',
    { batch: 257, m: 67, n: 129, k: 7, strideA: 469, strideB: 0, ...plain },
  ],
  ['an inner product', { batch: 1, m: 1, n: 1, k: 1000, strideA: 0, strideB: 0, ...plain }],
);

const convCases: [string, ConvCase][] = [
  ['3x3, padded', { x: [4, 8, 8, 8], w: [8, 8, 3, 3], padding: [1, 1] }],
  ['3x3, unpadded, batch 1, 1 channel', { x: [1, 1, 5, 7], w: [3, 1, 3, 3] }],
  ['3 channels, odd sizes', { x: [5, 3, 7, 9], w: [10, 3, 3, 3], padding: [1, 1] }],
  ['2 channels, stride 2', { x: [3, 2, 9, 8], w: [5, 2, 3, 3], stride: [2, 2], padding: [1, 1] }],
  ['1x1', { x: [2, 5, 8, 6], w: [7, 5, 1, 1] }],
  ['1x1, 2 groups', { x: [3, 8, 6, 6], w: [16, 4, 1, 1], groups: 2 }],
  ['1x1, many pixels', { x: [8, 2, 64, 64], w: [66, 2, 1, 1] }],
  ['3x3, long sums', { x: [2, 40, 5, 5], w: [36, 40, 3, 3], padding: [1, 1] }],
  ['1x1, stride 2', { x: [4, 16, 8, 8], w: [12, 16, 1, 1], stride: [2, 2] }],
  ['1x1, stride 2, odd image', { x: [2, 4, 7, 5], w: [4, 4, 1, 1], stride: [2, 2] }],
  [
    'not square in anything',
    { x: [2, 5, 6, 11], w: [9, 5, 2, 4], stride: [1, 3], padding: [1, 2], dilation: [2, 1] },
  ],
  ['dilation 2', { x: [2, 3, 9, 9], w: [4, 3, 3, 3], padding: [2, 2], dilation: [2, 2] }],
  [
    'dilation 2, stride 2',
    { x: [4, 4, 9, 10], w: [4, 4, 3, 3], stride: [2, 2], padding: [1, 2], dilation: [2, 2] },
  ],
  [
    'stride 4, dilation 6',
    { x: [4, 4, 19, 18], w: [4, 4, 3, 3], stride: [4, 4], padding: [3, 2], dilation: [6, 6] },
  ],
  [
    'dilation 3, stride 2',
    { x: [1, 4, 12, 11], w: [4, 4, 3, 2], stride: [2, 2], padding: [0, 1], dilation: [3, 3] },
  ],
  ['stride over the filter', { x: [2, 3, 10, 11], w: [4, 3, 2, 2], stride: [3, 4] }],
  ['2 groups', { x: [4, 6, 6, 5], w: [20, 3, 3, 3], padding: [1, 1], groups: 2 }],
  ['depthwise', { x: [3, 5, 7, 6], w: [5, 1, 3, 3], stride: [2, 1], padding: [1, 1], groups: 5 }],
  ['depthwise, 2 outputs each', { x: [1, 3, 5, 5], w: [6, 1, 3, 3], padding: [1, 1], groups: 3 }],
  [
    'depthwise, wide, dilation 2, stride 2',
    { x: [9, 4, 6, 23], w: [4, 1, 2, 3], stride: [1, 2], padding: [2, 3], dilation: [1, 2], groups: 4 },
  ],
  [
    'depthwise, stride 3, 3 outputs each',
    { x: [2, 3, 7, 40], w: [9, 1, 3, 4], stride: [2, 3], padding: [1, 2], groups: 3 },
  ],
  ['depthwise, sums in parts', { x: [16, 2, 8, 17], w: [2, 1, 3, 3], padding: [1, 1], groups: 2 }],
  ['padding beyond need', { x: [2, 3, 3, 4], w: [4, 3, 2, 2], padding: [4, 5] }],
  ['filter as large as the image', { x: [6, 4, 4, 4], w: [11, 4, 4, 4] }],
  ['more than a tile of everything', { x: [5, 70, 6, 6], w: [67, 70, 3, 3], padding: [1, 1] }],
];

for (const variant of variants) {
  const lacking = variant === 'quads' && !device?.features.has('subgroups');
  describe.skipIf(!device || lacking)(variant, () => {
    const matmuls = matmulCases.filter(([, sizes]) => kernelOf(matmulFamily, variant, sizes));
    const convolutions = convCases.filter(([, shapes]) => kernelOf(conv2dFamily, variant, convSizes(shapes)));

    it.each(matmuls)('matmul: %s', async (_name, sizes) => {
      await checkMatmul(variant, sizes, () => {});
    });

    it.each(matmuls)('matmul, NaN and infinity at the corners: %s', async (_name, sizes) => {
      await checkMatmul(variant, sizes, (a, b) => {
        a[a.length - 1] = Number.POSITIVE_INFINITY; // the last of the last row, which rows beyond the edge repeat
        b[0] = Number.NaN;
      });
    });

    it.each(convolutions)('convolution and its gradients: %s', async (_name, shapes) => {
      await checkConvolution(variant, convSizes(shapes), () => {});
    });

    it.each(convolutions)('convolution, NaN and infinity at the corners: %s', async (_name, shapes) => {
      await checkConvolution(variant, convSizes(shapes), (values) => {
        values[0] = Number.POSITIVE_INFINITY; // where an address outside the image might fall back to
        values[values.length - 1] = Number.NaN;
      });
    });
  });
}

async function checkMatmul(
  variant: string,
  sizes: MatmulSizes,
  spoil: (a: Float32Array, b: Float32Array) => void,
) {
  const { batch, m, n, k, strideA, strideB } = sizes;
  const a = numbers(strideA * (batch - 1) + m * k, 1);
  const b = numbers(strideB * (batch - 1) + k * n, 2);
  spoil(a, b);
  await check(matmulFamily, variant, sizes, [a, b], matmulReference(sizes, a, b));
}

async function checkConvolution(variant: string, sizes: Conv2dSizes, spoil: (values: Float32Array) => void) {
  const { n, c, h, w, k, r, s, p, q, groups } = sizes;
  const x = numbers(n * c * h * w, 1);
  const weight = numbers(((k * c) / groups) * r * s, 2);
  const g = numbers(n * k * p * q, 3);
  const cleanWeight = weight.slice();
  for (const values of [x, weight, g]) spoil(values);
  const y = new Float64Array(g.length);
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(weight.length);
  eachProduct(sizes, (i, j, l) => {
    // Padding is a zero like any other: times infinity it makes NaN.
    const pixel = j === undefined ? 0 : x[j];
    y[i] += pixel * weight[l];
    dw[l] += g[i] * pixel;
    if (j !== undefined) dx[j] += g[i] * cleanWeight[l];
  });
  await check(conv2dFamily, variant, sizes, [x, weight], y);
  await check(conv2dInputGradFamily, variant, sizes, [g, cleanWeight], dx);
  await check(conv2dWeightGradFamily, variant, sizes, [g, x], dw);
}

async function check<Sizes>(
  family: Family<Sizes>,
  variant: string,
  sizes: Sizes,
  inputs: Float32Array[],
  expected: Float64Array,
) {
  const kernel = kernelOf(family, variant, sizes);
  if (!kernel) throw new Error(`${variant} of ${family.name} does not serve ${JSON.stringify(sizes)}.`);
  expectClose(await launch(kernel, inputs, expected.length), expected);
}

describe('geometry', () => {
  it('counts the multiplications and additions of the formula', () => {
    const sizes = convSizes({ x: [2, 6, 8, 8], w: [4, 3, 3, 3], padding: [1, 1], groups: 2 });
    let products = 0;
    eachProduct(sizes, () => products++);
    expect(conv2dFamily.variants.direct.kernel(sizes).flops).toBe(2 * products);
    expect(conv2dInputGradFamily.variants.tiled.kernel(sizes).flops).toBe(2 * products);
    expect(conv2dWeightGradFamily.variants.tiled.kernel(sizes).flops).toBe(2 * products);
  });

  it.each(variants)('launches at most 65535 %s workgroups along a dimension', (variant) => {
    const dense = convSizes({ x: [20_000, 64, 32, 32], w: [64, 64, 3, 3], padding: [1, 1] });
    const depthwise = convSizes({ x: [20_000, 64, 32, 32], w: [64, 1, 3, 3], padding: [1, 1], groups: 64 });
    const matrix = { batch: 1, m: 100_000, n: 50_000, k: 8, strideA: 0, strideB: 0, ...plain };
    const families = [conv2dFamily, conv2dInputGradFamily, conv2dWeightGradFamily];
    const kernels = [
      kernelOf(matmulFamily, variant, matrix),
      ...families.flatMap((family) => [dense, depthwise].map((sizes) => kernelOf(family, variant, sizes))),
    ].filter((kernel) => kernel !== undefined);
    expect(kernels.length).toBeGreaterThanOrEqual(3);
    for (const { name, workgroups } of kernels) {
      expect(Math.max(...workgroups), name).toBeLessThanOrEqual(65_535);
    }
  });
});
