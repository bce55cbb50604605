/** Which device computes when none was set: with the Node entry, without it, and where a browser has no adapter. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { requestBrowserDevice } from '../src/engine/browser.ts';

describe('in Node', () => {
  const square = `
    import { currentDevice, matmul, tensor } from './src/index.ts';
    const x = tensor([[1, 2], [3, 4]]);
    const values = [...(await matmul(x, x).data()), ...(await matmul(x, tensor([[1], [1]])).data())];
    console.log(JSON.stringify({ kind: (await currentDevice()).kind, values }));`;

  /** Bundles a program beside the installed packages, and runs it with nothing in its environment but `env`. */
  function runProgram(contents: string, env: Record<string, string>) {
    const outfile = resolve(`node_modules/.cache/regrad-test/default-device-${process.pid}.mjs`);
    const stdin = { contents, resolveDir: process.cwd() };
    try {
      buildSync({ stdin, outfile, bundle: true, format: 'esm', platform: 'node', packages: 'external' });
      const { stdout, stderr } = spawnSync(process.execPath, [outfile], { env, encoding: 'utf8' });
      return { found: JSON.parse(stdout || '{}'), stderr };
    } finally {
      rmSync(outfile, { force: true });
    }
  }

  test.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'importing the Node entry is enough to compute on an adapter, announced once',
    () => {
      const { found, stderr } = runProgram(`import './src/engine/node.ts';${square}`, {});
      expect(found, stderr).toEqual({ kind: 'gpu', values: [7, 10, 15, 22, 3, 7] });
      expect(stderr.match(/^regrad: adapter: \S+ \((software|hardware), .+\)/gm)).toHaveLength(1);
    },
  );

  test('REGRAD_ADAPTER is obeyed', () => {
    const { found, stderr } = runProgram(`import './src/engine/node.ts';${square}`, {
      REGRAD_ADAPTER: 'reference',
    });
    expect(found).toEqual({ kind: 'reference', values: [7, 10, 15, 22, 3, 7] });
    expect(stderr).toMatch(/^regrad: adapter: the reference executor .*\n$/);
  });

  test('without the Node entry the reference executor computes, and a sentence says what to import', () => {
    const { found, stderr } = runProgram(square, {});
    expect(found).toEqual({ kind: 'reference', values: [7, 10, 15, 22, 3, 7] });
    expect(stderr).toMatch(/^regrad: there is no WebGPU here .* In Node, import 'regrad\/node'\..*\n$/);
  });
});

describe('in a browser', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  test('without an adapter the reference executor computes, and a sentence says so', async () => {
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } });
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect((await requestBrowserDevice()).kind).toBe('reference');
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^regrad: WebGPU found no adapter, so the .*slow/)],
    ]);
  });
});
