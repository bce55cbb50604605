/** What `grad` promises beside right numbers: zeros, errors, reads in between, depth. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  add,
  argMax,
  assign,
  cast,
  exp,
  full,
  grad,
  greater,
  maxPool2d,
  mul,
  ones,
  relu,
  run,
  setDevice,
  sin,
  square,
  sum,
  type Tensor,
  tensor,
  where,
} from '../src/engine/index.ts';
import { buildGraph } from '../src/engine/plan/graph.ts';
import { devices, expectClose, reference, valuesOn } from './devices.ts';

afterAll(() => setDevice(reference));

const entriesOf = (...tensors: Tensor[]) => buildGraph(tensors.map(({ node }) => node)).entries.length;

describe('grad, as it records', () => {
  it('asks a non-scalar output for its gradient', () => {
    const x = tensor([1, 2, 3]);
    expect(() => grad(square(x), x)).toThrow(/grad: the output has shape \[3\]; expected a scalar/);
    expect(() => grad(square(x), x, ones([2]))).toThrow(/outputGradient is f32\[2\], expected f32\[3\]/);
    expect(() => grad(square(x), x, ones([3], 'i32'))).toThrow(/outputGradient is i32\[3\]/);
  });

  it('refuses integers, as output and as input', () => {
    const x = tensor([1, 2, 3]);
    expect(() => grad(argMax(x), x)).toThrow(/grad: the output is i32 .*; only f32 has gradients/);
    const labels = tensor(Int32Array.of(1));
    expect(() => grad(sum(x), [x, labels])).toThrow(/grad: an input of shape \[1\] is i32; only f32/);
  });

  it('names what has no derivative when it lies on the way, and not otherwise', () => {
    const x = tensor([1, 2, 3]);
    const position = cast(argMax(x), 'f32');
    expect(() => grad(position, x)).toThrow(
      /grad: argMax has no derivative with respect to its input 0 \(f32\[3\]\)/,
    );
    expect(() => grad(sum(mul(x, position)), x)).toThrow(/grad: argMax has no derivative/);
    expect(() => grad(cast(cast(sum(x), 'i32'), 'f32'), x)).toThrow(/grad: cast to i32 has no derivative/);
    expect(() => grad(sum(mul(x, cast(argMax(x.detach()), 'f32'))), x)).not.toThrow();
    // A comparison has derivative zero, whatever it compares.
    expect(() => grad(sum(where(greater(argMax(x), 0), x, 0)), x)).not.toThrow();
  });

  it('refuses a state that was assigned since', async () => {
    const w = tensor([1, 2]);
    const before = sum(square(w));
    assign(w, mul(w, 2));
    expect(() => grad(before, w)).toThrow(/recorded before the last assign to this tensor of shape \[2\]/);
    expect(() => grad(sum(square(w)), w)).not.toThrow();
    await run();
  });
});

describe.each(devices)('grad on $name', ({ device }) => {
  beforeEach(() => setDevice(device));

  it('is zeros for an input that the output does not depend on', async () => {
    const [x, y] = [tensor([[1, 2]]), tensor([3, 4])];
    const [dx, dy] = grad(sum(square(x)), [x, y]);
    expect(dy.shape).toEqual([2]);
    expect([...(await dx.data()), ...(await dy.data())]).toEqual([2, 4, 0, 0]);
  });

  it('is one for the output itself, and zeros for a leaf of a constant', async () => {
    const x = tensor(3);
    const y = square(x);
    expect(await grad(y, y).item()).toBe(1);
    expect(await grad(full([], 2), x).item()).toBe(0);
  });

  it('is the vector-Jacobian product where an output gradient is given', async () => {
    const x = tensor([1, 2, 3]);
    expect([...(await grad(square(x), x, tensor([1, 0, -1])).data())]).toEqual([2, 0, -6]);
  });

  it('works after the output and what lies between were read', async () => {
    const x = tensor([1, 2, 3]);
    const y = square(x);
    const loss = sum(mul(y, x));
    await y.data();
    expect(await loss.item()).toBe(36);
    const dx = grad(loss, x);
    expect([...(await dx.data())]).toEqual([3, 12, 27]);
    expect([...(await grad(sum(dx), x).data())]).toEqual([6, 12, 18]);
  });

  it('works after the output was run and kept on the device', async () => {
    const x = tensor([1, 2, 3]);
    const y = await square(x).run();
    expect([...(await grad(sum(mul(y, y)), x).data())]).toEqual([4, 32, 108]);
    y.dispose();
  });

  it('stops at detach', async () => {
    const x = tensor([1, 2, 3]);
    expect([...(await grad(sum(mul(x, square(x).detach())), x).data())]).toEqual([1, 4, 9]);
  });

  it('adds up over every use of a node', async () => {
    const x = tensor(3);
    const y = square(x);
    const z = add(mul(y, y), add(y, x));
    expect(await grad(z, x).item()).toBe(4 * 27 + 6 + 1);
    expect(await grad(mul(x, x), x).item()).toBe(6);
  });

  it('is right in mixed orders up to four on a polynomial', async () => {
    // f = x^4 y^2 + 3 x y^3
    const [x, y] = [tensor(2), tensor(-1.5)];
    const f = add(mul(square(square(x)), square(y)), mul(mul(3, x), mul(y, square(y))));
    const d = (value: Tensor, ...by: Tensor[]) => by.reduce((of, variable) => grad(of, variable), value);
    const [a, b] = [2, -1.5];
    const expected: [Tensor, number][] = [
      [d(f, x), 4 * a ** 3 * b ** 2 + 3 * b ** 3],
      [d(f, x, y), 8 * a ** 3 * b + 9 * b ** 2],
      [d(f, y, x), 8 * a ** 3 * b + 9 * b ** 2],
      [d(f, x, x, y), 24 * a ** 2 * b],
      [d(f, x, y, y), 8 * a ** 3 + 18 * b],
      [d(f, y, y, y), 18 * a],
      [d(f, x, x, y, y), 24 * a ** 2],
      [d(f, y, x, y, x), 24 * a ** 2],
      [d(f, x, x, x, x), 24 * b ** 2],
      [d(f, y, y, y, y), 0],
      [d(f, x, y, y, y), 18],
    ];
    const values = await valuesOn(device, () => expected.map(([tensor_]) => tensor_));
    expectClose(
      values.map(([value]) => value),
      expected.map(([, value]) => value),
      1e-6,
      'derivatives of x^4 y^2 + 3 x y^3',
    );
  });

  it('has zeros in higher orders through comparisons and choices', async () => {
    const x = tensor([-1, 0.5, 2]);
    const kinked = sum(where(greater(x, 1), mul(x, 3), relu(x)));
    const first = grad(kinked, x);
    expect([...(await first.data())]).toEqual([0, 1, 3]);
    expect([...(await grad(sum(first), x).data())]).toEqual([0, 0, 0]);
    expect([...(await grad(sum(cast(greater(x, 0), 'f32')), x).data())]).toEqual([0, 0, 0]);
    const image = tensor([1, 2, 3, 4], { shape: [1, 1, 2, 2] });
    const pooled = grad(sum(maxPool2d(image, 2)), image);
    expect([...(await grad(sum(pooled), image).data())]).toEqual([0, 0, 0, 0]);
  });

  it('leaves no trace of order: the same numbers whichever gradients are asked for together', async () => {
    const [x, y] = [tensor([0.3, 0.7]), tensor([1.1, -0.4])];
    const f = sum(mul(exp(x), sin(mul(x, y))));
    const [both] = grad(f, [x, y]);
    const alone = grad(f, x);
    const [a, b] = await valuesOn(device, () => [both, alone]);
    expect([...a]).toEqual([...b]);
  });

  it('records, differentiates and runs a chain of 100,000 additions in linear time', async () => {
    const length = 100_000;
    const x = tensor([1, 2]);
    const chain = (count: number) => {
      let y: Tensor = x;
      for (let i = 0; i < count; i++) y = add(y, x);
      return y;
    };
    // Entries of the graph, not seconds: each addition of the chain is one, and its gradient is one more addition.
    const sizes = [1000, 2000, 4000].map((count) => entriesOf(grad(sum(chain(count)), x)));
    expect(sizes[2] - sizes[1]).toBe(2 * (sizes[1] - sizes[0]));
    const y = chain(length);
    expect([...(await y.data())]).toEqual([length + 1, 2 * (length + 1)]);
    expect([...(await grad(sum(chain(length)), x).data())]).toEqual([length + 1, length + 1]);
  });
});
