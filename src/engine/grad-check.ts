/** Proof of derivatives by central differences in float64. */
import { checkFunction, checkNumber, optionsOf, refuse } from './arguments.ts';
import { grad } from './autograd.ts';
import { add, mul } from './ops/elementwise.ts';
import { sum } from './ops/reduction.ts';
import { buildGraph } from './plan/graph.ts';
import { ReferenceDevice } from './run/reference.ts';
import { sizeOf } from './shape.ts';
import { checkTensorList, checkTensors, type Tensor, tensor } from './tensor.ts';

export interface GradCheckResult {
  /** The largest difference, relative to max(1, largest derivative). */
  readonly error: number;
  readonly ok: boolean;
}

/**
 * Compares derivatives of `fn` with central differences, in float64 on the reference executor, whatever device is set.
 *
 * fn maps f32 tensors to one f32 tensor. The output is contracted with fixed pseudo-random weights to a scalar; order 1
 * checks its gradient, order 2 the gradient of a weighted sum of that gradient, and so on: each order is compared with
 * differences of the order below it. fn must be smooth around the inputs to that order.
 *
 * @returns the worst relative error over all inputs; ok if it is at most `tolerance` (default 1e-6).
 */
export async function gradCheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: { readonly order?: number; readonly step?: number; readonly tolerance?: number } = {},
): Promise<GradCheckResult> {
  checkFunction('gradCheck', 'fn', fn);
  checkTensorList('gradCheck', 'inputs', inputs);
  const known = ['order', 'step', 'tolerance'] as const;
  const { order = 1, step = 1e-4, tolerance = 1e-6 } = optionsOf('gradCheck', options, known);
  if (!Number.isInteger(order) || order < 1) refuse('gradCheck', 'order', order, 'a whole number from 1 on');
  if (typeof step !== 'number' || !(step > 0)) refuse('gradCheck', 'step', step, 'a number above 0');
  checkNumber('gradCheck', 'tolerance', tolerance);
  const values = await Promise.all(inputs.map(async (input) => Float64Array.from(await input.data())));
  const leaves = (data: readonly Float64Array[]) =>
    data.map((array, i) => tensor(array, { shape: inputs[i].shape }));
  /** The scalar whose gradient is checked: a weighted derivative of order `order - 1`. */
  const scalar = (at: Tensor[]): Tensor => {
    const output = fn(...at);
    checkTensors('gradCheck', { "fn's result": output });
    let value = weighted(output, 1);
    for (let n = 1; n < order; n++)
      value = grad(value, at)
        .map((g, i) => weighted(g, 7 * n + i))
        .reduce((a, b) => add(a, b));
    return value;
  };
  const at = leaves(values);
  const gradients = evaluateReference(grad(scalar(at), at));
  let error = 0;
  const scale = Math.max(1, ...gradients.flatMap((g) => [...g].map(Math.abs)));
  values.forEach((array, i) => {
    for (let element = 0; element < array.length; element++) {
      const shifted = [-2, -1, 1, 2].map((k) => {
        const moved = values.map((v) => v.slice());
        moved[i][element] += k * step;
        return evaluateReference([scalar(leaves(moved))])[0][0];
      });
      // Fourth order: (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h.
      const difference = (shifted[0] - 8 * shifted[1] + 8 * shifted[2] - shifted[3]) / (12 * step);
      const gap = Math.abs(difference - gradients[i][element]) / scale;
      error = Math.max(error, Number.isNaN(gap) ? Infinity : gap);
    }
  });
  return { error, ok: error <= tolerance };
}

/** sum of x times fixed weights in [-1, 1] that no symmetry cancels. */
function weighted(x: Tensor, salt: number): Tensor {
  const weights = Float64Array.from({ length: sizeOf(x.shape) }, (_, i) => Math.sin(1.3 * i + salt));
  return sum(mul(x, tensor(weights, { shape: x.shape })));
}

function evaluateReference(tensors: readonly Tensor[]): Float64Array[] {
  const device = new ReferenceDevice();
  return device.values(buildGraph(tensors.map(({ node }) => node))).map((array) => Float64Array.from(array));
}
