/** Norms of gradients, over all parameters jointly. */
import {
  add,
  div,
  grad,
  greater,
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

/** length g / ||g||; zeros where g is zero. */
export function rescaled(gradients: readonly Tensor[], length: Operand): Tensor[] {
  const norm = sqrt(squaredNorm(gradients));
  const factor = where(greater(norm, 0), div(length, norm), 0);
  return gradients.map((g) => mul(g, factor));
}
