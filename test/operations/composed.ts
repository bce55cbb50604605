/** Indexing and composed operations. */
import {
  batchNorm,
  cast,
  channelStatistics,
  concat,
  crossEntropy,
  gather,
  gelu,
  indexSelect,
  logSoftmax,
  mseLoss,
  mul,
  normalizeChannels,
  oneHot,
  scatterAdd,
  silu,
  softmax,
  square,
  tensor,
} from '../../src/engine/index.ts';
import { integers, type Row, use, within } from './row.ts';

export const indexing: readonly Row[] = [
  {
    name: 'gather',
    cases: [
      use((x, index) => gather(x, 1, index), [2, 3], integers([2, 4], 0, 2)),
      use((x, index) => square(gather(x, 0, index)), [3, 2], integers([5, 2], 0, 2)),
      use((x, index) => gather(x, -2, index), [2, 3, 2], integers([2, 1, 2], 0, 2)),
      use((x, index) => gather(x, 0, index), [3], integers([0], 0, 2)),
      use((x, index) => gather(x, 0, index), integers([4], -9, 9), integers([6], 0, 3)),
    ],
  },
  {
    name: 'scatterAdd',
    cases: [
      use((x, index, source) => scatterAdd(x, 1, index, source), [2, 3], integers([2, 4], 0, 2), [2, 4]),
      use(
        (x, index, source) => square(scatterAdd(x, 0, index, source)),
        [3, 2],
        integers([5, 2], 0, 2),
        [5, 2],
      ),
      use(
        (x, index, source) => scatterAdd(x, 1, index, source),
        [1, 3, 2],
        integers([1, 2, 2], 0, 2),
        [1, 2, 2],
      ),
      use((x, index, source) => scatterAdd(x, 0, index, source), [3], integers([0], 0, 2), [0]),
    ],
  },
  {
    name: 'indexSelect',
    cases: [
      use((x, index) => indexSelect(x, 0, index), [3, 2], integers([4], 0, 2)),
      use((x, index) => square(indexSelect(x, -1, index)), [2, 3], integers([5], 0, 2)),
      use((x, index) => indexSelect(x, 1, index), integers([2, 3], 0, 9), integers([2], 0, 2)),
    ],
  },
  {
    name: 'oneHot',
    cases: [
      use((labels) => oneHot(labels, 4), integers([5], 0, 3)),
      use((labels) => oneHot(cast(labels, 'u32'), 3), integers([2, 3], 0, 2)),
      use((labels) => oneHot(labels, 3), tensor(Int32Array.of(-1, 3, 2))),
      use((labels) => oneHot(labels, 2), integers([], 0, 1)),
    ],
  },
];

export const composed: readonly Row[] = [
  {
    name: 'gelu',
    cases: [
      use((x) => gelu(x), within([7], -3, 3)),
      use((x) => gelu(x, 'tanh'), within([2, 3], -3, 3)),
      use((x) => gelu(x), []),
    ],
    order: 3,
  },
  { name: 'silu', cases: [use((x) => silu(x), within([7], -4, 4)), use((x) => silu(x), [2, 3])], order: 3 },
  {
    name: 'softmax',
    cases: [
      use((x) => softmax(x), [2, 3]),
      use((x) => softmax(x, 0), [3, 2]),
      use((x) => softmax(x, 1), [2, 3, 1]),
      use((x) => softmax(x), [1]),
      use((x) => softmax(x), [0, 3]),
    ],
    order: 3,
  },
  {
    name: 'logSoftmax',
    cases: [
      use((x) => logSoftmax(x), [2, 3]),
      use((x) => logSoftmax(x, 0), [3, 2]),
      use((x) => logSoftmax(mul(x, 30), 1), [2, 3]),
    ],
    order: 3,
  },
  {
    name: 'crossEntropy',
    cases: [
      use((z, labels) => crossEntropy(z, labels), [4, 3], integers([4], 0, 2)),
      use((z, labels) => crossEntropy(z, labels, { reduction: 'sum' }), [2, 5], integers([2], 0, 4)),
      use(
        (z, labels) => crossEntropy(z, labels, { reduction: 'none', labelSmoothing: 0.1 }),
        [3, 3],
        integers([3], 0, 2),
      ),
      use((z, labels) => crossEntropy(z, labels, { labelSmoothing: 1 }), [1, 2], integers([1], 0, 1)),
    ],
    order: 3,
  },
  {
    name: 'mseLoss',
    cases: [
      use((a, b) => mseLoss(a, b), [2, 3], [2, 3]),
      use((a, b) => mseLoss(a, b, 'sum'), [4], [4]),
      use((a, b) => mseLoss(a, b, 'none'), [1, 3], [1, 3]),
    ],
  },
  {
    name: 'normalizeChannels',
    cases: [
      use(
        (x, mean, variance, weight, bias) => normalizeChannels(x, { mean, variance }, { weight, bias }, 1e-5),
        [2, 3, 1, 2],
        [3],
        within([3], 0.5, 2),
        [3],
        [3],
      ),
      use(
        (x, mean, variance) => normalizeChannels(x, { mean, variance }, {}, 0.1),
        [3, 2],
        [2],
        within([2], 0.5, 2),
      ),
    ],
  },
  {
    name: 'channelStatistics',
    cases: [
      use(
        (x) => {
          const { mean, variance } = channelStatistics(x);
          return concat([mean, variance]);
        },
        [2, 3, 2, 1],
      ),
    ],
  },
  {
    name: 'batchNorm',
    cases: [
      use((x, weight, bias) => batchNorm(x, { weight, bias }), [3, 2, 2, 1], [2], [2]),
      use((x) => batchNorm(x), [4, 3]),
      use((x, bias) => square(batchNorm(x, { bias, epsilon: 0.1 })), [2, 1, 3], [1]),
    ],
    order: 3,
  },
];
