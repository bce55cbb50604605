/** Answers: what a case's first call gave, part by part, and how far two of them lie apart. */
import type { Case, Prepared } from './library.ts';

/** By part (value, gradient, loss): its arrays, laid out as the case's. */
export type Answer = Readonly<Record<string, readonly ArrayLike<number>[]>>;

/** The answer of a case that was called once. `read` is what the call returned. */
export async function answerOf(use: Case, prepared: Prepared, read: ArrayLike<number>[]): Promise<Answer> {
  if (prepared.parameters) {
    const after = await prepared.parameters();
    // The change, not the parameters: it is the gradient times the learning rate, and shows errors that they hide.
    const gradient = after.map((values, i) => difference(use.inputs[i].values, values));
    return use.kind === 'train' ? { loss: read, gradient } : { update: gradient };
  }
  const [value, ...gradients] = prepared.canonical?.(read) ?? read;
  return gradients.length > 0 ? { value: [value], gradient: gradients } : { value: [value] };
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from(a, (value, i) => value - b[i]);
}

/** || answer - expected || / || expected || of the worst array of a part; NaN if a number is NaN. */
export function relativeError(answer: Answer[string], expected: Answer[string]): number {
  const errors = expected.map((values, i) => {
    const given = answer[i];
    if (given?.length !== values.length) {
      throw new Error(
        `Array ${i} of an answer has ${given?.length ?? 'no'} numbers, expected ${values.length}.`,
      );
    }
    const gap = norm(difference(given, values));
    return gap === 0 ? 0 : gap / norm(values);
  });
  return Math.max(...errors);
}

function norm(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] ** 2;
  return Math.sqrt(squares);
}
