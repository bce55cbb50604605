/** The comparison's own parts, without the peers: its cases, how answers are judged, and the table. */
import { describe, expect, it } from 'vitest';
import { relativeError } from '../bench/peers/answer.ts';
import { caseNames, findCase } from '../bench/peers/cases.ts';
import { measureCase, type Result } from '../bench/peers/measure.ts';
import type { Reply, Request } from '../bench/peers/process.ts';
import { formatPeers, ratio } from '../bench/peers/report.ts';
import { summarize } from '../bench/samples.ts';

function result(library: string, milliseconds: number | undefined, error = 1e-6): Result {
  return {
    library,
    wall: milliseconds === undefined ? undefined : summarize([milliseconds]),
    first: milliseconds === undefined ? undefined : 10 * milliseconds,
    errors: milliseconds === undefined ? {} : { loss: 1e-7, gradient: error },
    right: milliseconds !== undefined && error < 1e-3,
    remarks: milliseconds === undefined ? ['no gradient for it'] : [],
  };
}

/** A library's process that answers with these, and counts the calls it was asked for. */
function process(name: string, replies: Partial<Record<Request['type'], Reply | Error>>) {
  let stopped = false;
  let samples = 0;
  return {
    name,
    ask: async (request: Request): Promise<Reply> => {
      const reply = replies[request.type] ?? {};
      if (reply instanceof Error) throw reply;
      if (request.type !== 'sample') return reply;
      samples += request.count;
      return { times: new Array<number>(request.count).fill(reply.times?.[0] ?? 0) };
    },
    stop: () => {
      stopped = true;
    },
    wasStopped: () => stopped,
    samples: () => samples,
  };
}

describe('the cases', () => {
  it('are found by their names, with the same arrays every time', () => {
    expect(new Set(caseNames).size).toBe(caseNames.length);
    expect(findCase('matmul 256').inputs).toEqual(findCase('matmul 256').inputs);
    expect(() => findCase('matmul 7')).toThrow("There is no case 'matmul 7'.");
  });

  it.each(caseNames)('%s fits together', (name) => {
    const { inputs, constants, kind } = findCase(name);
    for (const { shape, values } of [...inputs, ...constants]) {
      expect(values.length).toBe(shape.reduce((product, length) => product * length, 1));
    }
    if (kind === 'momentum')
      expect(constants.map(({ shape }) => shape)).toEqual(inputs.map(({ shape }) => shape));
  });
});

describe('relativeError', () => {
  it('is that of the worst array', () => {
    expect(relativeError([[3, 4], [11]], [[3, 4], [10]])).toBe(0.1);
    expect(relativeError([[3, 5]], [[3, 4]])).toBe(1 / 5);
  });

  it('is no number for NaN, infinite for something in place of nothing, and zero for nothing', () => {
    expect(relativeError([[Number.NaN]], [[1]])).toBeNaN();
    expect(relativeError([[1]], [[0]])).toBe(Infinity);
    expect(relativeError([[0]], [[0]])).toBe(0);
  });

  it('refuses arrays of other lengths', () => {
    expect(() => relativeError([[1]], [[1, 2]])).toThrow('Array 0 of an answer has 1 numbers, expected 2.');
    expect(() => relativeError([], [[1, 2]])).toThrow('Array 0 of an answer has no numbers, expected 2.');
  });
});

describe('measureCase', () => {
  const use = { name: 'a case', tolerance: 1e-2 };
  const expected = { loss: [[2]], gradient: [[1, 1]] };
  const right = { first: 50, answer: { loss: [[2]], gradient: [[1, 1]] } };

  it('times what is right, and what is wrong with a remark', async () => {
    const wrong = { ...right, answer: { ...right.answer, gradient: [[1, 1.1]] }, remark: 'eager' };
    const [good, bad] = [
      process('good', { prepare: right, sample: { times: [10] } }),
      process('bad', { prepare: wrong, sample: { times: [100] } }),
    ];
    const results = await measureCase(use, expected, [good, bad], 1);
    expect(results[0]).toMatchObject({
      library: 'good',
      first: 50,
      errors: { loss: 0, gradient: 0 },
      remarks: [],
    });
    expect(results[0].wall?.median).toBe(10);
    // One to warm up, and a fifth of the second in each of five rounds.
    expect(good.samples()).toBe(1 + 5 * 20);
    expect(results[1].remarks).toEqual(['eager', 'gradient wrong by 7.1e-2']);
    expect(results[1].wall?.n).toBe(10);
    expect(results.map(({ right }) => right)).toEqual([true, false]);
  });

  it('tells of an error that is large, though it is allowed', async () => {
    const off = process('off', { prepare: { ...right, answer: { loss: [[2.01]], gradient: [[1, 1]] } } });
    const [{ remarks, right: isRight }] = await measureCase(use, expected, [off], 1);
    expect([remarks, isRight]).toEqual([['loss off by 5.0e-3'], true]);
  });

  it('keeps what a library says that refuses, and gives it a new process', async () => {
    const refusing = process('bad', { prepare: new Error('No gradient for Conv2D. Did you forget it?') });
    const [refused] = await measureCase(use, expected, [refusing], 1);
    expect(refused).toEqual({
      library: 'bad',
      errors: {},
      right: false,
      remarks: ['No gradient for Conv2D.'],
    });
    expect(refusing.wasStopped()).toBe(true);
  });

  it('does not wait for enough samples of what is far slower than its time', async () => {
    const slow = process('slow', { prepare: right, sample: { times: [20_000] } });
    const [{ wall }] = await measureCase(use, expected, [slow], 1);
    expect(wall).toMatchObject({ n: 1, median: 20_000 });
  });
});

describe('the table', () => {
  const results = [result('regrad', 2), result('tfjs', 8), result('jax', 1, 0.01)];

  it('holds regrad against the fastest peer that is right, or against any', () => {
    expect(ratio(results, ({ right }) => right)).toBe(0.25);
    expect(ratio(results, () => true)).toBe(2);
    expect(ratio([result('regrad', 2), result('tfjs', undefined)], () => true)).toBeUndefined();
    expect(ratio([result('regrad', undefined), result('tfjs', 1)], () => true)).toBeUndefined();
  });

  it('shows wrong answers in brackets, and what refuses with its sentence', () => {
    const text = formatPeers(
      [
        { case: 'step', secondOrder: false, results },
        { case: 'penalty', secondOrder: true, results: [results[0], result('tfjs', undefined), results[2]] },
      ],
      ['regrad', 'tfjs', 'jax'],
    );
    const rows = text.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
    expect(rows).toContainEqual(['', 'step', '2.00', '8.00', '(1.00)', '0.25', '', '20 / 80 / 10', '', '']);
    expect(rows).toContainEqual([
      '',
      'penalty',
      '2.00',
      '-',
      '(1.00)',
      '-',
      '2.00',
      '20 / - / 10',
      'tfjs: no gradient for it',
      '',
    ]);
  });
});
