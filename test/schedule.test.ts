/** The order of launches. */
import { describe, expect, it } from 'vitest';
import { type Scheduled, type Stored, schedule } from '../src/engine/plan/schedule.ts';

interface Launch extends Scheduled<Stored> {
  readonly name: string;
}

const buffer = (bytes: number, place?: string): Stored => ({ bytes, place });
const launch = (name: string, inputs: Stored[], outputs: Stored[]): Launch => ({ name, inputs, outputs });
const namesOf = (launches: readonly Launch[]) => launches.map(({ name }) => name).join(' ');

/** The most bytes of intermediates that are held at a time. */
function peakOf(launches: readonly Launch[]): number {
  const last = new Map<Stored, number>();
  launches.forEach(({ inputs, outputs }, step) => {
    for (const used of [...inputs, ...outputs]) last.set(used, step);
  });
  let held = 0;
  let peak = 0;
  launches.forEach(({ inputs, outputs }, step) => {
    for (const output of outputs) if (!output.place) held += output.bytes;
    peak = Math.max(peak, held);
    for (const used of new Set([...inputs, ...outputs])) {
      if (!used.place && last.get(used) === step) held -= used.bytes;
    }
  });
  return peak;
}

describe('schedule', () => {
  /** A chain of gradients, and for each a small result that reads it: as recorded, those come last. */
  function backward(length: number): Launch[] {
    const chain = Array.from({ length: length + 1 }, () => buffer(100));
    const steps = chain.slice(1).map((next, i) => launch(`g${i + 1}`, [chain[i]], [next]));
    const small = chain.map((gradient, i) => launch(`w${i}`, [gradient], [buffer(10, 'kept')]));
    return [launch('g0', [], [chain[0]]), ...steps, ...small];
  }

  it('runs what frees memory as soon as it can', () => {
    const ordered = schedule(backward(5));
    expect(peakOf(backward(5))).toBe(600);
    expect(peakOf(ordered)).toBeLessThanOrEqual(200);
    expect(ordered).toHaveLength(12);
  });

  it('keeps the order where nothing is gained', () => {
    const [a, b, c] = [buffer(4), buffer(8), buffer(16)];
    const launches = [launch('a', [], [a]), launch('b', [a], [b]), launch('c', [b], [c])];
    expect(namesOf(schedule(launches))).toBe('a b c');
  });

  it('computes everything before it is read, and once', () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 200; round++) {
      const buffers: Stored[] = [];
      const launches = Array.from({ length: 1 + random(30) }, (_, i) => {
        const inputs =
          buffers.length > 0 ? Array.from({ length: random(4) }, () => buffers[random(buffers.length)]) : [];
        const outputs = Array.from({ length: 1 + random(2) }, () =>
          buffer(1 + random(100), random(5) ? undefined : 'kept'),
        );
        buffers.push(...outputs);
        return launch(`${i}`, inputs, outputs);
      });
      const ordered = schedule(launches);
      expect(new Set(ordered).size).toBe(launches.length);
      const there = new Set<Stored>();
      for (const { inputs, outputs } of ordered) {
        expect(inputs.every((input) => there.has(input))).toBe(true);
        for (const output of outputs) there.add(output);
      }
    }
  });
});
