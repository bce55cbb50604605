/** Runs before each test file: an error that the GPU reports to nobody fails the test that it came in. */
import { afterEach, expect } from 'vitest';
import { takeStrayErrors } from './gpu.ts';

afterEach(() => {
  expect(takeStrayErrors(), 'errors of the GPU that no error scope caught').toEqual([]);
});
