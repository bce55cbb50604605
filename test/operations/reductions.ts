/** Reductions: all dims, one, several, negative, outermost and innermost, keepDim, sizes 1 and 0, long ones cut in parts. */
import {
  argMax,
  argMin,
  logSumExp,
  max,
  mean,
  min,
  mul,
  norm,
  prod,
  sum,
  type Tensor,
  variance,
} from '../../src/engine/index.ts';
import { type Case, integers, numbers, type Row, use } from './row.ts';

type Reduce = (x: Tensor, dims?: number | readonly number[], keepDim?: boolean) => Tensor;

function over(reduce: Reduce): Case[] {
  return [
    use((x) => reduce(x), [2, 3]),
    use((x) => reduce(x, 0), [2, 3]),
    use((x) => reduce(x, -1, true), [2, 3]),
    use((x) => reduce(x, [0, 2]), [2, 3, 2]),
    use((x) => reduce(x, [2, 1], true), [2, 2, 3]),
    use((x) => reduce(x, [-3]), [3, 1, 2]),
    use((x) => mul(reduce(x, 1, true), x), [2, 3]),
    use((x) => reduce(x, [], true), [3]),
    use((x) => reduce(x), []),
    use((x) => reduce(x, 1), [1, 1, 3]),
    use((x) => reduce(x, 1), [0, 2]),
  ];
}

/** Reduced in parts on a GPU; too long for differences of every element, so constants of a short factor's graph. */
function long(reduce: Reduce): Case[] {
  return [
    use((x) => reduce(mul(x, numbers([1000], 0.5, 1)), 0), [1]),
    use((x) => reduce(mul(x, numbers([2, 300, 3], 0.5, 1)), 1), [2, 1, 3]),
  ];
}

const forIntegers = (reduce: Reduce): Case[] => [
  use((x) => reduce(x, 1), integers([3, 4], -5, 5)),
  use((x) => reduce(x), integers([700], -5, 5)),
];

const empty = (reduce: Reduce): Case => use((x) => reduce(x, 0), [0, 2]);

const positions = (arg: typeof argMax): Case[] => [
  use((x) => arg(x), [2, 3]),
  use((x) => arg(x, 0), [2, 3]),
  use((x) => arg(x, -1, true), [2, 3, 2]),
  use((x) => arg(x, undefined, true), [2, 2]),
  use((x) => arg(x), [300]),
  use((x) => arg(x, 1), integers([4, 5], 0, 2)),
  use((x) => arg(x), []),
];

export const reductions: readonly Row[] = [
  { name: 'sum', cases: [...over(sum), ...long(sum), ...forIntegers(sum), empty(sum)] },
  { name: 'mean', cases: [...over(mean), ...long(mean)] },
  { name: 'max', cases: [...over(max), ...forIntegers(max), use((x) => max(x, 1), [2, 300])] },
  { name: 'min', cases: [...over(min), ...forIntegers(min)] },
  { name: 'prod', cases: [...over(prod), ...forIntegers(prod), empty(prod)], order: 3 },
  {
    name: 'variance',
    cases: [
      use((x) => variance(x), [2, 3]),
      use((x) => variance(x, 0, { correction: 0 }), [2, 3]),
      use((x) => variance(x, [0, 2], { keepDim: true }), [2, 3, 2]),
      use((x) => variance(x, -1, { correction: 0, keepDim: true }), [2, 1]),
      ...long((x, dims) => variance(x, dims)),
    ],
    order: 3,
  },
  { name: 'logSumExp', cases: [...over(logSumExp), ...long(logSumExp)], order: 3 },
  { name: 'norm', cases: [...over(norm).slice(0, -1), ...long(norm)], order: 3 },
  { name: 'argMax', cases: positions(argMax) },
  { name: 'argMin', cases: positions(argMin) },
];
