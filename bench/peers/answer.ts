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

/** || answer - expected || / || expected || over all arrays of a part together; NaN if a number is NaN. */
export function relativeError(answer: Answer[string], expected: Answer[string]): number {
  let error = 0;
  let norm = 0;
  expected.forEach((values, i) => {
    const given = answer[i];
    if (given?.length !== values.length) {
      throw new Error(`Array ${i} of an answer has ${given?.length} numbers, expected ${values.length}.`);
    }
    for (let at = 0; at < values.length; at++) {
      error += (given[at] - values[at]) ** 2;
      norm += values[at] ** 2;
    }
  });
  return Math.sqrt(error / norm);
}
