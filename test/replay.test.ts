/** What a replayed step asks of the device. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  compile,
  createGenerator,
  crossEntropy,
  type GpuDevice,
  grad,
  setDevice,
  tensor,
} from '../src/engine/index.ts';
import { resnet, sgd } from '../src/nn/index.ts';
import { gpu, reference } from './devices.ts';

afterAll(() => setDevice(reference));

describe.skipIf(!gpu)('a replayed training step', () => {
  it('is handed over by one submit', async () => {
    const device = gpu as GpuDevice;
    setDevice(device);
    const model = resnet({ widths: [2, 3], blocks: [1, 1], classes: 3, channels: 1 }, createGenerator(3));
    const parameters = model.parameters();
    const optimizer = sgd(parameters, { learningRate: 0.1, momentum: 0.9 });
    const step = compile((x, labels) => {
      const loss = crossEntropy(model.forward(x), labels);
      optimizer.step(grad(loss, parameters));
      return loss;
    });
    const x = tensor(
      Float32Array.from({ length: 4 * 5 * 6 }, (_, i) => Math.sin(2.1 * i)),
      { shape: [4, 1, 5, 6] },
    );
    const labels = tensor(Int32Array.of(0, 1, 2, 1));
    await step(x, labels);

    const { queue } = device.gpu;
    const submit = queue.submit.bind(queue);
    let submits = 0;
    queue.submit = (commands) => {
      submits++;
      return submit(commands);
    };
    try {
      for (let i = 0; i < 3; i++) await step(x, labels);
    } finally {
      Reflect.deleteProperty(queue, 'submit');
    }
    expect(submits).toBe(3);
  });
});
