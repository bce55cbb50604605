/** What the planner does beyond the necessary changes no result: each of its steps, turned off, gives the same numbers. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  add,
  createGenerator,
  crossEntropy,
  GpuDevice,
  grad,
  mul,
  read,
  setDevice,
  square,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import { allOn, type Switches } from '../src/engine/plan/switches.ts';
import { resnet } from '../src/nn/index.ts';
import { expectClose, gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

/** The loss of a small network with its gradient norm as penalty, and the gradient of both. */
function penalisedStep(): Tensor[] {
  const model = resnet({ widths: [2, 3], blocks: [1, 1], classes: 3, channels: 1 }, createGenerator(3));
  const pixels = Float32Array.from({ length: 4 * 5 * 6 }, (_, i) => Math.sin(2.1 * i));
  const logits = model.forward(tensor(pixels, { shape: [4, 1, 5, 6] }));
  const parameters = model.parameters();
  const loss = crossEntropy(logits, tensor(Int32Array.of(0, 1, 2, 1)));
  const norms = grad(loss, parameters).map((gradient) => sum(square(gradient)));
  const total = add(
    loss,
    mul(
      norms.reduce((a, b) => add(a, b)),
      0.1,
    ),
  );
  return [total, ...grad(total, parameters)];
}

describe.skipIf(!gpu)('the planner with a switch off', () => {
  const device = gpu as GpuDevice;

  it.each([[], ...Object.keys(allOn).map((name) => [name]), Object.keys(allOn)])('%s', async (...off) => {
    const switches: Partial<Switches> = Object.fromEntries(off.map((name) => [name, false]));
    setDevice(reference);
    const expected = await read(...penalisedStep());
    setDevice(new GpuDevice(device.gpu, { name: 'switched', adapterClass: device.adapterClass, switches }));
    const actual = await read(...penalisedStep());
    expect(actual).toHaveLength(expected.length);
    actual.forEach((values, i) => {
      expectClose(values, expected[i], 2e-4, `result ${i} without ${off.join(', ') || 'nothing'}`);
    });
  });
});
