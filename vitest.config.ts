import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // One process serves many files, so that they share one device; see test/gpu.ts.
    pool: 'forks',
    // What runs must not depend on what some machine measured, nor a test write to the user's cache folder.
    env: { REGRAD_TUNE: 'off' },
    isolate: false,
    // A software adapter compiles shaders for seconds on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
