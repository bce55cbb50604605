/** Checks of what people write into the specification of a layer, a model or an optimiser. */

/** Throws unless `value` is a whole number of 1 or more. */
export function checkCount(owner: string, name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${owner}: ${name} is ${value}, expected a whole number from 1 on.`);
  }
}

/** Throws unless low <= value < high. */
export function checkRange(owner: string, name: string, value: number, low: number, high = Infinity): void {
  if (!(value >= low && value < high)) {
    throw new RangeError(
      `${owner}: ${name} is ${value}, expected ${low} or more${high < Infinity ? ` and less than ${high}` : ''}.`,
    );
  }
}
