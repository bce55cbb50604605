/** What the bench runs on the engine, at the sizes that are checked. */
import { afterAll, describe, expect, it } from 'vitest';
import { engineCases } from '../bench/engine-cases.ts';
import { setDevice } from '../src/index.ts';
import { reference } from './devices.ts';

afterAll(() => setDevice(reference));

describe('the cases of the engine', () => {
  it.each(engineCases().map((use) => [use.name, use] as const))('%s computes', async (_, use) => {
    setDevice(reference);
    const { step, state } = (use.makeSmall ?? use.make)();
    const results = await step();
    for (const tensor of [...results, ...state]) {
      expect((await tensor.data()).every(Number.isFinite)).toBe(true);
    }
  });
});
