/** tanh and its derivatives up to the fourth, each from the one before, against the formulas in t = tanh(x). */
import '../src/engine/node.ts';
import { grad, read, sum, tanh, tensor } from '../src/index.ts';

const x = tensor([-1, 0, 0.5, 2]);
const orders = [tanh(x)];
for (let n = 1; n <= 4; n++) orders.push(grad(sum(orders[n - 1]), x));

const formulas = [
  (t: number) => t,
  (t: number) => 1 - t ** 2,
  (t: number) => -2 * t * (1 - t ** 2),
  (t: number) => (6 * t ** 2 - 2) * (1 - t ** 2),
  (t: number) => (16 * t - 24 * t ** 3) * (1 - t ** 2),
];
const arrays = await read(...orders);
const points = await x.data();
arrays.forEach((values, n) => {
  const errors = Array.from(values, (value, i) => Math.abs(value - formulas[n](Math.tanh(points[i]))));
  const shown = Array.from(values, (value) => value.toFixed(6).padStart(9)).join(' ');
  console.log(`order ${n}: ${shown}   largest error ${Math.max(...errors).toExponential(0)}`);
});
