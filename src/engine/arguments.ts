/**
 * What callers without types may pass: one sentence for each kind of wrong argument, that begins with the function's name
 * and says what came. Nothing is converted on the way ('1' is no number, 1 is no flag).
 */

/** A value as an error shows it, in a few words. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `the bigint ${value}`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object' || value === null) return String(value);
  if ('node' in value && 'shape' in value) return 'a tensor';
  if (value instanceof Promise) return 'a promise (await it first)';
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  return kind === 'Object' ? 'an object' : `${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** Throws the sentence. `what` names the argument, `expected` says what it should have been. */
export function refuse(operation: string, what: string, value: unknown, expected: string): never {
  throw new TypeError(`${operation}: ${what} is ${shown(value)}; expected ${expected}.`);
}

/** Throws unless the value is a number, infinite or not, but not NaN. */
export function checkNumber(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'number' || Number.isNaN(value)) refuse(operation, what, value, 'a number');
}

export function checkFlag(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(operation, what, value, 'true or false');
}

export function checkText(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'string') refuse(operation, what, value, 'a string');
}

export function checkFunction(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'function') refuse(operation, what, value, 'a function');
}

export function checkBytes(operation: string, what: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) refuse(operation, what, value, 'a Uint8Array');
}

/** Throws unless the value is an object whose values are strings. */
export function checkTexts(operation: string, what: string, value: unknown): void {
  const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!fits) refuse(operation, what, value, 'an object of strings');
  for (const [name, text] of Object.entries(value)) checkText(operation, `${what}.${name}`, text);
}

export function checkList(operation: string, what: string, value: unknown, of: string): void {
  if (!Array.isArray(value)) refuse(operation, what, value, `a list of ${of}`);
}

export function checkOneOf(operation: string, what: string, value: unknown, known: readonly string[]): void {
  if (!known.some((name) => name === value)) refuse(operation, what, value, alternatives(known));
}

/** The options themselves; throws unless they are an object with none but the known names. */
export function optionsOf<Options extends object>(
  operation: string,
  options: Options,
  known: readonly (keyof Options & string)[],
  what = 'options',
): Options {
  if (shown(options) !== 'an object')
    refuse(operation, what, options, `an object with ${alternatives(known)}`);
  const unknown = Object.keys(options).find((name) => !known.some((other) => other === name));
  if (unknown !== undefined) {
    throw new TypeError(
      `${operation}: ${what} has the unknown entry ${shown(unknown)}; expected ${alternatives(known)}.`,
    );
  }
  return options;
}

function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
