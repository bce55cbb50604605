/** Values and gradients as PyTorch computes them: the independent truth for both executors. */
import { describe, it } from 'vitest';
import { tensor } from '../src/engine/index.ts';
import { derivatives, devices, expectClose, valuesOn } from './devices.ts';
import { pyTorchCases } from './operations/pytorch.ts';

describe.each(devices)('on $name', ({ device }) => {
  const onGpu = device.kind === 'gpu';

  it.each(['values', 'ties'] as const)('%s and their gradients are those of PyTorch', async (group) => {
    const cases = pyTorchCases(group);
    const expected = cases.map(({ f64, f32 }) => (onGpu ? f32 : f64));
    const results = await valuesOn(device, () =>
      cases.flatMap(({ build, inputs }, n) => {
        const tensors = inputs.map(({ shape, data }) => tensor(data, { shape }));
        const output = build(...tensors);
        return [output, ...(expected[n].gradients ? derivatives(output, tensors, 1).flat() : [])];
      }),
    );
    let at = 0;
    cases.forEach(({ name }, n) => {
      const { output, gradients = [] } = expected[n];
      [output, ...gradients].forEach(({ data }, i) => {
        const what = i === 0 ? name : `the gradient of ${name} by input ${i - 1}`;
        expectClose(results[at++], data, onGpu ? 1e-5 : 1e-12, what);
      });
    });
  });
});
