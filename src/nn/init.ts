/** PyTorch's default initial values. */
import { checkNumber, optionsOf, shown } from '../engine/arguments.ts';
import { type Generator, normal, type Shape, type Tensor, uniform } from '../engine/index.ts';
import { checkDraw } from '../engine/ops/random.ts';

/**
 * f32 uniform over [-b, b), b = gain sqrt(3 / fanIn), gain = sqrt(2 / (1 + a^2)): He's initialisation for a leaky ReLU of
 * slope a (PyTorch's `kaiming_uniform_`). With the default a = sqrt 5, b = 1 / sqrt(fanIn).
 */
export function kaimingUniform(
  generator: Generator,
  shape: Shape,
  options: { readonly fanIn: number; readonly a?: number },
): Tensor {
  checkDraw('kaimingUniform', generator, shape);
  const { fanIn, a = Math.sqrt(5) } = optionsOf('kaimingUniform', options, ['fanIn', 'a']);
  checkFan('kaimingUniform', 'fanIn', fanIn);
  checkNumber('kaimingUniform', 'a', a);
  const bound = Math.sqrt(2 / (1 + a * a)) * Math.sqrt(3 / fanIn);
  return uniform(generator, shape, -bound, bound);
}

/** f32 [size] uniform over [-b, b), b = 1 / sqrt(fanIn): the bias of PyTorch's linear and convolution layers. */
export function biasUniform(generator: Generator, size: number, fanIn: number): Tensor {
  checkDraw('biasUniform', generator, [size]);
  checkFan('biasUniform', 'fanIn', fanIn);
  return kaimingUniform(generator, [size], { fanIn });
}

/**
 * f32 normal with mean 0 and deviation sqrt(2 / fanOut): He's initialisation for ReLU that keeps the size of gradients
 * (PyTorch's `kaiming_normal_` with `mode='fan_out'`). For a convolution fanOut = K R S.
 */
export function kaimingNormal(
  generator: Generator,
  shape: Shape,
  options: { readonly fanOut: number },
): Tensor {
  checkDraw('kaimingNormal', generator, shape);
  const { fanOut } = optionsOf('kaimingNormal', options, ['fanOut']);
  checkFan('kaimingNormal', 'fanOut', fanOut);
  return normal(generator, shape, 0, Math.sqrt(2 / fanOut));
}

function checkFan(owner: string, name: string, fan: number): void {
  if (typeof fan === 'number' && fan > 0) return;
  throw new RangeError(`${owner}: ${name} is ${shown(fan)}, expected more than 0.`);
}
