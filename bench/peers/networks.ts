/** The networks of the cases: parameters in order, and the forward pass over any library's operations. */
import type { HostArray, Layout, Operations } from './library.ts';
import type { Random } from './random.ts';

export interface Network {
  readonly parameters: HostArray[];
  forward<T>(operations: Operations<T>, parameters: readonly T[], x: T): T;
}

type Layer = <T>(operations: Operations<T>, take: () => T, x: T) => T;

export interface CnnOptions {
  readonly batchNorm?: boolean;
  readonly maxPool?: boolean;
}

/** conv 3 -> 8, relu, conv 8 -> 16 of stride 2, relu, global average pool, linear to 10 classes. */
export function cnn(random: Random, { batchNorm = false, maxPool = false }: CnnOptions): Network {
  return network((parameter) => {
    const after = (channels: number) =>
      batchNorm ? normalization(parameter, channels) : bias(parameter, channels);
    return [
      convolution(parameter, random, 3, 8, 3, 1),
      after(8),
      relu,
      ...(maxPool ? [pool] : []),
      convolution(parameter, random, 8, 16, 3, 2),
      after(16),
      relu,
      head(parameter, random, 16),
    ];
  });
}

/** The CIFAR ResNet of regrad's `resnet`, with widths 16, 32, 64 and two blocks a stage. */
export function resnet(random: Random): Network {
  return network((parameter) => {
    const layers = [convolution(parameter, random, 3, 16, 3, 1), normalization(parameter, 16), relu];
    let width = 16;
    for (const [stage, channels] of [16, 32, 64].entries()) {
      for (const block of [0, 1]) {
        layers.push(basicBlock(parameter, random, width, channels, stage > 0 && block === 0 ? 2 : 1));
        width = channels;
      }
    }
    return [...layers, head(parameter, random, width)];
  });
}

type AddParameter = (layout: Layout, shape: number[], values: Float32Array) => void;

function network(build: (parameter: AddParameter) => Layer[]): Network {
  const parameters: HostArray[] = [];
  const layers = build((layout, shape, values) => parameters.push({ layout, shape, values }));
  return {
    parameters,
    forward(operations, given, x) {
      const rest = given.values();
      const take = () => {
        const next = rest.next();
        if (next.done) throw new Error(`The network wants more than ${given.length} parameters.`);
        return next.value;
      };
      return layers.reduce((h, layer) => layer(operations, take, h), x);
    },
  };
}

const relu: Layer = (operations, _, x) => operations.relu(x);
const pool: Layer = (operations, _, x) => operations.maxPool(x);

function convolution(
  parameter: AddParameter,
  random: Random,
  inputs: number,
  outputs: number,
  window: number,
  stride: number,
): Layer {
  const deviation = Math.sqrt(2 / (inputs * window * window));
  const shape = [outputs, inputs, window, window];
  parameter('filter', shape, random.normal(shape, deviation));
  return (operations, take, x) => operations.convolution(x, take(), { stride, padding: (window - 1) / 2 });
}

function bias(parameter: AddParameter, channels: number): Layer {
  parameter('plain', [channels], new Float32Array(channels));
  return (operations, take, x) => operations.channelBias(x, take());
}

function normalization(parameter: AddParameter, channels: number): Layer {
  parameter('plain', [channels], new Float32Array(channels).fill(1));
  parameter('plain', [channels], new Float32Array(channels));
  return (operations, take, x) => operations.batchNorm(x, take(), take());
}

function head(parameter: AddParameter, random: Random, channels: number): Layer {
  parameter('plain', [channels, 10], random.normal([channels, 10], Math.sqrt(1 / channels)));
  parameter('plain', [10], new Float32Array(10));
  return (operations, take, x) =>
    operations.add(operations.matmul(operations.globalAveragePool(x), take()), take());
}

/** relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)); where shapes change, the shortcut is a 1x1 convolution and bn. */
function basicBlock(
  parameter: AddParameter,
  random: Random,
  inputs: number,
  outputs: number,
  stride: number,
): Layer {
  const main = [
    convolution(parameter, random, inputs, outputs, 3, stride),
    normalization(parameter, outputs),
    relu,
    convolution(parameter, random, outputs, outputs, 3, 1),
    normalization(parameter, outputs),
  ];
  const shortcut =
    inputs === outputs
      ? []
      : [convolution(parameter, random, inputs, outputs, 1, stride), normalization(parameter, outputs)];
  return (operations, take, x) => {
    const along = <T>(layers: readonly Layer[], operations: Operations<T>, take: () => T, x: T) =>
      layers.reduce((h, layer) => layer(operations, take, h), x);
    const h = along(main, operations, take, operations.keep(x));
    return operations.relu(operations.add(h, along(shortcut, operations, take, x)));
  };
}
