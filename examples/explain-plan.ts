/** What a penalised gradient records, and the kernels that compute it: tape, plan, and with --wgsl their text. */
import '../src/engine/node.ts';
import { add, explain, grad, matmul, mean, mul, square, sum, tanh, tensor } from '../src/index.ts';

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);
const w = tensor([[0.1], [0.2], [-0.3]]);
const loss = mean(square(tanh(matmul(x, w))));
const penalty = sum(square(grad(loss, w)));
const second = grad(add(loss, mul(penalty, 0.1)), w);

console.log(await explain(second, { wgsl: process.argv.includes('--wgsl') }));
