/** Updates that fail: what else was asked for is computed, they are named and dropped, and nothing else is lost. */
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  add,
  assign,
  compile,
  full,
  type GpuDevice,
  grad,
  mul,
  ones,
  read,
  run,
  setDevice,
  sgd,
  square,
  state,
  sub,
  sum,
  type Tensor,
  tensor,
  waitingAssignments,
} from '../src/index.ts';
import { devices, gpu, reference } from './devices.ts';
import { refusedOperation } from './refused-operation.ts';

afterAll(() => setDevice(reference));

const list = async (x: Tensor) => [...(await x.data())];

/** A value that can be used while recording and is gone when it is needed. */
function lostLater(shape: readonly number[]): { value: Tensor; lose: () => void } {
  const lost = tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });
  return { value: square(lost), lose: () => lost.dispose() };
}

/** Assigns to `target` what cannot be computed. */
function failingAssign(target: Tensor): void {
  const { value, lose } = lostLater(target.shape);
  assign(target, add(target, value));
  lose();
}

const failed = /^The update of a state of shape \[2\] failed and was dropped: .*disposed of/;

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => {
    setDevice(device);
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    warnings.mockClear();
    return () => warnings.mockRestore();
  });

  it('a state whose update fails stands for its value from before, and says so once', async () => {
    const v = state(tensor([1, 2]));
    failingAssign(v);
    await expect(v.data()).rejects.toThrow(failed);
    expect(console.warn).not.toHaveBeenCalled();
    expect(await list(mul(tensor([1, 2]), 2))).toEqual([2, 4]);
    expect(await list(v)).toEqual([1, 2]);
    assign(v, add(v, 1));
    expect(await list(v)).toEqual([2, 3]);
    expect(waitingAssignments()).toEqual([]);
  });

  it('a value that does not depend on it is computed, with a warning', async () => {
    const v = state(tensor([1, 2]));
    failingAssign(v);
    const [x, y] = await read(mul(tensor([1, 2]), 2), ones([1]));
    expect([...x, ...y]).toEqual([2, 4, 1]);
    expect(console.warn).toHaveBeenCalledTimes(1);
    expect(console.warn).toHaveBeenCalledWith(
      expect.stringMatching(/^regrad: The update of a state of shape \[2\]/),
    );
    expect(await list(v)).toEqual([1, 2]);
  });

  it('what was recorded from the failed value fails, each time it is asked for', async () => {
    const v = state(tensor([1, 2]));
    failingAssign(v);
    const from = mul(v, 10);
    for (let i = 0; i < 2; i++) await expect(from.data()).rejects.toThrow(failed);
    await expect(from.detach().data()).rejects.toThrow(failed);
    expect(await list(mul(v, 10))).toEqual([10, 20]);
  });

  it('other updates take place, and those that build on it fail with its name', async () => {
    const [good, bad, heir, other] = [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ].map((values) => tensor(values));
    assign(good, add(good, 1));
    failingAssign(bad);
    assign(heir, add(heir, bad));
    assign(other, add(other, good));
    await expect(run()).rejects.toThrow(
      /shape \[2\] failed and was dropped.*\nThe update of a state of shape \[2\]/,
    );
    expect([await list(good), await list(bad), await list(heir), await list(other)]).toEqual([
      [2, 2],
      [2, 2],
      [3, 3],
      [6, 6],
    ]);
    for (const t of [good, bad, heir, other]) assign(t, mul(t, 10));
    await run();
    expect((await read(good, bad, heir, other)).map(([value]) => value)).toEqual([20, 20, 30, 60]);
  });

  it('an optimiser that fails once goes on', async () => {
    const w = tensor([1, 2]);
    const b = tensor([5]);
    const optimiser = sgd([w, b], { learningRate: 0.1, momentum: 0.9 });
    const loss = () => add(sum(square(w)), sum(square(b)));
    const step = () => optimiser.step(grad(loss(), [w, b]));
    step();
    await run();
    const { value, lose } = lostLater([2]);
    optimiser.step([value, grad(loss(), b)]);
    lose();
    await expect(run()).rejects.toThrow(failed);
    // b: 5 - 0.1 10 = 4; buffer 0.9 10 + 8 = 17, 4 - 1.7 = 2.3. w stays where the first step left it.
    (await list(w)).forEach((value, i) => void expect(value).toBeCloseTo([0.8, 1.6][i], 5));
    expect(await b.item()).toBeCloseTo(2.3, 5);
    step();
    // The buffer of w was not updated either: 0.9 [2, 4] + [1.6, 3.2] = [3.4, 6.8].
    (await list(w)).forEach((value, i) => void expect(value).toBeCloseTo([0.46, 0.92][i], 5));
    expect(await optimiser.stateDict().get('step')?.item()).toBe(3);
  });

  it('updates in a row count until the one that fails', async () => {
    const v = state(tensor([1, 2]));
    for (let round = 0; round < 5; round++) {
      assign(v, add(v, 1));
      await run();
      failingAssign(v);
      await expect(run()).rejects.toThrow(failed);
    }
    expect(await list(v)).toEqual([6, 7]);
    assign(v, add(v, 1));
    failingAssign(v);
    await expect(v.data()).rejects.toThrow(failed);
    expect(await list(v)).toEqual([7, 8]);
  });

  it('a compiled step that fails leaves every state as it was', async () => {
    const [w, lost] = [tensor([1, 2]), state(tensor([1, 1]))];
    const step = compile((x: Tensor) => {
      assign(w, add(w, mul(x, lost)));
      return sum(w);
    });
    expect(await (await step(tensor([1, 1]))).item()).toBe(5);
    failingAssign(w);
    expect(await (await step(tensor([1, 1]))).item()).toBe(7);
    expect(console.warn).toHaveBeenCalledTimes(1);
    lost.dispose();
    await expect(step(tensor([1, 1]))).rejects.toThrow(/disposed of/);
    expect(await list(w)).toEqual([3, 4]);
    assign(w, add(w, 1));
    expect(await list(w)).toEqual([4, 5]);
  });

  it('several readers at once each get what is theirs', async () => {
    const [v, w] = [state(tensor([1, 2])), state(tensor([3]))];
    failingAssign(v);
    assign(w, add(w, 1));
    const results = await Promise.allSettled([v.data(), w.data(), mul(w, 2).data(), ones([1]).data(), run()]);
    expect(results.map(({ status }) => status)).toEqual(
      expect.arrayContaining(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']),
    );
    const [, b, c, d] = results;
    expect(
      [b, c, d].map((result) => (result.status === 'fulfilled' ? result.value?.[0] : result.reason)),
    ).toEqual([4, 8, 1]);
    expect(await list(v)).toEqual([1, 2]);
  });

  it('waiting assignments are listed, and taken back', async () => {
    const [v, w] = [state(tensor([1, 2])), state(tensor([3]))];
    assign(w, add(w, 1));
    failingAssign(v);
    const before = mul(w, 10);
    expect(waitingAssignments().map(({ target }) => target === w || target === v)).toEqual([true, true]);
    for (const assignment of waitingAssignments()) assignment.cancel();
    expect(waitingAssignments()).toEqual([]);
    expect([...(await list(v)), ...(await list(w)), ...(await list(before))]).toEqual([1, 2, 3, 40]);
    assign(w, add(w, 1));
    const [late] = waitingAssignments();
    await run();
    late.cancel();
    expect(await list(w)).toEqual([4]);
  });
});

describe.skipIf(!gpu)('on the GPU', () => {
  beforeEach(() => {
    if (gpu) setDevice(gpu);
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {});
    return () => warnings.mockRestore();
  });

  const broken = (x: Tensor): Tensor => refusedOperation(x, 'brokenUpdate');
  const refused =
    /^The update of a state of shape \[2\] failed and was dropped: The GPU refused the kernel .*brokenUpdate/;

  it('an update that the device refuses is dropped, and what runs meanwhile is right', async () => {
    const [v, w] = [state(tensor([1, 2])), state(tensor([3]))];
    await run();
    for (let round = 1; round <= 4; round++) {
      assign(w, add(w, 1));
      assign(v, broken(v));
      const [failing, other, again] = await Promise.allSettled([v.data(), mul(w, 2).data(), w.data()]);
      expect(failing).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(refused) },
      });
      expect(other).toMatchObject({ status: 'fulfilled', value: Float32Array.of(2 * (3 + round)) });
      expect(again).toMatchObject({ status: 'fulfilled', value: Float32Array.of(3 + round) });
      expect(await list(v)).toEqual([1, 2]);
    }
  });

  it('a compiled step that the device refuses leaves every state as it was', async () => {
    const [v, w] = [state(tensor([1, 2])), state(tensor([3]))];
    const step = compile(() => {
      assign(w, add(w, 1));
      assign(v, broken(v));
      return sum(w);
    });
    for (let i = 0; i < 3; i++)
      await expect(step()).rejects.toThrow(/The GPU refused the kernel .*brokenUpdate/);
    expect([...(await list(v)), ...(await list(w))]).toEqual([1, 2, 3]);
    assign(w, add(w, 1));
    expect(await list(w)).toEqual([4]);
  });

  it('an update too large for the adapter is dropped', async () => {
    const most = Math.min(
      (gpu as GpuDevice).gpu.limits.maxStorageBufferBindingSize,
      (gpu as GpuDevice).gpu.limits.maxBufferSize,
    );
    const v = state(full([1], 1));
    const tooLarge = state(sub(full([Math.floor(most / 4) + 1], 1), 1));
    assign(v, add(v, 1));
    await expect(run()).rejects.toThrow(
      /The update of a state of shape \[\d+\] failed and was dropped: .*binds at most/,
    );
    expect(await list(mul(tensor([1, 2]), 2))).toEqual([2, 4]);
    expect(await list(v)).toEqual([2]);
    await expect(tooLarge.data()).rejects.toThrow(/binds at most.*had no value before: make it anew/);
  });
});
