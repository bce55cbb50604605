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

/** The most that a model may have: beyond it lies no machine, but a slip of the hand. */
const mostWidth = 65_536;
const mostLayers = 1_000;

function checkExtent(spec: ModelSpec): void {
  const { widths, layers } = extentOf(spec);
  const wrong = widths.find((width) => !(width >= 1 && width <= mostWidth));
  if (wrong !== undefined) {
    throw new Error(`The model, a ${spec.family}, has a width of ${wrong}; expected 1 to ${mostWidth}.`);
  }
  if (layers > mostLayers) {
    throw new Error(
      `The model, a ${spec.family}, has ${layers} layers or blocks; expected ${mostLayers} at most.`,
    );
  }
}

function extentOf(spec: ModelSpec): { readonly widths: readonly number[]; readonly layers: number } {
  if (spec.family === 'resnet') {
    return { widths: spec.widths, layers: spec.blocks.reduce((sum, count) => sum + count, 0) };
  }
  const widths =
    spec.family === 'mlp'
      ? spec.hidden
      : [...spec.plan.filter((part) => typeof part === 'number'), ...spec.hidden];
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
