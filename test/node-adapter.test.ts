/** Which adapter Node gets, and what children get that start with nothing. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isSoftwareAdapter } from '../src/engine/adapter-info.ts';
import { parseAdapterChoice, requestNodeAdapter } from '../src/engine/node.ts';
import { swiftShaderFiles, unpackSwiftShader } from '../src/engine/swiftshader.ts';

const run = promisify(execFile);
const archive = resolve('node_modules/@sparticuz/chromium/bin/swiftshader.tar.br');
const onLinuxX64 = process.platform === 'linux' && process.arch === 'x64';
const scratch = mkdtempSync(join(tmpdir(), 'regrad-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));
/** A new folder's path; the folder is not there yet. */
const fresh = (name: string) => join(mkdtempSync(join(scratch, 'case-')), name);

describe('choices', () => {
  test('reference needs no WebGPU', async () => {
    const result = await requestNodeAdapter('reference');
    expect(result).toMatchObject({ kind: 'reference', source: 'none' });
    expect(result.adapter).toBeUndefined();
  });

  test('an unknown choice is refused with the list', () => {
    expect(parseAdapterChoice('software', '--adapter')).toBe('software');
    expect(() => parseAdapterChoice('gpu', '--adapter')).toThrow(
      "--adapter is 'gpu', but it must be one of auto, hardware, software, reference.",
    );
  });

  const nothing = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  test.each([
    [{ vendor: 'google', architecture: 'swiftshader', device: 'swiftshader-device-subzero-' }, true],
    [{ vendor: 'mesa', device: 'llvmpipe-llvm-19-1-7-256-bits' }, true],
    [{ vendor: 'microsoft', device: 'microsoft-basic-render-driver' }, true],
    [{ vendor: 'unheard-of', isFallbackAdapter: true }, true],
    [
      { vendor: 'nvidia', architecture: 'hopper', device: 'nvidia-h200', description: 'NVIDIA 570.86' },
      false,
    ],
    [{ vendor: 'apple', architecture: 'metal-3', device: 'apple-m2' }, false],
  ])('%j computes on the CPU: %s', (info, expected) => {
    expect(isSoftwareAdapter({ ...nothing, ...info })).toBe(expected);
  });
});

describe('a machine with a GPU (simulated)', () => {
  const gpu = {
    vendor: 'nvidia',
    architecture: 'hopper',
    device: 'nvidia-h200',
    description: 'NVIDIA 570.86',
  };
  const llvmpipe = { vendor: 'mesa', architecture: '', device: 'llvmpipe', description: 'Mesa 25.0.7' };
  const swiftShader = {
    vendor: 'google',
    architecture: 'swiftshader',
    device: 'ss',
    description: 'driver 5',
  };

  /** Stands in for a driver: a manifest that names a library which is there. */
  const manifest = join(scratch, 'gpu.json');
  beforeAll(() => writeFileSync(manifest, '{ "ICD": { "library_path": "libm.so.6" } }'));

  /** Stands in for Dawn where the system's drivers offer `system`, the fastest first. */
  const simulate = (system: (typeof gpu)[]) => {
    const create = (options: string[]) => ({
      requestAdapter: async () => {
        const visible = process.env.VK_DRIVER_FILES === manifest ? system : [swiftShader];
        const wanted = options.find((option) => option.startsWith('adapter='))?.slice('adapter='.length);
        const info = wanted ? visible.find(({ device }) => device.includes(wanted)) : visible[0];
        if (!info) throw new Error('no suitable backends found');
        return { info };
      },
    });
    vi.stubEnv('VK_DRIVER_FILES', manifest);
    vi.doMock('webgpu', () => ({ create, globals: {} }));
  };
  afterEach(() => {
    vi.doUnmock('webgpu');
    vi.unstubAllEnvs();
  });

  test.each(['auto', 'hardware'] as const)('%s takes the GPU', async (choice) => {
    simulate([gpu, llvmpipe]);
    const { adapter: _, ...result } = await requestNodeAdapter(choice);
    expect(result).toEqual({
      kind: 'hardware',
      name: 'nvidia-h200',
      driver: 'NVIDIA 570.86',
      source: 'system',
    });
  });

  test('software passes the GPU by', async () => {
    simulate([gpu, llvmpipe]);
    expect(await requestNodeAdapter('software')).toMatchObject({ name: 'llvmpipe', source: 'system' });
  });

  test.runIf(onLinuxX64)('software takes the packaged driver if the system has a GPU only', async () => {
    simulate([gpu]);
    const result = await requestNodeAdapter('software');
    expect(result).toMatchObject({ kind: 'software', name: 'ss', source: 'packaged' });
    expect(result.reason).toBe('The system offers no software driver to Vulkan.');
  });
});

describe.runIf(onLinuxX64)('a child process', () => {
  /** Bundles of `child` beside the installed packages, and where there are none. */
  const bundle = resolve(`node_modules/.cache/regrad-test/child-${process.pid}.mjs`);
  const lonelyBundle = join(scratch, 'child.mjs');

  /** Prints two results, then what a kernel computed although everything collectable was collected. */
  const child = `
    import { requestNodeAdapter } from './src/engine/node.ts';
    import { unpackSwiftShader } from './src/engine/swiftshader.ts';
    const [verb, ...rest] = process.argv.slice(2);
    if (verb === 'unpack') console.log(unpackSwiftShader(rest[0], [rest[1]]));
    else {
      const { adapter: first, ...result } = await requestNodeAdapter();
      const { adapter, ...again } = await requestNodeAdapter();
      console.log(JSON.stringify({ result, again, drivers: process.env.VK_DRIVER_FILES, values: adapter && await compute(adapter) }));
    }
    async function collect() {
      for (let round = 0; round < 3; round++) { globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
    }
    async function compute(adapter) {
      await collect();
      const device = await adapter.requestDevice();
      await collect();
      const output = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const copy = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const code = '@group(0) @binding(0) var<storage, read_write> y: array<u32>;' +
        '@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = i * i + 1u; }';
      const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
      const bindGroup = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: output }] });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(1);
      pass.end();
      encoder.copyBufferToBuffer(output, 0, copy, 0, 16);
      device.queue.submit([encoder.finish()]);
      await collect();
      await copy.mapAsync(GPUMapMode.READ);
      return [...new Uint32Array(copy.getMappedRange())];
    }`;

  beforeAll(async () => {
    const stdin = { contents: child, resolveDir: process.cwd() };
    const options = { stdin, bundle: true, format: 'esm', platform: 'node', packages: 'external' } as const;
    await build({ ...options, outfile: bundle });
    await build({ ...options, outfile: lonelyBundle });
  });
  afterAll(() => rmSync(bundle, { force: true }));

  /** Runs a bundle with no environment but the given: no PATH, no HOME. */
  const start = (env: Record<string, string>, file = bundle, args: string[] = []) =>
    run(process.execPath, ['--expose-gc', file, ...args], { env });
  const request = async (env: Record<string, string>, file = bundle) =>
    JSON.parse((await start(env, file)).stdout);

  test('gets the packaged SwiftShader where the system has no driver, twice, and computes', async () => {
    const none = join(scratch, 'no-driver.json');
    const found = await request({ VK_DRIVER_FILES: none });
    const expected = {
      kind: 'software',
      source: 'packaged',
      reason: expect.stringContaining('neither a GPU nor'),
    };
    expect(found.result).toMatchObject({ ...expected, name: 'swiftshader-device-subzero' });
    expect(found.again).toMatchObject(expected);
    expect(found.values).toEqual([1, 2, 5, 10]);
    expect(found.drivers, 'the variable is put back').toBe(none);
  });

  test('gets some adapter from an empty environment', async () => {
    const { stdout } = await start({});
    const found = JSON.parse(stdout);
    expect(found.result.kind).not.toBe('reference');
    expect(found.values).toEqual([1, 2, 5, 10]);
    expect(found).not.toHaveProperty('drivers');
  });

  test("prefers the system's software driver to the packaged one", async () => {
    const drivers = join(unpackSwiftShader(archive, [fresh('system')]), 'vk_swiftshader_icd.json');
    for (const choice of ['auto', 'software']) {
      const found = await request({ VK_DRIVER_FILES: drivers, REGRAD_ADAPTER: choice });
      expect(found.result).toMatchObject({ kind: 'software', source: 'system' });
      expect(found.values).toEqual([1, 2, 5, 10]);
    }
  });

  test('hardware is an error where there is only software', async () => {
    const drivers = join(unpackSwiftShader(archive, [fresh('system')]), 'vk_swiftshader_icd.json');
    for (const path of [drivers, join(scratch, 'no-driver.json')]) {
      await expect(start({ VK_DRIVER_FILES: path, REGRAD_ADAPTER: 'hardware' })).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /'hardware' was asked for, but: No GPU was found\. Install .* Or ask for 'auto'/,
        ),
      });
    }
  });

  test('a wrong REGRAD_ADAPTER is an error, an empty one is none', async () => {
    await expect(start({ REGRAD_ADAPTER: 'cuda' })).rejects.toMatchObject({
      stderr: expect.stringContaining("REGRAD_ADAPTER is 'cuda', but it must be one of auto, hardware"),
    });
    expect((await request({ REGRAD_ADAPTER: '' })).result.kind).not.toBe('reference');
  });

  test('falls back to the reference without the package webgpu, and says so', async () => {
    const found = await request({}, lonelyBundle);
    expect(found.result).toMatchObject({ kind: 'reference', source: 'none' });
    expect(found.result.reason).toBe(
      'The optional package webgpu is not installed: run `npm install webgpu`.',
    );
    await expect(start({ REGRAD_ADAPTER: 'software' }, lonelyBundle)).rejects.toMatchObject({
      stderr: expect.stringContaining("'software' was asked for, but: The optional package webgpu"),
    });
  });

  test('says of a package webgpu without a binary for the machine that it is installed', async () => {
    const folder = fresh('project');
    const file = join(folder, 'child.mjs');
    mkdirSync(join(folder, 'node_modules', 'webgpu'), { recursive: true });
    copyFileSync(lonelyBundle, file);
    writeFileSync(join(folder, 'node_modules', 'webgpu', 'index.js'), "require('./dist/dawn.node');");
    const { result } = await request({}, file);
    expect(result).toMatchObject({ kind: 'reference', source: 'none' });
    expect(result.reason).toMatch(
      /webgpu is installed, but cannot be loaded \(.*dawn\.node'\): it has binaries/,
    );
  });

  test('finds the package webgpu when a bundler was not told to leave it out', async () => {
    const file = bundle.replace('child-', 'whole-');
    const stdin = { contents: child, resolveDir: process.cwd() };
    await build({ stdin, outfile: file, bundle: true, format: 'esm', platform: 'node', minify: true });
    onTestFinished(() => rmSync(file));
    expect((await request({}, file)).values).toEqual([1, 2, 5, 10]);
  });

  test('lets Dawn write nothing where a Vulkan loader lists no driver, or drivers that are not there', async () => {
    const folder = unpackSwiftShader(archive, [fresh('system')]);
    const [driver, gone] = [join(folder, 'vk_swiftshader_icd.json'), join(folder, 'gone.json')];
    writeFileSync(gone, '{ "ICD": { "library_path": "./libvulkan_gone.so" } }');
    writeFileSync(join(folder, 'damaged.json'), '{ "ICD": ');
    const alien = join(scratch, 'lvp_icd.json');
    writeFileSync(alien, '{ "ICD": { "library_path": "libm.so.6" } }');
    for (const [drivers, source, complaints] of [
      [join(folder, 'no.json'), 'packaged', /^$/],
      [gone, 'packaged', /^$/],
      [`${gone}:${driver}`, 'system', /^(regrad: .*\(vk_swiftshader_icd.json\).*\n)?$/],
      [folder, 'system', /^(regrad: .*\n)?$/],
      [alien, 'packaged', /^regrad: asking .* \(lvp_icd\.json\); if Dawn warns .* harmless\.\n(.*\n)*$/],
    ] as const) {
      const env = { LD_LIBRARY_PATH: folder, VK_DRIVER_FILES: drivers };
      const { stdout, stderr } = await start(env);
      expect(stderr).toMatch(complaints);
      expect(JSON.parse(stdout).result, drivers).toMatchObject({ kind: 'software', source });
    }
    const home = join(scratch, 'home');
    const library = join(folder, 'libvk_swiftshader.so');
    mkdirSync(join(home, 'vulkan', 'icd.d'), { recursive: true });
    writeFileSync(
      join(home, 'vulkan', 'icd.d', 'ss.json'),
      JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.0.5' } }),
    );
    const found = await request({ XDG_DATA_HOME: home, REGRAD_ADAPTER: 'software' });
    expect(found.result, 'listed in a folder of the user').toMatchObject({ source: 'system' });
  });

  test('unpacks beside seven others into one folder', async () => {
    const folder = fresh('shared');
    const unpack = () => start({}, bundle, ['unpack', archive, folder]);
    const folders = await Promise.all(Array.from({ length: 8 }, unpack));
    expect(new Set(folders.map(({ stdout }) => stdout.trim()))).toEqual(new Set([folder]));
    expect(readdirSync(folder).sort()).toEqual([...swiftShaderFiles].sort());
    expect(unpackSwiftShader(archive, [folder])).toBe(folder);
  });
});
