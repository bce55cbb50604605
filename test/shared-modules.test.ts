/** A module that is used twice is one module: trained, counted and visited once. */
import { afterAll, beforeEach, describe, expect, it, test } from 'vitest';
import { squaredGradientNorm } from '../src/experiments/methods/norm.ts';
import {
  adam,
  compile,
  createGenerator,
  full,
  grad,
  Linear,
  type Module,
  type Optimizer,
  ones,
  Sequential,
  setDevice,
  sgd,
  sum,
  type Tensor,
} from '../src/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** A layer that multiplies by w = 2. */
const layer = () =>
  new Linear(1, 1, { bias: false, generator: createGenerator(1), weights: (shape) => full(shape, 2) });

/** w^2: one layer twice, applied to 1. */
const model = () => {
  const twice = layer();
  return new Sequential(twice, twice);
};
const loss = (of: Module) => sum(of.forward(ones([1, 1])));

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  // PyTorch's values: torch.nn.Sequential(l, l) with l = torch.nn.Linear(1, 1, bias=False) of weight 2.
  it.each<[string, (parameters: readonly Tensor[]) => Optimizer, number, number]>([
    ['SGD', (parameters) => sgd(parameters, { learningRate: 0.1 }), 1, 1.6],
    ['Adam', (parameters) => adam(parameters, { learningRate: 0.1 }), 1, 1.9],
    ['SGD with momentum', (parameters) => sgd(parameters, { learningRate: 0.1, momentum: 0.9 }), 2, 0.92],
    ['SGD with decay', (parameters) => sgd(parameters, { learningRate: 0.1, weightDecay: 0.5 }), 1, 1.5],
  ])('%s moves a layer that is used twice once', async (_, optimiserOf, steps, expected) => {
    for (const how of ['recorded', 'compiled'] as const) {
      const of = model();
      const parameters = of.parameters();
      const optimizer = optimiserOf(parameters);
      const update = () => {
        optimizer.step(grad(loss(of), parameters));
        return loss(of);
      };
      const step = how === 'compiled' ? compile(update) : update;
      for (let i = 0; i < steps; i++) await step();
      expect(await parameters[0].item(), how).toBeCloseTo(expected, 5);
    }
  });

  it('the gradient norm counts it once: (2 w)^2 = 16', async () => {
    const of = model();
    expect(await squaredGradientNorm(loss(of), of.parameters()).item()).toBe(16);
  });
});

test('modules that use one another again and again are visited once', () => {
  const first = layer();
  const deep = Array.from({ length: 60 }).reduce<Module>((inner) => new Sequential(inner, inner), first);
  expect(deep.modules()).toHaveLength(61);
  expect(deep.modules().at(-1)).toBe(first);
  expect([...deep.namedParameters().keys()]).toEqual([`${'0.'.repeat(60)}weight`]);
  expect(deep.namedBuffers().size).toBe(0);
  expect(
    deep
      .eval()
      .modules()
      .every(({ training }) => !training),
  ).toBe(true);
  deep.withFrozenStatistics(() => expect(first.statisticsFrozen).toBe(true));
  deep.repeatingPass(() => expect(first.repeating).toBe(true));
});

test('one tensor under several names has the first in order', () => {
  const [a, b] = [layer(), layer()];
  const of = new Sequential(new Sequential(a, b), b, new Sequential(a, layer()));
  expect([...of.namedParameters().keys()]).toEqual(['0.0.weight', '0.1.weight', '2.1.weight']);
  expect([...of.stateDict().keys()]).toEqual([
    '0.0.weight',
    '0.1.weight',
    '1.weight',
    '2.0.weight',
    '2.1.weight',
  ]);
});
