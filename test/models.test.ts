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
] as const)('%s takes images of %j', (name, shape) => {
  const model = buildModel(namedModel(name, 6, shape), createGenerator(0));
  expect(model.forward(zeros([2, ...shape])).shape).toEqual([2, 6]);
});
