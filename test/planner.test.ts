/** Plans on the GPU: what is fused, what is made anew, and what the device says when it cannot. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  assign,
  conv2d,
  createGpuDevice,
  exp,
  explain,
  full,
  type GpuDevice,
  grad,
  matmul,
  mean,
  mul,
  ones,
  permute,
  ReferenceDevice,
  read,
  relu,
  run,
  setDevice,
  slice,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  toDot,
} from '../src/engine/index.ts';
import { requestNodeAdapter } from '../src/engine/node.ts';
import { expectClose, gpu, reference, valuesOn } from './devices.ts';
import { refusedOperation } from './refused-operation.ts';

afterAll(() => setDevice(reference));

describe.skipIf(!gpu)('plans', () => {
  const device = gpu as GpuDevice;
  beforeEach(async () => {
    setDevice(device);
    // Files share a process: what another one left waiting would be launched with the first read here.
    await run();
  });

  function wave(shape: number[]): Tensor {
    const size = shape.reduce((product, length) => product * length, 1);
    return tensor(
      Float32Array.from({ length: size }, (_, i) => Math.sin(1.3 * i)),
      { shape },
    );
  }

  /** Kernel launches that reading a tensor takes. */
  async function launches(...tensors: Tensor[]): Promise<number> {
    const before = device.counters().dispatches;
    await read(...tensors);
    return device.counters().dispatches - before;
  }

  it('melt an element-wise chain into one kernel', async () => {
    const [x, y] = [ones([4, 5]), tensor([1, 2, 3, 4, 5])];
    expect(await launches(tanh(add(mul(exp(x), y), square(sub(y, 2)))))).toBe(1);
  });

  it('melt movement into the kernel that reads it', async () => {
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
      { shape: [2, 3, 4] },
    );
    expect(await launches(add(permute(slice(x, 2, 1, 4, 2), [2, 0, 1]), 1))).toBe(1);
  });

  it('melt the producer into the reduction', async () => {
    const [x, y] = [tensor([[1, 2, 3]]), tensor([[0], [1]])];
    expect(await launches(sum(square(sub(x, y))))).toBe(1);
    expect(await launches(sum(square(sub(x, y)), 1))).toBe(1);
  });

  it('let what follows a product or a convolution happen in its kernel', async () => {
    const [a, b] = [tensor([[1, 2]]), tensor([[3], [4]])];
    expect(await launches(relu(add(matmul(a, b), 1)))).toBe(1);
    const images = await conv2d(wave([2, 3, 5, 4]), wave([4, 3, 3, 3]), { padding: 1 }).run();
    const product = conv2d(wave([2, 3, 5, 4]), wave([4, 3, 3, 3]), { padding: 1 });
    const biased = relu(add(product, wave([4, 1, 1])));
    expect(await launches(biased, mul(biased, images), product)).toBe(1);
    images.dispose();
  });

  it('let what follows sums happen in their kernel', async () => {
    const x = wave([6, 5]);
    const [first, second] = [sum(x, 0), sum(square(x), 0)];
    expect(await launches(sub(mul(second, 1 / 6), square(mul(first, 1 / 6))))).toBe(1);
    const long = wave([2, 20_000]);
    expect(await launches(sqrt(mean(square(long), 1)))).toBe(2);
  });

  it('keep apart what a kernel cannot have at hand', async () => {
    const [a, b] = [wave([3, 3]), wave([3, 3])];
    const product = matmul(a, b);
    const [transposed] = await valuesOn(reference, () => [add(permute(matmul(a, b), [1, 0]), 1)]);
    setDevice(device);
    const [values] = await read(add(permute(product, [1, 0]), 1));
    expectClose(values, transposed, 1e-6, 'a transposed product');
  });

  it('store only what something else reads', async () => {
    const x = wave([40]);
    const shared = exp(tanh(sub(mul(exp(x), sqrt(add(square(x), 1))), mul(x, tanh(x)))));
    const plan = await explain(sum(mul(shared, add(square(shared), shared))));
    expect(plan.split('\n').filter((line) => line.includes('->'))).toHaveLength(1);
  });

  it('compute what two results share once', async () => {
    const shared = exp(tanh(tensor([0.5, 1])));
    expect(await launches(sum(shared), mean(shared))).toBeLessThanOrEqual(3);
  });

  it('take nothing to reshape or to read again', async () => {
    const x = await square(tensor([1, 2, 3, 4])).run();
    const y = square(x);
    expect(await launches(y)).toBe(1);
    expect(await launches(y)).toBe(0);
    x.dispose();
  });

  /** One step of gradient descent of a small network, recorded anew at each call. */
  function step(weight: Tensor, filter: Tensor, input: Float32Array): { loss: Tensor; gradients: Tensor[] } {
    const x = tensor(input, { shape: [2, 1, 4, 4] });
    const features = relu(conv2d(x, filter, { padding: 1 }));
    const pooled = mean(features, [2, 3]);
    const loss = mean(square(sub(matmul(pooled, weight), 1)));
    return { loss, gradients: grad(loss, [weight, filter]) };
  }

  it('are kept: the same structure again makes no plan, pipeline, buffer or bind group', async () => {
    const weight = await tensor(Float32Array.of(0.5, -0.5, 1, 0.25), { shape: [2, 2] }).run();
    const filter = await tensor(
      Float32Array.from({ length: 18 }, (_, i) => Math.cos(i)),
      { shape: [2, 1, 3, 3] },
    ).run();
    const losses: number[] = [];
    const once = async (seed: number) => {
      const input = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i * seed));
      const { loss, gradients } = step(weight, filter, input);
      const [value] = await read(loss, ...gradients);
      losses.push(value[0]);
    };
    await once(1);
    const { dispatches, ...before } = device.counters();
    for (let seed = 2; seed < 6; seed++) await once(seed);
    const { dispatches: after, ...now } = device.counters();
    expect(now).toEqual(before);
    expect(after).toBeGreaterThan(dispatches);
    expect(new Set(losses).size).toBe(5);
    weight.dispose();
    filter.dispose();
  });

  it('of other shapes share pipelines', async () => {
    const at = (size: number) => read(sum(sqrt(add(square(ones([size])), 1))));
    await at(5);
    const { pipelines } = device.counters();
    await at(7);
    expect(device.counters().pipelines).toBe(pipelines);
  });

  it('are forgotten, the oldest first, and made again', async () => {
    const first = () => read(mul(tensor([1, 2, 3]), 5));
    await first();
    for (let size = 1; size <= 260; size++) await read(mul(tensor(new Float32Array(size)), 5));
    const { plans } = device.counters();
    expect([...(await first())[0]]).toEqual([5, 10, 15]);
    expect(device.counters().plans).toBe(plans + 1);
  });

  it('cut a long reduction in parts and fold them in order: the same bits every time', async () => {
    const x = await tensor(Float32Array.from({ length: 100_003 }, (_, i) => Math.sin(i))).run();
    const [a] = await read(sum(x));
    const [b] = await read(sum(x));
    expect(a).toEqual(b);
    const truth = Array.from({ length: 100_003 }, (_, i) => Math.fround(Math.sin(i))).reduce(
      (p, q) => p + q,
      0,
    );
    expectClose(a, [truth], 1e-3, 'the sum of 100,003 sines');
    x.dispose();
  });

  it('reach beyond 65,535 workgroups', async () => {
    const count = 65_535 * 64 + 777;
    const x = mul(full([count], 2), 3);
    const data = await x.data();
    expect(data.length).toBe(count);
    expect(data.every((value) => value === 6)).toBe(true);
  });

  it('hold more inputs than a kernel can bind, by storing some', async () => {
    const inputs = Array.from({ length: 40 }, (_, i) => tensor([i, 1]));
    expect([...(await inputs.reduce((a, b) => add(a, b)).data())]).toEqual([780, 40]);
  });
});

describe('explain and toDot', () => {
  const loss = () => sum(square(sub(tensor([[1, 2, 3]]), tensor([[0], [1]]))));

  it('list the tape on the reference executor', async () => {
    setDevice(new ReferenceDevice());
    const text = await explain(loss());
    expect(text).toMatch(/^tape: 7 nodes$/m);
    expect(text).toMatch(/%4 = sub %2, %3 +f32\[2,3\]/);
    expect(text).toMatch(/%6 = sum\(0,1\) %5 +f32\[\]/);
  });

  it.skipIf(!gpu)('list kernels with shapes, bytes and arithmetic, and the WGSL if asked for', async () => {
    setDevice(gpu as GpuDevice);
    const text = await explain(loss());
    expect(text).toMatch(/plan: 1 kernel launches, 1 pipelines/);
    expect(text).toMatch(/0 {2}sum\(expand-sub-square\) -> \[\] {2}\(in0 in1 -> b0; .*B, .*flop\)/);
    expect(text).not.toContain('@compute');
    expect(await explain(loss(), { wgsl: true })).toMatch(/@compute[\s\S]*fn main/);
  });

  it('print first and second derivatives of a small function in a few lines', async () => {
    setDevice(new ReferenceDevice());
    const x = tensor([1, 2]);
    const first = grad(sum(exp(square(x))), x);
    const second = grad(sum(first), x);
    expect((await explain(first)).split('\n').length).toBeLessThan(30);
    expect((await explain(second)).split('\n').length).toBeLessThan(60);
  });

  it('toDot draws one box per node and one edge per input', () => {
    const x = tensor([1, 2]);
    const dot = toDot(sum(mul(x, square(x))));
    expect(dot).toMatch(/^digraph tape \{[\s\S]*\}$/);
    expect(dot.match(/\[label=/g)).toHaveLength(4);
    expect(dot.match(/->/g)).toHaveLength(4);
    expect(dot).toContain('mul\\nf32[2]');
  });
});

describe.skipIf(!gpu)('what goes wrong on a device', () => {
  const device = gpu as GpuDevice;
  beforeEach(() => setDevice(device));

  const broken = (x: Tensor): Tensor => refusedOperation(x, 'brokenOperation');

  it('a kernel that the device refuses rejects with its name, and the device goes on', async () => {
    const refused = /The GPU refused the kernel .*brokenOperation.* -> \[2,3\]: [\s\S]*thereIsNoSuchFunction/;
    await expect(broken(ones([2, 3])).data()).rejects.toThrow(refused);
    await expect(sum(square(broken(ones([2, 3])))).item()).rejects.toThrow(/brokenOperation/);
    await expect(run(broken(ones([2, 3])))).rejects.toThrow(refused);
    expect(await sum(ones([2, 3])).item()).toBe(6);
    await expect(broken(ones([2, 3])).data()).rejects.toThrow(refused);
  });

  it('a buffer beyond the limits rejects with the kernel and the bytes', async () => {
    const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
    const size = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) + 1;
    const wanted = new RegExp(`exp.*\\[${size}\\] needs a buffer of \\d+ bytes; this adapter binds at most`);
    await expect(exp(full([size], 1.5)).data()).rejects.toThrow(wanted);
    await expect(exp(full([size], 1.5)).run()).rejects.toThrow(/needs a buffer of/);
    expect(await sum(ones([3])).item()).toBe(3);
  });

  it('more elements than 32 bits count are refused', () => {
    expect(() => full([2 ** 17, 2 ** 16], 1.5)).toThrow('has 8589934592 elements');
  });

  async function otherDevice(name = 'another device'): Promise<GpuDevice> {
    const { adapter, kind } = await requestNodeAdapter();
    if (!adapter || kind === 'reference') throw new Error('There was an adapter before.');
    return createGpuDevice(adapter, { name, adapterClass: kind });
  }

  it('a value that lies on another device is named as such', async () => {
    const other = await otherDevice();
    setDevice(other);
    const x = await square(tensor([1, 2])).run();
    setDevice(device);
    await expect(add(x, 1).data()).rejects.toThrow(
      /shape \[2\] lies on another device, not on test GPU; read it there/,
    );
    setDevice(reference);
    await expect(add(x, 1).data()).rejects.toThrow(/shape \[2\] lies on a GPU device; read it there/);
    other.destroy();
  });

  it('a value that lies on another device of the same name is told from it', async () => {
    const other = await otherDevice(device.name);
    setDevice(other);
    const x = await square(tensor([1, 2])).run();
    setDevice(device);
    await expect(add(x, 1).data()).rejects.toThrow(
      /shape \[2\] lies on another device of the name test GPU, not on this one; read it there/,
    );
    other.destroy();
  });

  it('a lost device rejects what is in flight and what comes later', async () => {
    const lost = await otherDevice();
    setDevice(lost);
    const x = await square(ones([300, 300])).run();
    const pending = matmul(x, matmul(x, x)).data();
    lost.destroy();
    await expect(pending).rejects.toThrow(
      /The GPU device is lost \(it was destroyed\).*request a new device/,
    );
    await expect(add(x, 1).data()).rejects.toThrow(/The GPU device is lost/);
    await expect(ones([2]).data()).rejects.toThrow(/The GPU device is lost/);
    await expect(lost.synchronize()).rejects.toThrow(/The GPU device is lost/);
    setDevice(device);
    expect(await sum(ones([3])).item()).toBe(3);
  });

  it('a lost device is replaced by setDevice: what lies on the host goes on', async () => {
    const lost = await otherDevice();
    setDevice(lost);
    const [w, batch] = [tensor([1, 2]), tensor([3, 4])];
    const product = await mul(w, batch).run();
    lost.destroy();
    await expect(product.data()).rejects.toThrow(/is lost .* setDevice \(requestBrowserDevice in a page/);
    setDevice(await otherDevice());
    expect([...(await mul(w, batch).data())]).toEqual([3, 8]);
    await expect(add(product, 1).data()).rejects.toThrow(/shape \[2\] lies on another device of the name/);
    assign(w, add(w, 1));
    await run();
    expect([...(await mul(w, batch).data())]).toEqual([6, 12]);
  });
});
