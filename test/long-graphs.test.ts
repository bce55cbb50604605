/** Graphs of ten thousand operations and more: recording, planning and running them takes work in proportion. */
import { afterAll, describe, expect, it, test } from 'vitest';
import {
  add,
  explain,
  full,
  grad,
  mul,
  permute,
  read,
  setDevice,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
} from '../src/engine/index.ts';
import { explainPlan } from '../src/engine/plan/explain.ts';
import { buildGraph } from '../src/engine/plan/graph.ts';
import { makePlan } from '../src/engine/plan/plan.ts';
import { allOn } from '../src/engine/plan/switches.ts';
import { countedWork } from './counted-work.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** Elements gone over for one operation, at most. */
const mostWork = 500;

function planOf(targets: readonly Tensor[], adapter: 'software' | 'hardware' = 'software') {
  const graph = buildGraph(targets.map(({ node }) => node));
  return makePlan(graph, {
    adapter,
    switches: allOn,
    choose: (choices) => choices.preferred(adapter),
    maxBuffers: 10,
    kept: targets.map(() => true),
  });
}

const repeat = (x: Tensor, times: number, step: (t: Tensor, i: number) => Tensor): Tensor =>
  Array.from({ length: times }).reduce<Tensor>((t, _, i) => step(t, i), x);
const cubes = (x: Tensor, times: number) => repeat(x, times, (t) => tanh(mul(t, mul(t, t))));
const squares = (x: Tensor, times: number) => repeat(x, times, (t) => add(mul(t, t), t));
const start = () => tensor([0.1, -0.2, 0.3]);
const gradientOf = (f: (x: Tensor) => Tensor) => {
  const x = start();
  return [grad(sum(f(x)), x)];
};

// Each makes a graph of about `n` operations.
const graphs: [string, (n: number) => readonly Tensor[]][] = [
  ['every value used three times, in a chain', (n) => [cubes(start(), n / 3)]],
  ['... a product and a sum', (n) => [squares(start(), n / 2)]],
  ['... with a gradient', (n) => gradientOf((x) => cubes(x, n / 12))],
  ['... a product and a sum with a gradient', (n) => gradientOf((x) => squares(x, n / 12))],
  [
    '... through a permutation',
    (n) => [repeat(tensor([[0.1, 0.2]]), n / 4, (t) => add(mul(t, permute(permute(t, [1, 0]), [1, 0])), t))],
  ],
  ['... through a sum', (n) => [repeat(start(), n / 4, (t) => tanh(add(mul(t, t), sum(t))))]],
  [
    'every value a result',
    (n) => {
      const results = [start()];
      for (let i = 0; i < n / 2; i++) results.push(squares(results[i], 1));
      return results.slice(1);
    },
  ],
  [
    'one value read by many results',
    (n) => {
      const x = start();
      return Array.from({ length: n / 2 }, (_, i) => mul(x, i + 0.5));
    },
  ],
  [
    'one value read by many sums',
    (n) => {
      const x = start();
      return Array.from({ length: n / 3 }, (_, i) => sum(mul(x, i + 0.5)));
    },
  ],
  ['many sums of two', (n) => [repeat(start(), n, (t) => add(t, 1))]],
];

describe.each(graphs)('%s', (_, build) => {
  it.each(['software', 'hardware'] as const)('is recorded and planned in proportion, for %s', (adapter) => {
    const work = (n: number) => countedWork(() => explainPlan(planOf(build(n), adapter)));
    const [small, large] = [work(600), work(2400)];
    expect(large / small).toBeLessThan(4.2);
    // Ten thousand operations are planned in about a second.
    expect(large / 2400).toBeLessThan(mostWork);
  });

  it('has labels of a readable length', () => {
    for (const { label } of planOf(build(2400)).steps) expect(label.length).toBeLessThan(1500);
  });
});

test.each<[string, () => Tensor]>([
  ['mul-tanh', () => cubes(start(), 1)],
  ['mul-tanh-mul-tanh-mul-tanh-mul-tanh', () => cubes(start(), 2)],
  ['mul-add', () => squares(start(), 1)],
  ['mul-add-mul-add-mul-add-mul-add-mul-add-mul-add', () => squares(start(), 10)],
  ['sum(sub-square)', () => sum(square(sub(start(), 1)))],
  ['full', () => full([3], 2.5)],
  ['mul-add-mul', () => mul(add(mul(start(), 2), 1), 3)],
])('a kernel is named by its operations, inputs first: %s', (label, build) => {
  const { steps } = planOf([build()]);
  expect(steps[0].label).toBe(`${label} -> ${label.startsWith('sum') ? '[]' : '[3]'}`);
});

describe.each(devices)('on $name', ({ device }) => {
  it('a chain in which every value is used three times has the right values and can be explained', async () => {
    setDevice(device);
    const x = start();
    let expected = [0.1, -0.2, 0.3];
    for (let i = 0; i < 1000; i++) expected = expected.map((v) => v - (v - v * v * v) * 0.01);
    const y = repeat(x, 1000, (t) => sub(t, mul(sub(t, mul(t, mul(t, t))), 0.01)));
    const [values] = await read(y);
    values.forEach((value, i) => void expect(value).toBeCloseTo(expected[i], 5));
    expect(await explain(y)).toContain('tape: ');
  });

  it('what comes again after seventy thousand other structures means the same', async () => {
    setDevice(device);
    const product = () => mul(start(), 3.25);
    const before = product();
    for (let i = 0; i < 70_000; i++) full([1], i + 0.125);
    const [a, b, sum] = await read(before, product(), add(before, product()));
    expect([...a]).toEqual([...b]);
    expect(sum[0]).toBeCloseTo(2 * a[0], 6);
  });

  it('30,000 sums of two', async () => {
    setDevice(device);
    const [values] = await read(repeat(start(), 30_000, (t) => add(t, 1)));
    expect(Math.abs(values[0] / 30_000 - 1)).toBeLessThan(1e-2);
  });
});
