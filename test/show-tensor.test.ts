/** What people see of a tensor when they print it: never the tape behind it. */
import { inspect } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  arange,
  assign,
  cast,
  compile,
  grad,
  mul,
  run,
  setDevice,
  square,
  state,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../src/index.ts';
import { devices, reference } from './devices.ts';

afterAll(() => setDevice(reference));

describe.each(devices)('on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it.each<[Tensor, string]>([
    [tensor(3.5), 'f32[] 3.5'],
    [tensor([1, -0, 0.1]), 'f32[3] [1, 0, 0.1]'],
    [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      'f32[2,2] [[1, 2], [3, 4]]',
    ],
    [tensor([Number.NaN, Number.NEGATIVE_INFINITY, 1e30]), 'f32[3] [NaN, -Infinity, 1e+30]'],
    [tensor(Int32Array.of(-1, 123456789)), 'i32[2] [-1, 123456789]'],
    [tensor(Uint32Array.of(4294967295)), 'u32[1] [4294967295]'],
    [tensor([1234567, 16777216, 1 / 3]), 'f32[3] [1234567, 16777216, 0.3333333]'],
    [tensor([true, false]), 'bool[2] [true, false]'],
    [tensor([]), 'f32[0] []'],
    [tensor(new Float32Array(), { shape: [2, 0] }), 'f32[2,0] [[], []]'],
    [tensor(Float32Array.from({ length: 7 }, (_, i) => i)), 'f32[7] [0, 1, 2, 3, 4, 5, 6]'],
    [tensor(Float32Array.from({ length: 100 }, (_, i) => i)), 'f32[100] [0, 1, 2, ..., 97, 98, 99]'],
    [
      tensor(
        Float32Array.from({ length: 20 }, (_, i) => i),
        { shape: [10, 2] },
      ),
      'f32[10,2] [[0, 1], [2, 3], [4, 5], ..., [14, 15], [16, 17], [18, 19]]',
    ],
  ])('%s', (x, text) => {
    expect(x.toString()).toBe(`Tensor ${text}`);
    expect(`${x}`).toBe(`Tensor ${text}`);
    expect(inspect(x)).toBe(`Tensor ${text}`);
    expect(inspect({ x })).toContain(`Tensor ${text}`);
  });

  it('says why there are no values, and computes nothing', async () => {
    const x = tensor([1, 2]);
    const y = mul(x, 2);
    expect(String(y)).toBe('Tensor f32[2] (mul, not computed yet)');
    expect(String(y.detach())).toBe('Tensor f32[2] (mul, not computed yet)');
    expect(y.node.value).toBeUndefined();
    await y.data();
    expect(String(y)).toBe('Tensor f32[2] [2, 4]');
    expect(String(y.detach())).toBe('Tensor f32[2] [2, 4]');
    const kept = await square(x).run();
    expect(String(kept)).toBe(
      device.kind === 'gpu' ? `Tensor f32[2] (on ${device.name})` : 'Tensor f32[2] [1, 4]',
    );
    await kept.data();
    kept.dispose();
    expect(String(kept)).toBe('Tensor f32[2] (This tensor of shape [2] was disposed of.)');
    assign(x, add(x, 1));
    expect(String(x)).toBe('Tensor f32[2] (add, not computed yet)');
    await run();
    expect([...(await x.data())]).toEqual([2, 3]);
    expect(String(state(zeros([1])))).toBe('Tensor f32[1] (full, not computed yet)');
    const seen: string[] = [];
    await compile((a: Tensor) => {
      seen.push(String(a));
      return sum(a);
    })(x);
    expect(seen).toEqual(['Tensor f32[2] (no value yet)']);
  });

  it('is small as JSON, whatever it was computed from', async () => {
    const x = tensor([
      [1, 2],
      [3, Number.NaN],
    ]);
    expect(JSON.parse(JSON.stringify({ x }))).toEqual({
      x: { shape: [2, 2], dtype: 'f32', values: [1, 2, 3, 'NaN'] },
    });
    let y = tensor([1]);
    const w = tensor([1]);
    for (let i = 0; i < 1000; i++) y = add(mul(y, w), 1);
    y = sum(square(grad(sum(y), w)));
    expect(JSON.stringify(y)).toBe('{"shape":[],"dtype":"f32"}');
    expect(inspect(y, { depth: Infinity }).length).toBeLessThan(100);
    expect(JSON.stringify(tensor([true, false]))).toBe('{"shape":[2],"dtype":"bool","values":[true,false]}');
    const flags = cast(arange(2), 'bool');
    await flags.data();
    expect(JSON.stringify(flags)).toBe('{"shape":[2],"dtype":"bool","values":[false,true]}');
  });
});
