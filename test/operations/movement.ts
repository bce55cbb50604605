/** Movement: odd sizes, steps, several dims, negative dims, nothing moved, nothing left. */
import {
  cast,
  concat,
  expand,
  flatten,
  flip,
  mul,
  ones,
  pad,
  permute,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  transpose,
  unsqueeze,
} from '../../src/engine/index.ts';
import { booleans, integers, type Row, use } from './row.ts';

export const movement: readonly Row[] = [
  {
    name: 'reshape',
    cases: [
      use((x) => reshape(x, [3, 2]), [2, 3]),
      use((x) => mul(reshape(x, [-1, 2]), reshape(x, [3, -1])), [6]),
      use((x) => reshape(x, []), [1, 1]),
      use((x) => reshape(x, [4, 0]), [0]),
      use((x) => reshape(x, [2, 2]), booleans([4])),
    ],
  },
  {
    name: 'expand',
    cases: [
      use((x) => expand(x, [2, 3]), [3]),
      use((x) => expand(x, [4, 2, 3]), [2, 1]),
      use((x) => expand(x, [2, 2]), []),
      use((x) => mul(expand(x, [3, 2]), expand(x, [3, 2])), [3, 1]),
      use((x) => expand(x, [0, 2]), [1, 2]),
      use((x) => expand(x, [3, 2]), integers([2], 0, 9)),
      use((x) => expand(x, [3, 2]), booleans([3, 1])),
    ],
  },
  {
    name: 'permute',
    cases: [
      use((x) => permute(x, [1, 0]), [2, 3]),
      use((x) => permute(x, [2, 0, 1]), [2, 3, 2]),
      use((x) => mul(permute(x, [0, 3, 1, 2]), permute(x, [0, -1, 1, 2])), [1, 2, 3, 2]),
      use((x) => permute(x, [0, 1]), [2, 2]),
      use((x) => permute(x, [1, 0]), integers([3, 5], 0, 9)),
    ],
  },
  {
    name: 'transpose',
    cases: [
      use((x) => transpose(x), [2, 3]),
      use((x) => transpose(x, 0, 2), [2, 3, 2]),
      use((x) => mul(transpose(x, -3, 1), 2), [3, 1, 2]),
    ],
  },
  {
    name: 'slice',
    cases: [
      use((x) => slice(x, 0, 1, 3), [5]),
      use((x) => slice(x, 1, 0, 5, 2), [2, 5]),
      use((x) => mul(slice(x, -1, 1, undefined, 3), slice(x, 1, -2, 6)), [2, 6]),
      use((x) => slice(x, 0, -2), [3, 2]),
      use((x) => slice(x, 1, 2, -1), [1, 5, 2]),
      use((x) => slice(x, 0, 3, 2), [5]),
      use((x) => slice(x, 0, 0, 99), [2]),
      use((x) => slice(x, 1, 1, 4), booleans([2, 5])),
    ],
  },
  {
    name: 'pad',
    cases: [
      use((x) => pad(x, [[1, 2]]), [3]),
      use(
        (x) =>
          pad(
            x,
            [
              [0, 1],
              [2, 0],
            ],
            -1.5,
          ),
        [2, 3],
      ),
      use((x) => mul(pad(x, [[1, 0]]), pad(x, [[0, 1]])), [3]),
      use((x) => pad(x, [[0, 0]]), [2]),
      use((x) => pad(x, [[1, 1]], 7), integers([2], 0, 5)),
      use(() => pad(ones([2]), [[1, 1]], Infinity)),
      use((x) => pad(x, [[2, 0]], 3), [0]),
    ],
  },
  {
    name: 'concat',
    cases: [
      use((a, b) => concat([a, b]), [2], [3]),
      use((a, b, c) => concat([a, b, c], 1), [2, 1], [2, 3], [2, 2]),
      use((a, b) => concat([a, b, a], -1), [2, 1, 2], [2, 1, 1]),
      use((a) => concat([a]), [3]),
      use((a, b) => concat([a, b]), [0, 2], [2, 2]),
      use((a, b) => concat([a, b]), booleans([2]), booleans([3], 1)),
      use((a, b) => concat([cast(a, 'u32'), cast(b, 'u32')]), integers([2], 0, 9), integers([1], 0, 9)),
    ],
  },
  {
    name: 'stack',
    cases: [
      use((a, b) => stack([a, b]), [3], [3]),
      use((a, b) => mul(stack([a, b, a], 1), 2), [2, 2], [2, 2]),
      use((a, b) => stack([a, b], -1), [2, 1], [2, 1]),
      use((a, b) => stack([a, b]), [], []),
    ],
  },
  {
    name: 'split',
    cases: [
      use((x) => concat(split(x, 2).reverse()), [5]),
      use((x) => concat(split(x, [1, 0, 3], 1).reverse(), 1), [2, 4]),
      use(
        (x) => {
          const [a, b] = split(x, 2, -1);
          return mul(a, b);
        },
        [3, 4],
      ),
    ],
  },
  {
    name: 'flip',
    cases: [
      use((x) => flip(x, 0), [5]),
      use((x) => mul(flip(x, [0, 2]), x), [2, 2, 3]),
      use((x) => flip(x, -1), [3, 1]),
      use((x) => flip(x, 1), integers([2, 3], 0, 9)),
    ],
  },
  {
    name: 'squeeze',
    cases: [
      use((x) => squeeze(x), [1, 3, 1]),
      use((x) => squeeze(x, -1), [1, 3, 1]),
      use((x) => squeeze(x, [0, 2]), [1, 3, 1]),
    ],
  },
  { name: 'unsqueeze', cases: [use((x) => unsqueeze(x, 0), [2]), use((x) => unsqueeze(x, -1), [2, 2])] },
  { name: 'flatten', cases: [use((x) => flatten(x), [2, 3]), use((x) => flatten(x, 1), [2, 3, 2])] },
];
