/** A process ends by itself, whatever became of its device: it neither hangs nor dies without a word. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { gpu } from './devices.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Bundles a script that may import from src, runs it in a process of its own, and resolves to its output. */
async function runScript(name: string, contents: string): Promise<string> {
  const folder = `${root}node_modules/.cache/regrad`;
  const outfile = `${folder}/test-${name}-${process.pid}.mjs`;
  await mkdir(folder, { recursive: true });
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  try {
    // Rejects if the process fails or does not end in time.
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], { timeout: 60_000 });
    return stdout.trim();
  } finally {
    await rm(outfile, { force: true });
  }
}

const prelude = `
  import { add, matmul, ones, setDevice, sum } from './src/engine/index.ts';
  import { createGpuDevice } from './src/engine/run/gpu/request.ts';
  import { requestNodeAdapter } from './src/engine/node.ts';
  const { adapter, kind } = await requestNodeAdapter();
  const device = await createGpuDevice(adapter, { name: 'device', adapterClass: kind });
  setDevice(device);
  const x = await ones([200, 200]).run();
`;

it.skipIf(!gpu)('after ordinary work, with values left on the device', async () => {
  const printed = await runScript('ordinary', `${prelude} console.log(await sum(matmul(x, x)).item());`);
  expect(printed).toBe(String(200 ** 3));
});

it.skipIf(!gpu)('after its device was lost in the middle of work', async () => {
  const printed = await runScript(
    'lost',
    `${prelude}
    const pending = sum(matmul(x, matmul(x, x))).item();
    device.destroy();
    for (const { reason } of await Promise.allSettled([pending, add(x, 1).data()])) console.log(reason.message);`,
  );
  expect(printed.split('\n')).toHaveLength(2);
  for (const line of printed.split('\n'))
    expect(line).toMatch(/^The GPU device is lost \(it was destroyed\)/);
});

it.skipIf(!gpu)('with work in flight that nobody waits for', async () => {
  const printed = await runScript('unwaited', `${prelude} void add(x, 1).run(); console.log('end');`);
  expect(printed).toBe('end');
});
