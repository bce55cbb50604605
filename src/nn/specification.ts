/** Checks of what people write into the specification of a layer, a model or an optimiser. */
import { checkList, shown } from '../engine/arguments.ts';

/** Throws unless `value` is a whole number of 1 or more. */
export function checkCount(owner: string, name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${owner}: ${name} is ${shown(value)}, expected a whole number from 1 on.`);
  }
}

/** Throws unless `values` is a list of whole numbers of 1 or more. */
export function checkCounts(owner: string, name: string, values: readonly number[]): void {
  checkList(owner, name, values, 'whole numbers from 1 on');
  values.forEach((value, at) => void checkCount(owner, `${name}[${at}]`, value));
}

/** Throws unless low <= value < high. */
export function checkRange(owner: string, name: string, value: number, low: number, high = Infinity): void {
  if (typeof value !== 'number' || !(value >= low && value < high)) {
    throw new RangeError(
      `${owner}: ${name} is ${shown(value)}, expected ${low} or more${high < Infinity ? ` and less than ${high}` : ''}.`,
    );
  }
}
