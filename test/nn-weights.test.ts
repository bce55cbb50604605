/** Weights to bytes and back. */
import { expect, test } from 'vitest';
import { createGenerator, read } from '../src/engine/index.ts';
import {
  BatchNorm2d,
  loadWeights,
  parseSafetensors,
  resnet,
  saveWeights,
  serializeSafetensors,
} from '../src/nn/index.ts';

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

test('weights of before PyTorch 0.4.1 lack the count of batches, which stays as it is', async () => {
  const model = resnet(specification, createGenerator(1));
  const { tensors } = parseSafetensors(await saveWeights(model));
  const counts = [...tensors.keys()].filter((name) => name.endsWith('.num_batches_tracked'));
  for (const name of counts) tensors.delete(name);
  expect(counts.length).toBeGreaterThan(3);
  expect(loadWeights(model, serializeSafetensors(tensors))).toEqual({ missing: counts, unexpected: [] });
  const last = [...tensors.keys()].findLast((name) => name.endsWith('.bias')) ?? '';
  tensors.delete(last);
  expect(() => loadWeights(model, serializeSafetensors(tensors))).toThrow(
    `Missing: ${last}. Unexpected: none.`,
  );
});

test.each([5_000_000_000n, -5_000_000_000n, 2n ** 31n])('the count %d is refused by name', async (count) => {
  const model = new BatchNorm2d(2);
  const { tensors } = parseSafetensors(await saveWeights(model));
  const loadCount = (value: bigint) => {
    tensors.set('num_batches_tracked', { dtype: 'I64', shape: [], data: BigInt64Array.of(value) });
    return loadWeights(model, serializeSafetensors(tensors));
  };
  expect(() => loadCount(count)).toThrow(/"num_batches_tracked": .*the number -?\d+ is no i32/);
  loadCount(7n);
  expect(await model.batchesTracked.item()).toBe(7);
});
