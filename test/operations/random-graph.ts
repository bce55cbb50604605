/** Random graphs: a recipe of numbers becomes a few inputs and a chain of operations over everything made so far. */
import fc from 'fast-check';
import type { Shape, Tensor } from '../../src/engine/index.ts';
import { type Context, operations } from './random-operations.ts';
import { numbers } from './row.ts';

/** Which operation, on which two of the tensors so far, and a number for its choices. */
type Step = readonly [operation: number, a: number, b: number, choice: number];

export interface Recipe {
  readonly shapes: readonly Shape[];
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly order: number;
}

export interface RandomGraph {
  readonly output: Tensor;
  /** Names of the operations used. */
  readonly names: readonly string[];
  /** Each holds distances from kinks: near zero, a derivative by differences or in f32 means nothing. */
  readonly gaps: readonly Tensor[];
}

const largest = 96;
const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });
const choice = fc.nat({ max: 0xffff });

export const recipes: fc.Arbitrary<Recipe> = fc.record({
  shapes: fc.array(shape, { minLength: 1, maxLength: 3 }),
  seed: fc.nat({ max: 1000 }),
  steps: fc.array(fc.tuple(choice, choice, choice, choice), { minLength: 1, maxLength: 8 }),
  order: fc.integer({ min: 0, max: 2 }),
});

export function inputsOf({ shapes, seed }: Recipe): Tensor[] {
  return shapes.map((size, i) => numbers(size, 0.2, 1.4, seed + i));
}

/** Every operation that a recipe can name. */
export const operationNames: readonly string[] = Object.keys(operations);

export function buildRandomGraph({ steps }: Recipe, inputs: readonly Tensor[]): RandomGraph {
  const made = [...inputs];
  const gaps: Tensor[] = [];
  const names: string[] = [];
  for (const [operation, first, second, choices] of steps) {
    let state = choices;
    const context: Context = {
      pick: (n) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return (state >>> 8) % n;
      },
      gap: (distances) => void gaps.push(distances.detach()),
    };
    const name = operationNames[operation % operationNames.length];
    // Later tensors are preferred, so that graphs grow deep.
    const a = made[made.length - 1 - (first % Math.min(made.length, 3))];
    const result = operations[name](a, made[second % made.length], context);
    if (result === undefined || result.size > largest || result.shape.length > 5) continue;
    names.push(name);
    made.push(result);
  }
  return { output: made[made.length - 1], names, gaps };
}
