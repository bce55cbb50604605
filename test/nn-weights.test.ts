/** Weights to bytes and back. */
import { expect, test } from 'vitest';
import { createGenerator, read } from '../src/engine/index.ts';
import { loadWeights, parseSafetensors, resnet, saveWeights } from '../src/nn/index.ts';

const specification = { widths: [3, 4], blocks: [1, 1], classes: 5, channels: 1 };

test('a model saved and loaded into another one has the same state', async () => {
  const first = resnet(specification, createGenerator(1));
  const second = resnet(specification, createGenerator(2));
  const bytes = await saveWeights(first, { made: 'by a test' });
  expect(parseSafetensors(bytes).metadata).toEqual({ made: 'by a test' });
  expect(loadWeights(second, bytes)).toEqual({ missing: [], unexpected: [] });
  const [a, b] = await Promise.all([first, second].map((model) => read(...model.stateDict().values())));
  // The file holds float32, which the reference executor's float64 is rounded to.
  expect(b.map((array) => [...array])).toEqual(a.map((array) => Array.from(array, Math.fround)));
});

test('weights of another architecture are refused with their names', async () => {
  const bytes = await saveWeights(resnet({ ...specification, widths: [3], blocks: [1] }, createGenerator(1)));
  const model = resnet(specification, createGenerator(2));
  expect(() => loadWeights(model, bytes, { origin: 'other.safetensors' })).toThrow(
    /layer2\.0\.conv1\.weight/,
  );
});
