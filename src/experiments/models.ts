/** Models by description, as configurations and fixtures write them. */
import type { Generator } from '../engine/index.ts';
import {
  type MlpSpecification,
  type Module,
  mlp,
  type ResnetSpecification,
  resnet,
  type VggSpecification,
  vgg,
  vgg11Defaults,
  vgg16BnDefaults,
} from '../nn/index.ts';

export type ModelSpec =
  | ({ readonly family: 'resnet' } & ResnetSpecification)
  | ({ readonly family: 'vgg' } & VggSpecification)
  | ({ readonly family: 'mlp' } & MlpSpecification);

/** What a description must have; the rest has defaults. */
const requiredFields: Readonly<Record<ModelSpec['family'], readonly string[]>> = {
  resnet: ['widths', 'blocks', 'classes'],
  vgg: ['plan', 'hidden', 'classes', 'size'],
  mlp: ['inputs', 'hidden', 'classes', 'activation'],
};

/**
 * A freshly initialised model; the generator decides its weights. Throws a sentence for a family that it does not know,
 * and for a description, as may come from a file, that lacks a field.
 */
export function buildModel(spec: ModelSpec, generator: Generator): Module {
  if (!Object.hasOwn(requiredFields, spec.family)) {
    throw new Error(`The model family '${spec.family}' is not known; expected resnet, vgg or mlp.`);
  }
  const missing = requiredFields[spec.family].filter((field) => !Object.hasOwn(spec, field));
  if (missing.length > 0) {
    throw new Error(`The model, a ${spec.family}, is described without ${missing.join(', ')}.`);
  }
  checkExtent(spec);
  if (spec.family === 'resnet') return resnet(fieldsOf(spec), generator);
  return spec.family === 'vgg' ? vgg(fieldsOf(spec), generator) : mlp(fieldsOf(spec), generator);
}

function fieldsOf<Spec extends ModelSpec>({ family, ...fields }: Spec): Omit<Spec, 'family'> {
  return fields;
}

/** The most that a model may have: beyond it lies a slip of the hand, and a machine without memory. */
const mostWidth = 65_536;
const mostLayers = 1_000;
const mostWeights = 2 ** 28;

function checkExtent(spec: ModelSpec): void {
  const { widths, chain = widths, layers, area = 1 } = extentOf(spec);
  const fail = (what: string): never => {
    throw new Error(`The model, a ${spec.family}, has ${what}.`);
  };
  const wrong = widths.find((width) => !(width >= 1 && width <= mostWidth));
  if (wrong !== undefined) fail(`a width of ${wrong}; expected 1 to ${mostWidth}`);
  if (layers > mostLayers) fail(`${layers} layers or blocks; expected ${mostLayers} at most`);
  const weights = Math.max(...chain.map((width, at) => area * width * (chain[at + 1] ?? spec.classes)));
  if (weights > mostWeights) fail(`a layer of ${weights} weights; expected ${mostWeights} at most`);
}

interface Extent {
  readonly widths: readonly number[];
  /** What goes into one layer after the other; the widths unless told. */
  readonly chain?: readonly number[];
  readonly layers: number;
  /** Elements of a filter for each channel; 1 unless told. */
  readonly area?: number;
}

function extentOf(spec: ModelSpec): Extent {
  if (spec.family === 'resnet') {
    const { widths, blocks } = spec;
    const chain = widths.flatMap((width) => [width, width]);
    return { widths, chain, layers: blocks.reduce((sum, count) => sum + count, 0), area: 9 };
  }
  if (spec.family === 'mlp') {
    return { widths: spec.hidden, chain: [spec.inputs, ...spec.hidden], layers: spec.hidden.length };
  }
  const widths = [...spec.plan.filter((part) => typeof part === 'number'), ...spec.hidden];
  return { widths, layers: widths.length };
}

/** The models that the command line knows by name, for images of [channels, height, width]. */
export function namedModel(
  name: string,
  classes: number,
  [channels, height, width]: readonly [number, number, number],
): ModelSpec {
  const widths = /^resnet\[([\d,]+)\](?:x\[([\d,]+)\])?$/.exec(name);
  if (widths) {
    const list = widths[1].split(',').map(Number);
    return {
      family: 'resnet',
      widths: list,
      blocks: widths[2]?.split(',').map(Number) ?? list.map(() => 1),
      classes,
      channels,
    };
  }
  const blocks = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] };
  if (name === 'resnet18' || name === 'resnet34') {
    return { family: 'resnet', widths: [64, 128, 256, 512], blocks: blocks[name], classes, channels };
  }
  const vggs = { vgg11: vgg11Defaults, 'vgg16-bn': vgg16BnDefaults };
  if (name === 'vgg11' || name === 'vgg16-bn') {
    return { family: 'vgg', ...vggs[name], size: height, classes, channels };
  }
  const hidden = /^mlp\[([\d,]+)\]$/.exec(name);
  if (hidden) {
    const inputs = channels * height * width;
    return { family: 'mlp', inputs, hidden: hidden[1].split(',').map(Number), classes, activation: 'relu' };
  }
  throw new Error(
    `The model '${name}' is not known; expected resnet18, resnet34, vgg11, vgg16-bn, resnet[8,16] (stage widths; ` +
      'resnet[8,16]x[1,2] with blocks) or mlp[64,32] (hidden widths).',
  );
}
