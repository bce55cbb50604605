/** Random draws: the same numbers on both executors. Each use has its own generator. */
import {
  bernoulli,
  categorical,
  createGenerator,
  dropout,
  mul,
  normal,
  permutation,
  randomBits,
  uniform,
} from '../../src/engine/index.ts';
import { type Row, use } from './row.ts';

const generator = () => createGenerator(20_240_607, 3);

export const sources: readonly Row[] = [
  {
    name: 'createGenerator',
    cases: [use(() => createGenerator(5, 2).state), use(() => createGenerator(2 ** 40 + 7).state)],
  },
  {
    name: 'randomBits',
    cases: [use(() => randomBits(generator(), [13])), use(() => randomBits(generator(), [0]))],
  },
  {
    name: 'uniform',
    cases: [use(() => uniform(generator(), [3, 5])), use(() => uniform(generator(), [7], -2, 3))],
  },
  {
    name: 'normal',
    cases: [use(() => normal(generator(), [3, 5])), use(() => normal(generator(), [301], -2, 3))],
  },
  { name: 'bernoulli', cases: [use(() => bernoulli(generator(), [50], 0.3))] },
  { name: 'categorical', cases: [use((logits) => categorical(generator(), logits), [20, 5])] },
  {
    name: 'permutation',
    cases: [use(() => permutation(generator(), 33)), use(() => permutation(generator(), 1))],
  },
  {
    name: 'dropout',
    cases: [
      use((x) => dropout(generator(), x, 0.4), [2, 5]),
      use((x) => mul(dropout(generator(), x), x), [6]),
      use((x) => dropout(generator(), x, 0), [3]),
    ],
  },
];
