/** The kernels that the bench runs, at which sizes, and in which variants. */
import { type Conv2dSizes, conv2dFamily } from '../src/kernels/conv2d.ts';
import { conv2dInputGradFamily } from '../src/kernels/conv2d-input-grad.ts';
import { conv2dWeightGradFamily } from '../src/kernels/conv2d-weight-grad.ts';
import { choicesOf, type Family } from '../src/kernels/family.ts';
import { type MatmulSizes, matmulFamily } from '../src/kernels/matmul.ts';
import { type KernelCase, numbers, usualTolerance } from './kernel-case.ts';
import {
  conv2dInputGradReference,
  conv2dReference,
  conv2dWeightGradReference,
  matmulReference,
} from './references.ts';

/** The families that a kernel of one's own can be compared with: sizes to the variants that serve them on a device. */
export const families = {
  matmul: (sizes: MatmulSizes) => variants(matmulFamily, sizes),
  conv2d: (sizes: Conv2dSizes) => variants(conv2dFamily, sizes),
  conv2dInputGrad: (sizes: Conv2dSizes) => variants(conv2dInputGradFamily, sizes),
  conv2dWeightGrad: (sizes: Conv2dSizes) => variants(conv2dWeightGradFamily, sizes),
};

function variants<Sizes>(family: Family<Sizes>, sizes: Sizes): KernelCase['variants'] {
  const choices = choicesOf(family, sizes);
  return (features) => choices.variantsWith(features).map((variant) => choices.kernel(variant));
}

export function kernelCases(): KernelCase[] {
  return [
    matmulCase({ m: 256, k: 256, n: 256 }),
    matmulCase({ m: 512, k: 512, n: 512 }),
    matmulCase({ m: 1000, k: 300, n: 700 }),
    matmulCase({ m: 4096, k: 4096, n: 4096, hardwareOnly: true }),
    matmulCase({ m: 128, k: 512, n: 10 }),
    matmulCase({ m: 8192, k: 64, n: 64 }),
    matmulCase({ m: 64, k: 16384, n: 64 }),
    matmulCase({ m: 128, k: 64, n: 128, batch: 32 }),
    matmulCase({ m: 512, k: 512, n: 512, transposeA: true }),
    matmulCase({ m: 512, k: 512, n: 512, transposeB: true }),
    ...convCases('3x3', { n: 32, c: 16, k: 16, size: 16 }),
    ...convCases('stride 2', { n: 32, c: 16, k: 32, size: 16, stride: 2 }),
    ...convCases('1x1', { n: 32, c: 32, k: 64, size: 16, filter: 1 }),
    ...convCases('depthwise', { n: 32, c: 32, k: 32, size: 16, groups: 32 }),
    ...convCases('3 channels', { n: 32, c: 3, k: 16, size: 32 }),
    ...convCases('resnet 64', { n: 128, c: 64, k: 64, size: 32, hardwareOnly: true }),
    ...convCases('resnet 128', { n: 128, c: 128, k: 128, size: 16, hardwareOnly: true }),
    ...convCases('resnet 256', { n: 128, c: 256, k: 256, size: 8, hardwareOnly: true }),
    ...convCases('resnet 512', { n: 128, c: 512, k: 512, size: 4, hardwareOnly: true }),
  ];
}

interface MatmulShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly batch?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly hardwareOnly?: boolean;
}

/** [m, k] x [k, n], or [batch, m, k] x [batch, k, n]. */
function matmulCase(shape: MatmulShape): KernelCase {
  const { m, k, n, batch = 1, transposeA = false, transposeB = false, hardwareOnly } = shape;
  const sizes = { batch, m, n, k, transposeA, transposeB, strideA: m * k, strideB: k * n };
  const dims = m === k && k === n ? `${m}` : `${m}x${k}x${n}`;
  const marks = [batch > 1 && `batch ${batch}`, transposeA && 'A transposed', transposeB && 'B transposed'];
  const batches = batch > 1 ? `${batch},` : '';
  return {
    name: ['matmul', dims, ...marks.filter((mark) => mark !== false)].join(' '),
    shape:
      `[${batches}${transposeA ? `${k},${m}` : `${m},${k}`}] ` +
      `[${batches}${transposeB ? `${n},${k}` : `${k},${n}`}]`,
    inputs: () => [numbers(batch * m * k, 1), numbers(batch * k * n, 2)],
    outputShape: batch > 1 ? [batch, m, n] : [m, n],
    reference: matmulReference(sizes),
    referenceCost: k,
    tolerance: usualTolerance,
    variants: families.matmul(sizes),
    hardwareOnly,
  };
}

interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly k: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Height and width of the filters, odd; 3 unless told. */
  readonly filter?: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly hardwareOnly?: boolean;
}

/** A convolution, padded so that stride 1 keeps the image's size, and its two gradients. */
function convCases(name: string, shape: ConvShape): KernelCase[] {
  const { n, c, k, size, filter = 3, stride = 1, groups = 1, hardwareOnly } = shape;
  const padding = (filter - 1) / 2;
  const p = Math.floor((size - 1) / stride) + 1;
  const sizes: Conv2dSizes = {
    ...{ n, c, h: size, w: size, k, r: filter, s: filter, p, q: p, groups },
    ...{ stride: [stride, stride], padding: [padding, padding], dilation: [1, 1] },
  };
  const xShape = [n, c, size, size];
  const wShape = [k, c / groups, filter, filter];
  const gShape = [n, k, p, p];
  const x = () => numbers(n * c * size * size, 3);
  const w = () => numbers((k * c * filter * filter) / groups, 4);
  const g = () => numbers(n * k * p * p, 5);
  const common = {
    shape: `[${xShape}] [${wShape}]${stride > 1 ? ` stride ${stride}` : ''}`,
    tolerance: usualTolerance,
    hardwareOnly,
  };
  return [
    {
      ...common,
      name: `conv2d ${name}`,
      inputs: () => [x(), w()],
      outputShape: gShape,
      reference: conv2dReference(sizes),
      referenceCost: (c / groups) * filter ** 2,
      variants: families.conv2d(sizes),
    },
    {
      ...common,
      name: `conv2dInputGrad ${name}`,
      inputs: () => [g(), w()],
      outputShape: xShape,
      reference: conv2dInputGradReference(sizes),
      referenceCost: (k / groups) * filter ** 2,
      variants: families.conv2dInputGrad(sizes),
    },
    {
      ...common,
      name: `conv2dWeightGrad ${name}`,
      inputs: () => [g(), x()],
      outputShape: wShape,
      reference: conv2dWeightGradReference(sizes),
      referenceCost: n * p * p,
      variants: families.conv2dWeightGrad(sizes),
    },
  ];
}
