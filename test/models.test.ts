/** The models that the command line knows by name. */
import { beforeEach, expect, it } from 'vitest';
import { createGenerator, setDevice, zeros } from '../src/engine/index.ts';
import { buildModel, namedModel } from '../src/experiments/models.ts';
import { type Module, resnet18, resnet34, vgg11, vgg16Bn } from '../src/nn/index.ts';
import { reference } from './devices.ts';

beforeEach(() => setDevice(reference));

/** Names and shapes; the values, which nothing asks for, are discarded. */
function shapesOf(model: Module): string[] {
  return [...model.stateDict()].map(([name, tensor]) => {
    const { shape } = tensor;
    tensor.dispose();
    return `${name} [${shape}]`;
  });
}

it.each([
  ['resnet18', resnet18],
  ['resnet34', resnet34],
  ['vgg11', vgg11],
  ['vgg16-bn', vgg16Bn],
] as const)('%s is the model of nn', (name, make) => {
  const named = buildModel(namedModel(name, 7, [1, 32, 32]), createGenerator(0));
  expect(shapesOf(named)).toEqual(shapesOf(make({ classes: 7, channels: 1 }, createGenerator(0))));
});

it.each([
  ['resnet[2,3]x[1,2]', [3, 8, 8]],
  ['mlp[5]', [1, 4, 4]],
  ['mlp[2]', [3, 150, 150]],
] as const)('%s takes images of %j', (name, shape) => {
  const model = buildModel(namedModel(name, 6, shape), createGenerator(0));
  expect(model.forward(zeros([2, ...shape])).shape).toEqual([2, 6]);
});

it.each([
  ['mlp[999999999]', /^The model, a mlp, has a width of 999999999; expected 1 to 65536\.$/],
  ['mlp[8,0]', /a width of 0; expected 1 to/],
  ['resnet[8,99999999]', /^The model, a resnet, has a width of 99999999; expected 1 to 65536\.$/],
  ['resnet[8]x[100000]', /^The model, a resnet, has 100000 layers or blocks; expected 1000 at most\.$/],
  ['mlp[60000,60000]', /^The model, a mlp, has a layer of 3600000000 weights; expected 268435456 at most\.$/],
  ['resnet[20000]', /^The model, a resnet, has a layer of 3600000000 weights; expected/],
  [`mlp[${new Array(1001).fill(2)}]`, /^The model, a mlp, has 1001 layers or blocks/],
])('%s is refused', (name, sentence) => {
  expect(() => buildModel(namedModel(name, 10, [1, 8, 8]), createGenerator(0))).toThrow(sentence);
});

it('a described vgg of a slip of the hand is refused', () => {
  const spec = { family: 'vgg', plan: [8, 'M', 1e9], hidden: [4], classes: 3, size: 8 } as const;
  expect(() => buildModel(spec, createGenerator(0))).toThrow(/a vgg, has a width of 1000000000; expected/);
});
