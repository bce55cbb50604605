/** Products: matrices, convolution and pooling, with sizes that divide nothing evenly. */
import {
  adaptiveAvgPool2d,
  avgPool2d,
  type Conv2dOptions,
  conv2d,
  globalAvgPool2d,
  matmul,
  maxPool2d,
  mul,
  type Shape,
  square,
  transpose,
} from '../../src/engine/index.ts';
import { type Case, type Row, use, within } from './row.ts';

const product = (a: Shape, b: Shape): Case => use((x, y) => matmul(x, y), a, b);

const convolved = (x: Shape, w: Shape, options?: Conv2dOptions): Case => ({
  ...use((image, filter) => conv2d(image, filter, options), x, w),
  label: `x [${x}], w [${w}] ${JSON.stringify(options ?? {})}`,
});

export const contractions: readonly Row[] = [
  {
    name: 'matmul',
    cases: [
      product([2, 3], [3, 2]),
      product([1, 5], [5, 1]),
      product([2, 1], [1, 3]),
      product([2, 2, 3], [2, 3, 1]),
      product([2, 3], [2, 3, 2]),
      product([2, 2, 2], [2, 3]),
      product([2, 1, 1, 2], [3, 2, 1]),
      product([0, 2], [2, 3]),
      product([2, 0], [0, 3]),
      use((a) => matmul(a, transpose(a)), [2, 3]),
      use((a, b) => matmul(transpose(a), transpose(b)), [3, 2], [2, 3]),
      use((a, b) => square(matmul(a, b)), [2, 2], [2, 2]),
      use((a) => matmul(a, within([37, 19], -1, 1)), [2, 37]),
    ],
    order: 3,
  },
  {
    name: 'conv2d',
    cases: [
      convolved([1, 1, 4, 3], [1, 1, 2, 2]),
      convolved([2, 2, 3, 3], [3, 2, 3, 3], { padding: 1 }),
      convolved([1, 3, 5, 4], [2, 3, 3, 2], { stride: 2, padding: 1 }),
      convolved([1, 1, 5, 7], [2, 1, 3, 3], { stride: [2, 3], padding: [2, 1] }),
      convolved([1, 2, 5, 5], [1, 2, 2, 2], { dilation: [2, 3] }),
      convolved([1, 2, 4, 4], [4, 1, 3, 3], { groups: 2, padding: 1 }),
      convolved([2, 3, 3, 4], [3, 1, 2, 3], { groups: 3, stride: 2, padding: 1 }),
      convolved([1, 4, 2, 2], [2, 2, 1, 1], { groups: 2 }),
      convolved([2, 2, 3, 2], [3, 2, 1, 1], { stride: 2 }),
      convolved([1, 1, 6, 5], [1, 1, 2, 2], { stride: 3, padding: 1, dilation: 2 }),
      convolved([1, 1, 1, 1], [1, 1, 3, 3], { padding: 1 }),
      convolved([0, 1, 3, 3], [1, 1, 2, 2]),
      use((x, w) => square(conv2d(x, w, { padding: 1, stride: 2 })), [1, 2, 3, 3], [1, 2, 2, 2]),
    ],
  },
  {
    name: 'maxPool2d',
    cases: [
      use((x) => maxPool2d(x, 2), [1, 2, 4, 4]),
      use((x) => maxPool2d(x, 2), [2, 1, 5, 3]),
      use((x) => square(maxPool2d(x, 3, { stride: 2, padding: 1 })), [1, 1, 5, 4]),
      use((x) => mul(maxPool2d(x, [2, 3], { stride: [1, 2], padding: [1, 0] }), 2), [1, 3, 3, 4]),
      use((x) => maxPool2d(x, 1), [1, 1, 2, 2]),
      use((x) => maxPool2d(x, [1, 2], { stride: 3 }), [1, 1, 4, 7]),
      use((x) => maxPool2d(x, 2), [0, 1, 2, 2]),
    ],
  },
  {
    name: 'avgPool2d',
    cases: [
      use((x) => avgPool2d(x, 2), [1, 2, 4, 4]),
      use((x) => square(avgPool2d(x, 3, { stride: 2, padding: 1 })), [1, 1, 5, 4]),
      use((x) => avgPool2d(x, [2, 3], { stride: 1 }), [2, 1, 3, 4]),
    ],
  },
  {
    name: 'globalAvgPool2d',
    cases: [
      use((x) => square(globalAvgPool2d(x)), [2, 3, 2, 2]),
      use((x) => globalAvgPool2d(x), [1, 1, 3, 5]),
    ],
  },
  {
    name: 'adaptiveAvgPool2d',
    cases: [
      use((x) => adaptiveAvgPool2d(x, 2), [1, 2, 4, 2]),
      use((x) => square(adaptiveAvgPool2d(x, [2, 3])), [1, 1, 5, 4]),
      use((x) => adaptiveAvgPool2d(x, 3), [1, 2, 2, 2]),
      use((x) => square(adaptiveAvgPool2d(x, 7)), [1, 2, 1, 1]),
      use((x) => adaptiveAvgPool2d(x, 1), [2, 1, 3, 2]),
    ],
  },
];
