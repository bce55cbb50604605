/** How a variant is chosen: told, remembered, measured by a fake stopwatch, or preferred. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { NewStopwatch } from '../src/engine/run/gpu/race.ts';
import {
  VariantChooser,
  type VariantOptions,
  type VariantStore,
  type VariantsByKey,
} from '../src/engine/run/gpu/variants.ts';
import { choicesOf, type Family, onlyChoice } from '../src/kernels/family.ts';
import type { Kernel } from '../src/kernels/kernel.ts';

const kernel = (name: string, more?: Partial<Kernel>): Kernel => ({
  name,
  source: `fn ${name}`,
  uniforms: [],
  workgroups: [1, 1, 1],
  flops: 1,
  ...more,
});

interface Sizes {
  readonly size: number;
}

const family: Family<Sizes> = {
  name: 'sum',
  variants: {
    plain: { kernel: () => kernel('plain') },
    wide: { kernel: () => kernel('wide', { parts: 4 }) },
    even: { fits: ({ size }) => size % 2 === 0, kernel: () => kernel('even') },
    lanes: { needs: 'subgroups', kernel: () => kernel('lanes') },
  },
  preferred: () => 'wide',
  shapeClass: ({ size }) => (size < 100 ? 'small' : 'large'),
};

const launch = (size: number) => ({ choices: choicesOf(family, { size }), inputs: [size], output: 1 });

type Times = Readonly<Record<string, number | Error>>;

/** A device without features, on which each launch of a kernel takes its milliseconds, or fails. */
function makeChooser(
  times: Times,
  options: VariantOptions = { tuning: {} },
  answers: Readonly<Record<string, Float32Array>> = {},
) {
  const log = { prepared: [] as string[], opened: [] as number[][], disposed: 0 };
  const newStopwatch: NewStopwatch = (inputs, output, parts) => {
    log.opened.push([...inputs, output * parts]);
    return {
      prepare: async ({ name }) => {
        log.prepared.push(name);
        const time = times[name];
        if (time instanceof Error) throw time;
        return {
          sample: async (launches) => launches * time,
          answer: answers[name] ?? Float32Array.of(1, 2),
        };
      },
      dispose: () => {
        log.disposed++;
      },
    };
  };
  const device = { features: new Set<string>(), adapterClass: 'hardware' } as const;
  return { chooser: new VariantChooser(device, options, newStopwatch), log };
}

/** Remembers in memory. */
class Notes implements VariantStore {
  readonly known: Map<string, string>;

  constructor(known: VariantsByKey = new Map()) {
    this.known = new Map(known);
  }

  recall(key: string): string | undefined {
    return this.known.get(key);
  }

  remember(measured: VariantsByKey): void {
    for (const [key, variant] of measured) this.known.set(key, variant);
  }
}

const keyOf = (size: number): string => launch(size).choices.key(new Set());

afterEach(() => {
  vi.restoreAllMocks();
});

describe('measuring', () => {
  it('takes the fastest variant that fits, and gives its memory back', async () => {
    const { chooser, log } = makeChooser({ plain: 3, wide: 2, even: 1 });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('even');
    expect(log).toEqual({ prepared: ['plain', 'wide', 'even'], opened: [[4, 4]], disposed: 1 });
  });

  it('does not consider a variant that does not fit or needs what the device lacks', async () => {
    const { chooser, log } = makeChooser({ plain: 3, wide: 2, even: 1, lanes: 0.1 });
    await chooser.settle(() => [launch(5)]);
    expect(chooser.choose(launch(5).choices)).toBe('wide');
    expect(log.prepared).toEqual(['plain', 'wide']);
  });

  it.each([
    ['wide', { plain: 1, wide: 1.04, even: 2 }],
    ['plain', { plain: 1, wide: 1.06, even: 2 }],
    ['wide', { plain: 0, wide: 0, even: 0 }],
  ])('prefers %s in %j: a lead below 5 % is none', async (expected, times) => {
    const { chooser } = makeChooser(times);
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe(expected);
  });

  it('is done once for a class of shapes, and the choice stays', async () => {
    const times: Record<string, number> = { plain: 1, wide: 2, even: 3 };
    const { chooser, log } = makeChooser(times);
    await chooser.settle(() => [launch(4), launch(6), launch(200)]);
    expect(log.opened).toEqual([
      [6, 4],
      [200, 4],
    ]);
    times.plain = 9;
    expect(chooser.settle(() => [launch(4), launch(8), launch(300)])).toBeUndefined();
    expect([4, 8, 300].map((size) => chooser.choose(launch(size).choices))).toEqual([
      'plain',
      'plain',
      'plain',
    ]);
    expect(chooser.measured).toBe(2);
  });

  it('is off unless asked for', () => {
    const { chooser, log } = makeChooser({}, {});
    expect(chooser.settle(() => [launch(4)])).toBeUndefined();
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    expect(log.opened).toEqual([]);
  });

  it('is not needed where there is one kernel only', () => {
    const { chooser } = makeChooser({});
    const choices = onlyChoice(kernel('only'));
    expect(chooser.settle(() => [{ choices, inputs: [1], output: 1 }])).toBeUndefined();
    expect(chooser.choose(choices)).toBe('only');
    expect(chooser.chosen).toEqual(new Map());
  });

  it('leaves out, with a warning, a variant that fails', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const { chooser, log } = makeChooser({ plain: 2, wide: 5, even: new Error('The GPU refused it.') });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('plain');
    expect(log.disposed).toBe(1);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^regrad: even of sum small .* The GPU refused it\.$/)],
    ]);
  });

  it('leaves out, with a warning, a variant that computes something else than the plainest', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const times = { plain: 3, wide: 2, even: 1 };
    const { chooser } = makeChooser(times, { tuning: {} }, { even: Float32Array.of(1, 3) });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^regrad: even of sum small .* it computes 3 where plain computes 2\./)],
    ]);
  });

  it('prefers, and remembers nothing, where every variant fails or memory is short', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const failure = new Error('No.');
    const store = new Notes();
    const { chooser } = makeChooser({ plain: failure, wide: failure, even: failure }, { tuning: { store } });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    const short = new VariantChooser(
      { features: new Set(), adapterClass: 'hardware' },
      { tuning: { store } },
      () => {
        throw new RangeError('Too much.');
      },
    );
    await short.settle(() => [launch(4)]);
    expect(short.choose(launch(4).choices)).toBe('wide');
    expect(store.known.size).toBe(0);
    expect(warn).toHaveBeenCalledTimes(4);
  });

  it('prefers, and remembers nothing, once its time is spent', async () => {
    const store = new Notes();
    const tuning = { store, budget: { perChoice: 50, total: 0 } };
    const { chooser, log } = makeChooser({ plain: 1, wide: 2, even: 3 }, { tuning });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    expect(log.opened).toEqual([]);
    expect(store.known.size).toBe(0);
    expect(
      chooser.settle(() => [launch(4)]),
      'a choice made stays',
    ).toBeUndefined();
  });

  it('stops sampling a kernel when its own time is spent', async () => {
    const launches: number[] = [];
    const tuning = { budget: { perChoice: 50, total: 3000 } };
    const chooser = new VariantChooser({ features: new Set(), adapterClass: 'hardware' }, { tuning }, () => ({
      prepare: async () => ({
        sample: async (count) => {
          launches.push(count);
          return count * 20;
        },
        answer: Float32Array.of(1),
      }),
      dispose: () => {},
    }));
    await chooser.settle(() => [launch(5)]);
    // The first sample of each, then rounds of both until 50 ms are over.
    expect(launches).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('lets others wait meanwhile, and makes no choice that was made meanwhile', async () => {
    const { chooser } = makeChooser({ plain: 1, wide: 2, even: 3 });
    const settling = chooser.settle(() => [launch(4)]);
    expect(settling).toBeInstanceOf(Promise);
    expect(chooser.settle(() => [])).toBe(settling);
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    await settling;
    expect(chooser.choose(launch(4).choices)).toBe('wide');
    expect(chooser.settle(() => [])).toBeUndefined();
  });
});

describe('what is known', () => {
  it('is remembered, and then not measured', async () => {
    const store = new Notes();
    const first = makeChooser({ plain: 1, wide: 2, even: 3 }, { tuning: { store } });
    await first.chooser.settle(() => [launch(4)]);
    expect(store.known).toEqual(new Map([[keyOf(4), 'plain']]));
    const second = makeChooser({ plain: 3, wide: 2, even: 1 }, { tuning: { store } });
    expect(second.chooser.settle(() => [launch(4)])).toBeUndefined();
    expect(second.chooser.choose(launch(4).choices)).toBe('plain');
    expect(second.chooser.measured).toBe(0);
  });

  it('counts for nothing if it names no variant that fits', async () => {
    const store = new Notes(new Map([[keyOf(4), 'lanes']]));
    const { chooser } = makeChooser({ plain: 1, wide: 2, even: 3 }, { tuning: { store } });
    await chooser.settle(() => [launch(4)]);
    expect(chooser.choose(launch(4).choices)).toBe('plain');
    expect(store.known).toEqual(new Map([[keyOf(4), 'plain']]));
  });

  it('counts for nothing if a kernel has changed since', () => {
    const changed = { ...family, variants: { ...family.variants, plain: { kernel: () => kernel('other') } } };
    expect(choicesOf(changed, { size: 4 }).key(new Set())).not.toBe(keyOf(4));
    expect(choicesOf(changed, { size: 4 }).key(new Set())).toMatch(/^sum small [0-9a-f]{8}$/);
  });

  it('is obeyed where a run recorded it, before all else', () => {
    const store = new Notes(new Map([[keyOf(4), 'plain']]));
    const { chooser } = makeChooser(
      {},
      { tuning: { store }, favourVariant: 'plain', variants: new Map([[keyOf(4), 'even']]) },
    );
    expect(chooser.settle(() => [launch(4)])).toBeUndefined();
    expect(chooser.expect(launch(4).choices)).toBe('even');
    expect(chooser.chosen.size, 'looking is not choosing').toBe(0);
    expect(chooser.choose(launch(4).choices)).toBe('even');
    expect(chooser.chosen).toEqual(new Map([[keyOf(4), 'even']]));
  });

  it('is refused with a sentence where a run recorded a variant that there is not', () => {
    const { chooser } = makeChooser({}, { variants: new Map([[keyOf(4), 'fast']]) });
    expect(() => chooser.choose(launch(4).choices)).toThrow(
      /^The variant 'fast' was asked for, but sum small [0-9a-f]{8} has only plain, wide, even: take one of these/,
    );
  });

  it('is set aside by a favoured variant, where that fits', () => {
    const { chooser } = makeChooser({}, { favourVariant: 'even' });
    expect(chooser.choose(launch(4).choices)).toBe('even');
    expect(chooser.choose(launch(5).choices)).toBe('wide');
  });
});
