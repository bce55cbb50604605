/** The cases on TensorFlow.js, eagerly, as it works: images NHWC, memory freed by `tidy`, its own optimisers. */
import '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import * as tf from '@tensorflow/tfjs-core';
import {
  type Case,
  type HostArray,
  type Layout,
  type Library,
  learningRate,
  momentum,
  type Operations,
  type Prepared,
} from './library.ts';

const operations: Operations<tf.Tensor> = {
  keep: (x) => x,
  add: (x, y) => tf.add(x, y),
  matmul: (x, y) => tf.matMul(x, y),
  convolution: (x, filter, { stride = 1, padding = 0, groups = 1 }) =>
    groups === 1
      ? tf.conv2d(image(x), image(filter), stride, padding)
      : tf.depthwiseConv2d(image(x), image(filter), stride, padding),
  channelBias: (x, bias) => tf.add(x, bias),
  batchNorm: (x, scale, shift) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, vector(mean), vector(variance), vector(shift), vector(scale), 1e-5);
  },
  relu: (x) => tf.relu(x),
  maxPool: (x) => tf.maxPool(image(x), 2, 2, 'valid'),
  globalAveragePool: (x) => tf.mean(x, [1, 2]),
  crossEntropy: (logits, labels) => tf.losses.softmaxCrossEntropy(labels, logits),
};

const image = (x: tf.Tensor) => x as tf.Tensor4D;
const vector = (x: tf.Tensor) => x as tf.Tensor1D;
const scalar = (x: tf.Tensor) => x as tf.Scalar;

/** Where each dim of TensorFlow.js's layout is in the case's: NCHW to NHWC, KCRS to RSCK. */
const orders: Partial<Record<Layout, readonly number[]>> = { image: [0, 2, 3, 1], filter: [2, 3, 1, 0] };

export const tfjs: Library = {
  version: tf.version_core,
  async prepare(use) {
    tf.enableProdMode();
    await tf.setBackend('webgpu');
    const inputs = use.inputs.map(upload);
    const constants = use.constants.map(upload);
    if (use.kind === 'train') return training(use, inputs, constants);
    if (use.kind === 'momentum') return momentumUpdate(inputs, constants);
    return evaluation(use, inputs, constants);
  },
};

function upload({ layout, shape, values }: HostArray): tf.Tensor {
  if (layout === 'labels') return tf.cast(tf.oneHot(tf.tensor1d(values, 'int32'), 10), 'float32');
  const order = orderOf(layout, shape);
  return order
    ? tf.tensor(
        permute(values, shape, order),
        order.map((d) => shape[d]),
      )
    : tf.tensor(values, [...shape]);
}

/** A depthwise filter [C,1,R,S] has its channels third in TensorFlow.js: [R,S,C,1]. */
function orderOf(layout: Layout, shape: readonly number[]): readonly number[] | undefined {
  return layout === 'filter' && shape[1] === 1 ? [2, 3, 0, 1] : orders[layout];
}

/** The elements in the order of `transpose(array, order)`. */
function permute(
  values: ArrayLike<number>,
  shape: readonly number[],
  order: readonly number[],
): Float32Array {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((d) => shape[d]);
  const steps = order.map((d) => strides[d]);
  return Float32Array.from({ length: values.length }, (_, at) => {
    let rest = at;
    let from = 0;
    for (let d = sizes.length - 1; d >= 0; d--) {
      from += (rest % sizes[d]) * steps[d];
      rest = Math.floor(rest / sizes[d]);
    }
    return values[from];
  });
}

/** From TensorFlow.js's layout back to the case's. */
function restore(values: ArrayLike<number>, layout: Layout, shape: readonly number[]): ArrayLike<number> {
  const order = orderOf(layout, shape);
  if (!order) return values;
  return permute(
    values,
    order.map((d) => shape[d]),
    shape.map((_, d) => order.indexOf(d)),
  );
}

async function readAll(tensors: readonly tf.Tensor[]) {
  return Promise.all(tensors.map((x) => x.data()));
}

function evaluation(use: Case, inputs: tf.Tensor[], constants: tf.Tensor[]): Prepared {
  const cotangent = use.cotangent && upload(use.cotangent);
  const fn = (...own: tf.Tensor[]) => use.compute(operations, own, constants);
  const differentiate = tf.valueAndGrads(fn);
  const output = use.cotangent ?? { layout: 'plain', shape: [] };
  const layouts = use.kind === 'evaluate' ? [output] : [output, ...use.inputs];
  return {
    call: async () => {
      const outputs = tf.tidy(() => {
        if (use.kind === 'evaluate') return [fn(...inputs)];
        const { value, grads } = differentiate(inputs, cotangent);
        return [value, ...grads];
      });
      const read = await readAll(outputs);
      tf.dispose(outputs);
      return read;
    },
    canonical: (read) => read.map((values, i) => restore(values, layouts[i].layout, layouts[i].shape)),
    dispose: () => tf.dispose([...inputs, ...constants, ...(cotangent ? [cotangent] : [])]),
  };
}

function training(use: Case, inputs: tf.Tensor[], constants: tf.Tensor[]): Prepared {
  const variables = inputs.map((x) => tf.variable(x));
  const optimizer = tf.train.sgd(learningRate);
  const loss = (...parameters: tf.Tensor[]) => scalar(use.compute(operations, parameters, constants));
  const { penalty } = use;
  const total = () => {
    if (!penalty) return loss(...variables);
    const { value, grads } = tf.valueAndGrads(loss)(variables);
    // One by one: `addN` binds all at once, and WebGPU allows few bindings.
    const norm = grads.map((g) => tf.sum(tf.square(g))).reduce((a, b) => tf.add(a, b));
    return scalar(tf.add(value, tf.mul(norm, penalty)));
  };
  return {
    call: async () => {
      const value = tf.tidy(() => {
        const cost = optimizer.minimize(total, true, variables);
        if (!cost) throw new Error('minimize returned no loss.');
        return cost;
      });
      const read = await value.data();
      value.dispose();
      return [read];
    },
    parameters: async () =>
      (await readAll(variables)).map((values, i) =>
        restore(values, use.inputs[i].layout, use.inputs[i].shape),
      ),
    dispose: () => {
      optimizer.dispose();
      tf.dispose([...inputs, ...variables, ...constants]);
    },
  };
}

function momentumUpdate(inputs: tf.Tensor[], gradients: tf.Tensor[]): Prepared {
  const variables = inputs.map((x) => tf.variable(x));
  const optimizer = tf.train.momentum(learningRate, momentum);
  const named = variables.map(({ name }, i) => ({ name, tensor: gradients[i] }));
  return {
    call: async () => {
      const first = tf.tidy(() => {
        optimizer.applyGradients(named);
        return tf.slice(variables[0], [0, 0], [1, 1]);
      });
      const read = await first.data();
      first.dispose();
      return [read];
    },
    parameters: () => readAll(variables),
    dispose: () => {
      optimizer.dispose();
      tf.dispose([...inputs, ...variables, ...gradients]);
    },
  };
}
