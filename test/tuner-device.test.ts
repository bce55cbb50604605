/** Measuring on a device: right results whatever is chosen, choices that last, runs that keep them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  assign,
  compile,
  conv2d,
  explain,
  GpuDevice,
  grad,
  matmul,
  mul,
  read,
  setDevice,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import type { GpuDeviceOptions } from '../src/engine/run/gpu/options.ts';
import { VariantFile } from '../src/engine/variant-file.ts';
import { RunFolder, recordEnvironment } from '../src/experiments/run-folder.ts';
import { regrad } from './command-line.ts';
import { makeFolder } from './data-files.ts';
import { expectClose, gpu, reference, valuesOn } from './devices.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Another device of regrad's on the tests' one GPU. */
function deviceWith(options: Partial<GpuDeviceOptions>): GpuDevice {
  if (!gpu) throw new Error('There is no GPU.');
  return new GpuDevice(gpu.gpu, { name: 'tuned', adapterClass: gpu.adapterClass, ...options });
}

/** Enough time for software adapters too, and little for each kernel. */
const budget = { perChoice: 1, total: 1e9 };

function waves(shape: readonly number[], salt: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float64Array.from({ length: size }, (_, i) => Math.sin(1.3 * i + salt)),
    { shape },
  );
}

/** Products and convolutions with their gradients, two orders. */
function work(): Tensor[] {
  const [a, b] = [waves([5, 12], 1), waves([12, 7], 2)];
  const [x, w] = [waves([2, 4, 6, 6], 3), waves([8, 4, 3, 3], 4)];
  const product = matmul(a, b);
  const images = conv2d(x, w, { padding: 1 });
  const value = mul(sum(mul(product, product)), sum(mul(images, images)));
  const gradients = grad(value, [a, b, x, w]);
  const norm = gradients.map((g) => sum(mul(g, g))).reduce((left, right) => mul(left, right));
  return [
    product,
    images,
    ...gradients,
    ...grad(sum(mul(gradients[3], waves([8, 4, 3, 3], 5))), [x, w]),
    norm,
  ];
}

describe.runIf(gpu)('a device that measures', () => {
  it('computes what the reference computes, remembers, and has nothing to measure again', async () => {
    const path = join(await makeFolder(), 'variants.json');
    const expected = await valuesOn(reference, work);
    const warn = vi.spyOn(console, 'warn');
    const first = deviceWith({ tuning: { store: new VariantFile(path, 'test'), budget } });
    const values = await valuesOn(first, work);
    values.forEach((value, i) => {
      expectClose(value, expected[i], 1e-4, `value ${i}`);
    });
    expect(warn, 'all variants compute the same').not.toHaveBeenCalled();
    expect(first.measuredVariants).toBe(first.variants().size);
    const families = new Set([...first.variants().keys()].map((key) => key.split(' ', 1)[0]));
    expect(families).toEqual(new Set(['matmul', 'conv2d', 'conv2dInputGrad', 'conv2dWeightGrad']));

    const store = new VariantFile(path, 'test');
    expect(store.size).toBe(first.measuredVariants);
    const second = deviceWith({ tuning: { store, budget } });
    const again = await valuesOn(second, work);
    expect(second.measuredVariants).toBe(0);
    expect(second.variants()).toEqual(first.variants());
    expect(again, 'the same choices give the same bits').toEqual(values);
  });

  it('gives its memory back, and leaves what is in use alone', async () => {
    const device = deviceWith({ tuning: { budget } });
    const created: GPUBuffer[] = [];
    const destroyed = new Set<GPUBuffer>();
    const create = device.gpu.createBuffer.bind(device.gpu);
    vi.spyOn(device.gpu, 'createBuffer').mockImplementation((descriptor) => {
      const buffer = create(descriptor);
      if (descriptor.label !== 'for timing') return buffer;
      created.push(buffer);
      const destroy = buffer.destroy.bind(buffer);
      vi.spyOn(buffer, 'destroy').mockImplementation(() => {
        destroyed.add(buffer);
        return destroy();
      });
      return buffer;
    });
    setDevice(device);
    const [values] = await read(matmul(waves([3, 4], 1), waves([4, 2], 2)));
    expect(values.length).toBe(6);
    expect(created.length).toBeGreaterThan(0);
    expect(destroyed).toEqual(new Set(created));
  });

  it('measures by the clock where there are no timestamps', async () => {
    const device = deviceWith({ tuning: { budget } });
    const { features } = device.gpu;
    const without = { has: (name: string) => name !== 'timestamp-query' && features.has(name) };
    vi.spyOn(device.gpu, 'features', 'get').mockReturnValue(without as GPUSupportedFeatures);
    setDevice(device);
    await read(matmul(waves([3, 4], 1), waves([4, 2], 2)));
    expect(device.measuredVariants).toBe(1);
  });

  it('runs what was asked for first first, states included', async () => {
    setDevice(deviceWith({ tuning: { budget } }));
    const state = tensor(new Float32Array(9), { shape: [3, 3] });
    // The first call has to be measured, the second has not.
    const multiply = compile((x: Tensor) => {
      assign(state, matmul(x, x));
      return sum(x);
    });
    const double = compile((x: Tensor) => {
      assign(state, mul(state, x));
      return sum(x);
    });
    const two = tensor(2);
    await Promise.all([
      multiply(tensor(new Float32Array(9).fill(1), { shape: [3, 3] })),
      double(two),
      double(two),
    ]);
    expect([...(await state.data())]).toEqual(new Array(9).fill(12));
  });

  it('measures a compiled function at its first call only, and counts nothing twice', async () => {
    const device = deviceWith({ tuning: { budget } });
    setDevice(device);
    const total = tensor(0);
    let recorded = 0;
    const step = compile((x: Tensor) => {
      recorded++;
      assign(total, sum(matmul(x, x)));
      return sum(matmul(x, x));
    });
    for (let i = 0; i < 3; i++) {
      const result = await step(
        tensor([
          [1, i],
          [0, 1],
        ]),
      );
      expect(await result.item()).toBe(2 + 2 * i);
      expect(await total.item()).toBe(2 + 2 * i);
    }
    expect([recorded, device.measuredVariants]).toEqual([1, 1]);
  });

  it('shows the choice in a plan without making it', async () => {
    const device = deviceWith({ favourVariant: 'direct' });
    setDevice(device);
    expect(await explain(matmul(waves([3, 4], 1), waves([4, 2], 2)))).toContain('matmul.direct');
    expect(device.variants().size).toBe(0);
  });
});

describe.runIf(gpu)('a device that does not measure', () => {
  it('takes what is usual for the class of adapter, always', async () => {
    const choices = async () => {
      const device = deviceWith({});
      const values = await valuesOn(device, work);
      return { values, variants: device.variants(), measured: device.measuredVariants };
    };
    const first = await choices();
    expect(first.measured).toBe(0);
    expect(await choices()).toEqual(first);
  });

  it('keeps the kernels of a run that recorded them', async () => {
    const recorded = deviceWith({ favourVariant: 'direct' });
    setDevice(recorded);
    const folder = await makeFolder();
    const keep = await recordEnvironment(new RunFolder(folder));
    const written = JSON.parse(await readFile(join(folder, 'environment.json'), 'utf8'));
    expect(written).toMatchObject({ device: 'tuned', variants: {} });
    const values = await valuesOn(recorded, work);
    await keep();
    const { variants } = JSON.parse(await readFile(join(folder, 'environment.json'), 'utf8'));
    expect(new Set(Object.values(variants))).toEqual(new Set(['direct']));
    const resumed = deviceWith({ variants: new Map(Object.entries(variants)) });
    expect(await valuesOn(resumed, work)).toEqual(values);
    expect(resumed.variants()).toEqual(recorded.variants());
  });

  it('says so where a recorded kernel does not exist', async () => {
    const known = deviceWith({});
    await valuesOn(known, work);
    const [key] = known.variants().keys();
    await expect(valuesOn(deviceWith({ variants: new Map([[key, 'magic']]) }), work)).rejects.toThrow(
      /^The variant 'magic' was asked for, but \S+ .* has only direct, .*: take one of these, or leave it out\.$/,
    );
  });
});

describe.runIf(gpu)('regrad', () => {
  it('measures with --tune, keeps it in the cache folder, and tells of it', async () => {
    const folder = await makeFolder();
    const env = { XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, HOME: folder };
    const tuning = (args: readonly string[], more: Record<string, string> = {}) => {
      const { status, stdout, stderr } = regrad(['doctor', '--json', ...args], { ...env, ...more });
      expect(status, stderr).toBe(0);
      return JSON.parse(stdout).tuning;
    };
    const on = tuning(['--tune']);
    expect(on).toMatchObject({ on: true, file: expect.stringContaining(folder) });
    expect(on.remembered).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(on.file, 'utf8')).format).toBe(1);
    expect(tuning(['--no-tune'], { REGRAD_TUNE: 'on' })).toEqual({ ...on, on: false });
  });

  it('refuses what REGRAD_TUNE cannot be', () => {
    const { status, stderr } = regrad(['parity', 'test/parity'], { REGRAD_TUNE: 'maybe' });
    expect([status, stderr]).toEqual([1, "error: REGRAD_TUNE is 'maybe', but it must be on or off.\n"]);
  });
});
