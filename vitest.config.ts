import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // One process serves many files, so that they share one device; see test/gpu.ts.
    pool: 'forks',
    isolate: false,
    // A software adapter compiles shaders for seconds on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
