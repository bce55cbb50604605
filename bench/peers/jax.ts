/** The cases on jax-js: one jit of the whole call a case, its reference counts kept by the library's rules. */
import {
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy as np,
  valueAndGrad,
  vjp,
} from '@jax-js/jax';
import {
  type Case,
  type HostArray,
  type Library,
  learningRate,
  momentum,
  type Operations,
  type Prepared,
} from './library.ts';
import manifest from './package.json';

const operations: Operations<JaxArray> = {
  keep: (x) => x.ref,
  add: (x, y) => x.add(y),
  matmul: (x, y) => np.matmul(x, y),
  convolution: (x, filter, { stride = 1, padding = 0, groups = 1 }) =>
    lax.convGeneralDilated(
      x,
      filter,
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
      { featureGroupCount: groups },
    ),
  channelBias: (x, bias) => x.add(bias.reshape([1, bias.shape[0], 1, 1])),
  batchNorm: (x, scale, shift) => {
    const channels = [1, scale.shape[0], 1, 1];
    const standard = nn.standardize(x, [0, 2, 3], { epsilon: 1e-5 });
    return standard.mul(scale.reshape(channels)).add(shift.reshape(channels));
  },
  relu: (x) => nn.relu(x),
  maxPool: (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]),
  globalAveragePool: (x) => np.mean(x, [2, 3]),
  crossEntropy: (logits, labels) => np.sum(nn.logSoftmax(logits, 1).mul(labels)).mul(-1 / logits.shape[0]),
};

export const jax: Library = {
  version: manifest.dependencies['@jax-js/jax'],
  async prepare(use) {
    await init('webgpu');
    defaultDevice('webgpu');
    const constants = use.constants.map(upload);
    const inputs = use.inputs.map(upload);
    if (use.kind === 'train') return training(use, inputs, constants);
    if (use.kind === 'momentum') return momentumUpdate(inputs, constants);
    return evaluation(use, inputs, constants);
  },
};

function upload({ layout, shape, values }: HostArray): JaxArray {
  if (layout !== 'labels') return np.array(values.slice(), { shape: [...shape] });
  const hot = new Float32Array(values.length * 10);
  values.forEach((label, i) => {
    hot[i * 10 + label] = 1;
  });
  return np.array(hot, { shape: [values.length, 10] });
}

/** The RangeError of the JavaScript engine, in V8's words or another's. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack/i.test(error.message);
}

const reference = (arrays: readonly JaxArray[]) => arrays.map((x) => x.ref);
const readAll = (arrays: readonly JaxArray[]) => Promise.all(arrays.map((x) => x.data()));
const disposeAll = (arrays: readonly JaxArray[]) => {
  for (const x of arrays) x.dispose();
};

function evaluation(use: Case, inputs: JaxArray[], constants: JaxArray[]): Prepared {
  const cotangent = upload(use.cotangent ?? { layout: 'plain', shape: [], values: Float32Array.of(1) });
  const plain = (own: JaxArray[], fixed: JaxArray[], g: JaxArray): JaxArray[] => {
    if (use.kind === 'evaluate') {
      g.dispose();
      return [use.compute(operations, own, fixed)];
    }
    const [value, pull] = vjp((...own: JaxArray[]) => use.compute(operations, own, fixed), own);
    const gradients = pull(g);
    pull.dispose();
    return [value, ...gradients];
  };
  const fn = jit(plain);
  const call = async (compute: typeof plain) =>
    readAll(compute(reference(inputs), reference(constants), cotangent.ref));
  let eager = false;
  return {
    call: async () => {
      if (eager) return call(plain);
      try {
        return await call(fn);
      } catch (error) {
        if (!isStackOverflow(error)) throw error;
        eager = true;
        return call(plain);
      }
    },
    remark: () => (eager ? 'without jit, which overflows the stack' : undefined),
    dispose: () => {
      disposeAll([...inputs, ...constants, cotangent]);
      fn.dispose();
    },
  };
}

function training(use: Case, inputs: JaxArray[], constants: JaxArray[]): Prepared {
  const { penalty } = use;
  const loss = (parameters: JaxArray[], fixed: JaxArray[]) => use.compute(operations, parameters, fixed);
  const penalised = (parameters: JaxArray[], fixed: JaxArray[]) => {
    const [value, gradients] = valueAndGrad(loss)(parameters, fixed);
    const norm = gradients.map((g) => np.sum(np.square(g))).reduce((a, b) => a.add(b));
    return value.add(norm.mul(penalty ?? 0));
  };
  const step = jit((parameters: JaxArray[], fixed: JaxArray[]): [JaxArray, JaxArray[]] => {
    const [value, gradients] = valueAndGrad(penalty ? penalised : loss)(reference(parameters), fixed);
    return [value, parameters.map((p, i) => p.sub(gradients[i].mul(learningRate)))];
  });
  let parameters = inputs;
  return {
    call: async () => {
      const [value, next] = step(parameters, reference(constants));
      parameters = next;
      return [await value.data()];
    },
    parameters: () => readAll(reference(parameters)),
    dispose: () => {
      disposeAll([...parameters, ...constants]);
      step.dispose();
    },
  };
}

function momentumUpdate(inputs: JaxArray[], gradients: JaxArray[]): Prepared {
  const step = jit(
    (
      parameters: JaxArray[],
      buffers: JaxArray[],
      gradients: JaxArray[],
    ): [JaxArray, JaxArray[], JaxArray[]] => {
      const nextBuffers = buffers.map((b, i) => b.mul(momentum).add(gradients[i]));
      const next = parameters.map((p, i) => p.sub(nextBuffers[i].ref.mul(learningRate)));
      return [next[0].ref.slice(0, 0), next, nextBuffers];
    },
  );
  let parameters = inputs;
  let buffers = inputs.map((p) => np.zeros(p.shape));
  return {
    call: async () => {
      const [first, ...next] = step(parameters, buffers, reference(gradients));
      [parameters, buffers] = next;
      return [await first.data()];
    },
    parameters: () => readAll(reference(parameters)),
    dispose: () => {
      disposeAll([...parameters, ...buffers, ...gradients]);
      step.dispose();
    },
  };
}
