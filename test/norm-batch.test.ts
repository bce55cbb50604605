/** Batch norm over parts of a batch (ghost batch norm), and dropout in a repeated pass. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  add,
  concat,
  createGenerator,
  grad,
  mul,
  type NumberArray,
  read,
  setDevice,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
} from '../src/engine/index.ts';
import { BatchNorm2d, Dropout, Linear, resnet, Sequential, setNormBatch } from '../src/nn/index.ts';
import { devices, expectClose, reference } from './devices.ts';

const images = (count: number) =>
  tensor(
    Float64Array.from({ length: count * 12 }, (_, i) => Math.sin(1.7 * i) + 0.1 * (i % 5)),
    { shape: [count, 3, 2, 2] },
  );

/** A layer with a scale and a shift that matter. */
function layer(normBatch?: number): BatchNorm2d {
  const made = new BatchNorm2d(3);
  made.loadStateDict(
    new Map([
      ['weight', tensor([0.5, 1, 2])],
      ['bias', tensor([0.1, 0, -0.3])],
    ]),
    { strict: false },
  );
  made.normBatch = normBatch;
  return made;
}

/** Output, gradients of a penalty on gradients, and running statistics. */
function outcome(bn: BatchNorm2d, x: Tensor, pass: (bn: BatchNorm2d) => Tensor): Promise<NumberArray[]> {
  const y = pass(bn);
  const weights = tensor(
    Float64Array.from({ length: y.size }, (_, i) => Math.cos(i)),
    { shape: y.shape },
  );
  const loss = sum(mul(mul(y, y), weights));
  const inputs = [x, bn.weight, bn.bias];
  const penalty = grad(loss, inputs)
    .map((g) => sum(square(g)))
    .reduce((a, b) => add(a, b));
  return read(y, ...grad(add(loss, penalty), inputs), ...bn.namedBuffers().values());
}

describe.each(devices)('on $name', ({ device }) => {
  const rounding = device.kind === 'gpu' ? 2e-5 : 1e-12;
  beforeEach(() => setDevice(device));

  test.each([1, 2, 3])('parts of %i images are separate passes, one after the other', async (part) => {
    const x = images(6);
    const together = await outcome(layer(part), x, (bn) => bn.forward(x));
    const apart = await outcome(layer(), x, (bn) => {
      const outputs = Array.from({ length: 6 / part }, (_, k) =>
        bn.forward(slice(x, 0, k * part, (k + 1) * part)),
      );
      return outputs.reduce((a, b) => concat([a, b], 0));
    });
    together.forEach((values, i) => {
      expectClose(values, apart[i], rounding, `result ${i}`);
    });
    expect(Array.from(together.at(-1) ?? [])).toEqual([6 / part]);
  });

  test('a part of the whole batch is plain batch norm, bit for bit', async () => {
    const x = images(4);
    const pass = (bn: BatchNorm2d) => bn.forward(x);
    expect(await outcome(layer(4), x, pass)).toEqual(await outcome(layer(), x, pass));
  });

  test('dropout in a repeated pass takes the masks of the last one, and draws anew afterwards', async () => {
    const model = new Sequential(
      new Dropout(0.5, { generator: createGenerator(4) }),
      new Linear(40, 40, { generator: createGenerator(5) }),
      new Dropout(0.3, { generator: createGenerator(6) }),
    );
    const x = tensor(new Float32Array(80).fill(1), { shape: [2, 40] });
    const first = model.forward(x);
    const again = model.repeatingPass(() => model.forward(x));
    const next = model.forward(x);
    const [a, b, c] = await read(first, again, next);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
    expect(model.modules().some((module) => module.repeating || module.statisticsFrozen)).toBe(false);
  });
});

describe('sentences', () => {
  beforeEach(() => setDevice(reference));

  test('for parts that do not divide the batch, or are too small', () => {
    expect(() => layer(4).forward(images(6))).toThrow(
      'BatchNorm2d: normBatch is 4, which does not divide the 6 images of shape [6,3,2,2].',
    );
    const single = tensor(new Float32Array(6), { shape: [2, 3, 1, 1] });
    expect(() => layer(1).forward(single)).toThrow(
      'BatchNorm2d: training needs two values or more per channel, got shape [2,3,1,1] in parts of 1.',
    );
    expect(() => setNormBatch(layer(), 0)).toThrow('setNormBatch: images is 0');
  });

  test('evaluation does not mind parts', () => {
    expect(layer(4).eval().forward(images(3)).shape).toEqual([3, 3, 2, 2]);
  });

  test('setNormBatch reaches every batch norm of a model', () => {
    const model = resnet({ widths: [2, 3], blocks: [1, 1], classes: 2 }, createGenerator(0));
    const sizes = () => model.modules().flatMap((m) => (m instanceof BatchNorm2d ? [m.normBatch] : []));
    setNormBatch(model, 8);
    expect(sizes()).toEqual([8, 8, 8, 8, 8, 8]);
    setNormBatch(model, undefined);
    expect(new Set(sizes())).toEqual(new Set([undefined]));
  });

  test('for a repeated pass of dropout that has none before it, or another shape', () => {
    const dropout = new Dropout(0.5, { generator: createGenerator(1) });
    const x = tensor([[1, 2]]);
    const repeat = (input: Tensor) => dropout.repeatingPass(() => dropout.forward(input));
    expect(() => repeat(x)).toThrow('needs the mask of a pass before it; the last one has not been.');
    dropout.forward(x);
    expect(() => repeat(tensor([[1]]))).toThrow(
      'Dropout: a repeated pass of shape [1,1] needs the mask of a pass before it; the last one had shape [1,2].',
    );
  });
});
