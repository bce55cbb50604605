/** Methods that choose the length of a step (grafting, NGD) or one micro-batch of many (sample micro-batch GN). */
import { beforeEach, describe, expect, it } from 'vitest';
import { add, createGenerator, setDevice, slice, type Tensor, tensor, zeros } from '../src/engine/index.ts';
import {
  drawnMicroBatch,
  drawsMicroBatch,
  heldNorm,
  type MethodName,
  methodNames,
  needsRadius,
  needsRecordedNorm,
  update,
} from '../src/experiments/methods.ts';
import { buildModel } from '../src/experiments/models.ts';
import type { Module } from '../src/nn/index.ts';
import { expectClose, reference } from './devices.ts';
import { flat, inputs, penaltyOf, smooth, squaredNorm, stepOf } from './micro-steps.ts';

const K = 4;
const norm = (values: readonly number[]) => Math.sqrt(squaredNorm(values));
const model = () => buildModel(smooth, createGenerator(5));

/** The k-th of the micro-batches of two examples. */
function micro(k: number): { x: Tensor; y: Tensor } {
  const { x, y } = inputs(2 * K);
  return { x: slice(x, 0, 2 * k, 2 * k + 2), y: slice(y, 0, 2 * k, 2 * k + 2) };
}

/** What the optimiser steps along after K micro-batches of two, with micro-batch `drawn`. */
async function stepVector(net: Module, method: MethodName, drawn = 0, recorded?: number): Promise<number[]> {
  const steps = Array.from({ length: K }, (_, k) =>
    stepOf(net, method, micro(k), { microBatches: K, lambda: 0.6, drawn: k === drawn }),
  );
  const gradients = steps.map((step) => step.gradients).reduce((a, b) => a.map((g, i) => add(g, b[i])));
  const lengths = steps.flatMap(({ length }) => (length ? [length] : []));
  const length = lengths.length > 0 ? lengths.reduce(add) : undefined;
  return flat(
    update(method, gradients, { length, recorded: recorded === undefined ? undefined : tensor(recorded) }),
  );
}

const whole = (net: Module) => flat(stepOf(net, 'LB', inputs(2 * K)).gradients);
const microNorm = async (net: Module, k: number) => norm(await flat(stepOf(net, 'LB', micro(k)).gradients));
const scaledTo = (values: readonly number[], length: number) =>
  values.map((value) => (value * length) / norm(values));

describe('the length of a step', () => {
  beforeEach(() => setDevice(reference));

  it('is that of the gradient for most methods', async () => {
    const net = model();
    expectClose(await stepVector(net, 'LB'), await whole(net), 1e-12, 'LB');
    const { gradients } = stepOf(net, 'GN', inputs(4));
    expect(update('GN', gradients)).toEqual(gradients);
  });

  it('NGD: one along the mini-batch gradient, so that a step has length eta', async () => {
    const net = model();
    const got = await stepVector(net, 'NGD');
    expectClose([norm(got)], [1], 1e-14, 'length');
    expectClose(got, scaledTo(await whole(net), 1), 1e-12, 'direction');
  });

  it('iterative grafting: the norm of the drawn micro-batch along the mini-batch gradient', async () => {
    const net = model();
    for (let drawn = 0; drawn < K; drawn++) {
      const expected = scaledTo(await whole(net), await microNorm(net, drawn));
      expectClose(await stepVector(net, 'IterGraft', drawn), expected, 1e-12, `micro-batch ${drawn}`);
    }
    expect(await microNorm(net, 0)).not.toBeCloseTo(await microNorm(net, 1), 3);
  });

  it('iterative grafting by the mean: of the norms, not squared, over all micro-batches', async () => {
    const net = model();
    let mean = 0;
    for (let k = 0; k < K; k++) mean += (await microNorm(net, k)) / K;
    const expected = scaledTo(await whole(net), mean);
    expectClose(await stepVector(net, 'IterGraft-mean'), expected, 1e-12, 'step');
    expect(mean).toBeGreaterThan(norm(await whole(net)));
  });

  it('external grafting: the recorded norm along the mini-batch gradient', async () => {
    const net = model();
    expectClose(await stepVector(net, 'ExterGraft', 0, 2.5), scaledTo(await whole(net), 2.5), 1e-12, 'step');
  });

  it('is zero where the gradient is zero', async () => {
    expect(await flat(update('NGD', [zeros([2]), zeros([1])]))).toEqual([0, 0, 0]);
  });

  it('needs the norm that decides it', () => {
    expect(() => update('ExterGraft', [])).toThrow(
      'ExterGraft needs a norm recorded by a small-batch run for the length of its step; none was given.',
    );
    expect(() => update('IterGraft', [])).toThrow('IterGraft needs the norm of a micro-batch');
  });
});

describe('sample micro-batch GN', () => {
  beforeEach(() => setDevice(reference));

  it('is the gradient of L_B + lambda R_S for the drawn micro-batch S, lambda not divided by K', async () => {
    const net = model();
    const plain = await whole(net);
    for (const drawn of [0, 2]) {
      // Of one micro-batch alone: lambda dR/dtheta = GN - LB.
      const gn = await flat(stepOf(net, 'GN', micro(drawn), { lambda: 0.6 }).gradients);
      const lb = await flat(stepOf(net, 'LB', micro(drawn)).gradients);
      const expected = plain.map((value, i) => value + gn[i] - lb[i]);
      expectClose(await stepVector(net, 'SampleGN', drawn), expected, 1e-12, `S = ${drawn}`);
    }
  });

  it('reports the penalty of S, and computes none for the others', async () => {
    const net = model();
    const settings = { microBatches: K, lambda: 0.6 };
    const alone = await penaltyOf(stepOf(net, 'GN', micro(1), { lambda: 0.6 }));
    const drawn = stepOf(net, 'SampleGN', micro(1), { ...settings, drawn: true });
    expectClose([await penaltyOf(drawn)], [alone], 1e-12, 'R_S');
    expect(stepOf(net, 'SampleGN', micro(0), settings).penalty).toBeUndefined();
  });

  it('averaged over all draws is GN', async () => {
    const net = model();
    const gn = await stepVector(net, 'GN');
    const draws: number[][] = [];
    for (let drawn = 0; drawn < K; drawn++) draws.push(await stepVector(net, 'SampleGN', drawn));
    const mean = gn.map((_, i) => draws.reduce((total, values) => total + values[i], 0) / K);
    expectClose(mean, gn, 1e-12, 'mean over S');
  });

  it('with lambda = 0 is LB bit for bit', async () => {
    const net = model();
    const settings = { microBatches: K, lambda: 0, drawn: true };
    const lb = await flat(stepOf(net, 'LB', micro(1), settings).gradients);
    expect(await flat(stepOf(net, 'SampleGN', micro(1), settings).gradients)).toEqual(lb);
  });
});

describe('what a training loop asks of a method', () => {
  it('whether it draws a micro-batch, needs recorded norms, or a radius', () => {
    expect(methodNames.filter(drawsMicroBatch)).toEqual(['SampleGN', 'IterGraft']);
    expect(methodNames.filter(needsRecordedNorm)).toEqual(['ExterGraft']);
    expect(methodNames.filter((method) => needsRadius(method))).toEqual(['SAM', 'GNP']);
    expect(methodNames.filter((method) => needsRadius(method, 'forward-difference'))).toEqual([
      ...['GN', 'FT', 'AJ', 'UJ', 'AJ-mean', 'SampleGN', 'SAM', 'GNP'],
    ]);
  });

  it('which micro-batch: uniform, and a function of seed and update', () => {
    const draws = Array.from({ length: 6000 }, (_, at) => drawnMicroBatch(7, at, 3));
    expect(draws.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, at) => drawnMicroBatch(7, at, 3)));
    expect(draws.slice(0, 50)).not.toEqual(Array.from({ length: 50 }, (_, at) => drawnMicroBatch(8, at, 3)));
    for (const k of [0, 1, 2]) {
      const share = draws.filter((drawn) => drawn === k).length / draws.length;
      // Four standard errors.
      expect(Math.abs(share - 1 / 3)).toBeLessThan(4 * Math.sqrt(2 / 9 / draws.length));
    }
    expect(Array.from({ length: 20 }, (_, at) => drawnMicroBatch(1, at, 1))).toEqual(Array(20).fill(0));
  });

  it('recorded norms are held from one multiple of the interval to the next', () => {
    const record = [0, 20, 40].map((step) => ({ step, norm: 1 + step / 10 }));
    const at = [0, 1, 19, 20, 39, 40, 59].map((step) => heldNorm(record, step, 20));
    expect(at).toEqual([1, 1, 1, 3, 3, 5, 5]);
    expect(heldNorm(record, 45, 40)).toBe(5);
    expect(() => heldNorm(record, 60, 20)).toThrow(
      'The recording has no norm of step 60, needed with a hold interval of 20; it holds steps 0 to 40.',
    );
    expect(() => heldNorm(record, 11, 10)).toThrow('no norm of step 10');
    expect(() => heldNorm([], 0, 20)).toThrow('it holds nothing.');
    expect(() => heldNorm(record, 0, 0)).toThrow('The hold interval of recorded norms is 0');
  });
});
