/** Comparing what a kernel computed with the right answer. */
import type { Kernel } from '../src/kernels/kernel.ts';
import { type InputArray, type KernelCase, sizeOf } from './kernel-case.ts';

/** The right answer where it is asked for: everywhere, or at places spread over the whole output. */
export interface Answer {
  /** Numbers of the elements, in order. */
  readonly places: Uint32Array;
  readonly values: Float64Array;
}

/** Multiplications to spend on an answer: some tenths of a second of plain loops. */
const affordable = 5e7;

/** Places checked however much they cost. */
const leastPlaces = 256;

/** The right answer to a case, at as many places as can be afforded: first, last and one at random from each stretch. */
export function answerOf(use: KernelCase, inputs: readonly InputArray[]): Answer {
  const size = sizeOf(use.outputShape);
  const count = Math.min(size, Math.max(leastPlaces, Math.floor(affordable / use.referenceCost)));
  let state = 1;
  const places = Uint32Array.from({ length: count }, (_, i) => {
    if (i === 0 || i === count - 1) return i === 0 ? 0 : size - 1;
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(((i + state / 2 ** 32) * size) / count);
  });
  const element = use.reference(inputs);
  return { places, values: Float64Array.from(places, element) };
}

/**
 * The largest difference of `actual` from the answer, relative to the answer's largest number.
 *
 * @throws Error, a sentence that names the worst element, if that is above the case's tolerance or an element is NaN
 *   or infinite where the answer is not, or the other way round.
 */
export function checkAnswer(
  kernel: Kernel,
  { shape, outputShape, tolerance }: KernelCase,
  actual: Float32Array,
  { places, values }: Answer,
): number {
  const scale = values.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  const errors = values.map((value, i) => errorOf(actual[places[i]], value, scale));
  const worst = errors.reduce((most, error, i) => (error > errors[most] ? i : most), 0);
  if (errors[worst] <= tolerance) return errors[worst];
  const off = errors.reduce((count, error) => (error > tolerance ? count + 1 : count), 0);
  const place = places[worst];
  throw new Error(
    `${kernel.name} is wrong for ${shape}: element [${coordinatesOf(place, outputShape)}] is ${actual[place]}, but ` +
      `${Number(values[worst].toPrecision(8))} was expected. ${off} of ${values.length} elements checked are off by more than ` +
      `${tolerance} of the largest number.`,
  );
}

function errorOf(actual: number, expected: number, scale: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const gap = Math.abs(actual - expected) / scale;
  return Number.isNaN(gap) ? Infinity : gap;
}

function coordinatesOf(element: number, shape: readonly number[]): string {
  let rest = element;
  return shape
    .map((length, dim) => {
      const stride = sizeOf(shape.slice(dim + 1));
      const coordinate = Math.floor(rest / stride) % length;
      rest %= stride;
      return coordinate;
    })
    .join(',');
}
