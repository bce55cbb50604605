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

  test('a provider that fails is asked again by the next evaluation, until it succeeds', () => {
    const { found, stderr } = runProgram(
      `import { currentDevice, mul, ReferenceDevice, setDevice, setDeviceProvider, tensor } from './src/index.ts';
      let calls = 0;
      setDeviceProvider(() => {
        if (++calls === 1) throw new Error('not yet');
        return calls === 2 ? Promise.reject(new Error('still not')) : Promise.resolve(new ReferenceDevice());
      });
      const results = [];
      for (let i = 0; i < 4; i++) {
        results.push(await mul(tensor([1, i]), 2).data().then((values) => [...values], ({ message }) => message));
      }
      console.log(JSON.stringify({ results, calls }));`,
      {},
    );
    expect(found, stderr).toEqual({ results: ['not yet', 'still not', [2, 4], [2, 6]], calls: 3 });
  });

  test('a provider that fails late does not replace a device that was set meanwhile', () => {
    const { found, stderr } = runProgram(
      `import { currentDevice, ReferenceDevice, setDevice, setDeviceProvider } from './src/index.ts';
      let fail;
      setDeviceProvider(() => new Promise((_, reject) => { fail = reject; }));
      const failing = currentDevice().then(() => 'found', ({ message }) => message);
      const device = new ReferenceDevice();
      setDevice(device);
      fail(new Error('too late'));
      console.log(JSON.stringify({ failing: await failing, kept: (await currentDevice()) === device }));`,
      {},
    );
    expect(found, stderr).toEqual({ failing: 'too late', kept: true });
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
