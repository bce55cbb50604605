/**
 * Thousands of random graphs of any order of derivative: on the reference executor against differences along a random
 * direction, and on the GPU against the reference.
 *
 * REGRAD_SEED repeats a run, REGRAD_GRAPHS sets how many graphs the reference executor takes (the GPU a tenth).
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { add, gradCheck, mul, read, setDevice, type Tensor, tensor } from '../src/engine/index.ts';
import { derivatives, gpu, reference, relativeError, valuesOn } from './devices.ts';
import {
  buildRandomGraph,
  inputsOf,
  operationNames,
  type Recipe,
  recipes,
} from './operations/random-graph.ts';
import { numbers } from './operations/row.ts';

const seed = Number(process.env.REGRAD_SEED ?? Math.floor(Math.random() * 2 ** 31));
const graphs = Number(process.env.REGRAD_GRAPHS ?? 3000);
const leastGap = 0.01;

/** Whether every value is finite, moderate, and away from the kinks. */
async function isSmooth(recipe: Recipe): Promise<boolean> {
  setDevice(reference);
  const { output, gaps } = buildRandomGraph(recipe, inputsOf(recipe));
  const [values, ...distances] = await read(output, ...gaps);
  return values.every((x) => Math.abs(x) < 1e3) && distances.every((list) => list.every((x) => x > leastGap));
}

function check(runs: number, property: (recipe: Recipe) => Promise<void>): Promise<void> {
  console.info(`random graphs: ${runs} with REGRAD_SEED=${seed}`);
  const smooth = fc.asyncProperty(recipes, async (recipe) => {
    fc.pre(await isSmooth(recipe));
    await property(recipe);
  });
  return fc.assert(smooth, { seed, numRuns: runs, maxSkipsPerRun: 10 });
}

it('derivatives along a random direction are those of differences', async () => {
  const used = new Map<string, number>();
  await check(graphs, async (recipe) => {
    const inputs = inputsOf(recipe);
    const directions = inputs.map(({ shape }, i) => numbers(shape, 0.1, 1, recipe.seed + 50 + i));
    const build = (t: Tensor) =>
      buildRandomGraph(
        recipe,
        inputs.map((x, i) => add(x, mul(t, directions[i]))),
      );
    const order = Math.max(1, recipe.order);
    const { error } = await gradCheck((t) => build(t).output, [tensor(0)], { order, step: 2e-5 });
    const { names } = build(tensor(0));
    for (const name of names) used.set(name, (used.get(name) ?? 0) + 1);
    expect(error, `order ${order} of ${names.join(' ')}`).toBeLessThanOrEqual(1e-6);
  });
  // Only a long run must have met every operation.
  if (graphs >= 1000) expect(operationNames.filter((name) => !used.has(name))).toEqual([]);
});

it.skipIf(!gpu)('the GPU computes values and derivatives like the reference executor', async () => {
  await check(Math.ceil(graphs / 10), async (recipe) => {
    const build = () => {
      const inputs = inputsOf(recipe);
      const { output } = buildRandomGraph(recipe, inputs);
      return [output, ...derivatives(output, inputs, recipe.order).flat()];
    };
    const expected = await valuesOn(reference, build);
    const actual = await valuesOn(gpu ?? reference, build);
    const { names } = buildRandomGraph(recipe, inputsOf(recipe));
    actual.forEach((values, i) => {
      const error = relativeError(values, expected[i]);
      expect(error, `result ${i} of ${names.join(' ')}, order ${recipe.order}`).toBeLessThanOrEqual(1e-4);
    });
  });
});
