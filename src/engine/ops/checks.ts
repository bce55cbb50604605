/** What several operations check, in sentences that begin with the operation's name. */
import { shown } from '../arguments.ts';
import { formatShape, ShapeError } from '../shape.ts';
import { checkTensors, type Tensor } from '../tensor.ts';

export function checkFloat(operation: string, x: Tensor): void {
  checkTensors(operation, { x });
  if (x.dtype === 'f32') return;
  throw new TypeError(`${operation}: expected f32, got ${x.dtype}${formatShape(x.shape)}; use cast first.`);
}

/** Throws unless x is [N,C,...] and each tensor given is [C]. */
export function checkChannels(
  operation: string,
  x: Tensor,
  perChannel: Readonly<Record<string, Tensor | undefined>> = {},
): void {
  checkFloat(operation, x);
  if (x.shape.length < 2)
    throw new ShapeError(`${operation}: expected [N,C,...], got shape ${formatShape(x.shape)}.`);
  for (const [name, tensor] of Object.entries(perChannel)) {
    if (tensor === undefined) continue;
    checkTensors(operation, { [name]: tensor });
    if (tensor.shape.length === 1 && tensor.shape[0] === x.shape[1]) continue;
    throw new ShapeError(
      `${operation}: ${name} has shape ${formatShape(tensor.shape)}, expected [${x.shape[1]}]: one number per ` +
        `channel of ${formatShape(x.shape)}.`,
    );
  }
}

/** One number for both dims of an image, or one for each: [height, width]. */
export type Pair = number | readonly [number, number];

/** Both numbers of a pair; throws unless they are whole and at least `least`. */
export function pairOf(
  operation: string,
  what: string,
  value: Pair,
  least: number,
): readonly [number, number] {
  const both = typeof value === 'number' ? ([value, value] as const) : value;
  if (!Array.isArray(both) || both.length !== 2 || both.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ShapeError(
      `${operation}: ${what} is ${Array.isArray(value) ? JSON.stringify(value) : shown(value)}; expected one or two whole numbers >= ${least}.`,
    );
  }
  return both;
}
