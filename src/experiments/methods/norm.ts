/** Norms of gradients, over all parameters jointly. */
import {
  add,
  div,
  eq,
  grad,
  mul,
  type Operand,
  sqrt,
  square,
  sum,
  type Tensor,
  where,
} from '../../engine/index.ts';

/** sum over tensors and elements of g^2: a scalar. */
export function squaredNorm(gradients: readonly Tensor[]): Tensor {
  return gradients.map((g) => sum(square(g))).reduce((a, b) => add(a, b));
}

/** || d scalar / d theta ||^2. */
export function squaredGradientNorm(scalar: Tensor, parameters: readonly Tensor[]): Tensor {
  return squaredNorm(grad(scalar, parameters));
}

/** length g / ||g||; zeros where g is zero. A NaN in one gradient makes all of them NaN. */
export function rescaled(gradients: readonly Tensor[], length: Operand): Tensor[] {
  const norm = sqrt(squaredNorm(gradients));
  const factor = where(eq(norm, 0), 0, div(length, norm));
  return gradients.map((g) => mul(g, factor));
}
