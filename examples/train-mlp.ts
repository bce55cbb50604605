/** A multi-layer perceptron on the shipped handwritten digits: 150 compiled steps of SGD with momentum. */
import '../src/engine/node.ts';
import { ImageOrder, imageBatch } from '../src/experiments/batches.ts';
import { loadDataset } from '../src/experiments/data/load-dataset.ts';
import {
  argMax,
  cast,
  compile,
  createGenerator,
  crossEntropy,
  eq,
  grad,
  mean,
  mlp,
  mul,
  sgd,
} from '../src/index.ts';

const { train, test } = await loadDataset('optdigits');
const model = mlp({ inputs: 64, hidden: [64], classes: 10, activation: 'relu' }, createGenerator(0));
const parameters = model.parameters();
const optimizer = sgd(parameters, { learningRate: 0.2, momentum: 0.9 });

const step = compile((pixels, labels) => {
  const loss = crossEntropy(model.forward(mul(pixels, 1 / 16)), labels);
  optimizer.step(grad(loss, parameters));
  return loss;
});
const accuracy = compile((pixels, labels) =>
  mean(cast(eq(argMax(model.forward(mul(pixels, 1 / 16)), 1), labels), 'f32')),
);

const order = new ImageOrder(train.count, 0);
for (let i = 1; i <= 150; i++) {
  const loss = await step(...imageBatch(train, order.take(128)));
  if (i % 30 === 0) console.log(`step ${i}: loss ${(await loss.item()).toFixed(3)}`);
}
const all = imageBatch(test, [...test.labels.keys()]);
console.log(`test accuracy: ${(100 * (await (await accuracy(...all)).item())).toFixed(1)} %`);
