/**
 * Callers without types: every public function is called with values of a wrong kind in every place, an option's too, and
 * must say so in a sentence that begins with its name.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as regrad from '../src/index.ts';
import { ReferenceDevice, run, setDevice } from '../src/index.ts';
import { Also, type Kind, notForCallers, onlyWrong, saidBy, table, wrong } from './right-arguments.ts';

const module = new regrad.Identity();
const one = regrad.tensor(1);
const image = regrad.ones([1, 1, 2, 2]);
const generator = regrad.createGenerator(0);

/** Each public function's name, a call of it (of a class: an instance), and whether that gives a module. */
const publicFunctions = Object.entries<unknown>(regrad).flatMap(([name, value]) => {
  if (typeof value !== 'function') return [];
  const isClass = String(value).startsWith('class');
  const call = (args: readonly unknown[]) =>
    isClass ? Reflect.construct(value, args) : Reflect.apply(value, undefined, args);
  const givesModule = value.prototype instanceof regrad.Module || ['mlp', 'resnet', 'vgg'].includes(name);
  return [[name, call, givesModule] as const];
});

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function rightValue(arg: unknown): unknown {
  if (arg instanceof Also) return rightValue(arg.value);
  return isPlain(arg) ? mapEntries(arg, rightValue) : arg;
}

function mapEntries<T>(object: Readonly<Record<string, T>>, change: (value: T, name: string) => unknown) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
}

/** A place for a value: an argument, or an entry of one that is a plain object, and so on. */
interface Place {
  readonly where: string;
  /** Kinds of `wrong` that are right here. */
  readonly kinds: readonly Kind[];
  /** The whole argument list with the value in this place and right values elsewhere. */
  readonly put: (value: unknown) => readonly unknown[];
  /** Names of the entries, where the argument is a plain object. */
  readonly entries?: readonly string[];
}

function placesIn(arg: unknown, where: string, put: Place['put']): Place[] {
  const { value, kinds } = arg instanceof Also ? arg : new Also(arg);
  if (!isPlain(value)) return [{ where, kinds, put }];
  const inside = Object.entries(value).flatMap(([name, entry]) =>
    placesIn(entry, `${where}.${name}`, (given) => put({ ...mapEntries(value, rightValue), [name]: given })),
  );
  return [{ where, kinds, put, entries: Object.keys(value) }, ...inside];
}

/** What a call, or the promise that it returns, throws. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function expectSentence(call: () => unknown, name: string, what: string): Promise<string> {
  const error = await thrownBy(call);
  const message = error instanceof Error ? error.message : 'nothing was thrown';
  expect(message, what).toMatch(new RegExp(`^${name}: .*\\.$`));
  expect(message, what).not.toMatch(/Cannot|is not (a function|iterable)|\[object|=>/);
  return message;
}

beforeAll(() => setDevice(new ReferenceDevice()));
// What was assigned is computed here, not with some other file's first value.
afterAll(() => run());

describe('every public function', () => {
  it('is in the table', () => {
    const names = publicFunctions.map(([name]) => name).filter((name) => !notForCallers.includes(name));
    expect(Object.keys(table).sort()).toEqual(names.sort());
  });

  it.each(publicFunctions.filter(([name]) => name in table))('%s', async (name, call) => {
    const right = table[name].map(rightValue);
    const isCalled = !onlyWrong.includes(name);
    if (isCalled) expect(await thrownBy(() => call(right))).toBeUndefined();
    const places = table[name].flatMap((arg, at) =>
      placesIn(arg, `argument ${at}`, (value) => right.with(at, value)),
    );
    for (const { where, kinds, put, entries } of places) {
      for (const kind of Object.keys(wrong) as Kind[]) {
        const use = () => call(put(wrong[kind]));
        const what = `${where} is ${kind}`;
        if (!kinds.includes(kind)) {
          const message = await expectSentence(use, `(${name}|${saidBy[name]})`, what);
          const known = /the unknown entry "unknown"; expected (.*)\.$/.exec(message)?.[1].split(/, | or /);
          if (known !== undefined)
            expect(entries?.toSorted(), `${where}, all options`).toEqual(known.toSorted());
        } else if (isCalled) {
          expect(await thrownBy(use), what).toBeUndefined();
        }
      }
    }
  });
});

it.each([
  ['Linear', () => Reflect.construct(regrad.Linear, [2, 2, one]), 'options is a tensor'],
  ['Linear', () => Reflect.construct(regrad.Linear, [2, 2, { generatr: 1 }]), 'unknown entry "generatr"'],
  ['batchNorm', () => Reflect.apply(regrad.batchNorm, undefined, [image, one, one]), 'options is a tensor'],
  ['adam', () => Reflect.apply(regrad.adam, undefined, [[], { betas: [0.9] }]), 'betas is a list'],
  ['gradCheck', () => regrad.gradCheck(regrad.exp, [one], { order: 0 }), 'order is 0'],
  ['gradCheck', () => regrad.gradCheck(regrad.exp, [one], { step: 0 }), 'step is 0'],
  ['reshape', () => Reflect.apply(regrad.reshape, undefined, [one, ['1']]), 'do not fit ["1"]'],
  ['split', () => Reflect.apply(regrad.split, undefined, [image, ['1']]), 'got ["1"]'],
  ['resnet18', () => Reflect.apply(regrad.resnet18, undefined, [{ classes: 2, widths: [1] }]), '"widths"'],
  ['Conv2d', () => new regrad.Conv2d(1, 1, 1, { generator, weights: () => one }), 'expected [1,1,1,1]'],
] as const)('%s, called with what is nearly right', async (name, use, says) => {
  expect(await expectSentence(use, name, says)).toContain(says);
});

describe('what public functions return', () => {
  const modules = publicFunctions.filter(([, , givesModule]) => givesModule);
  const someWrong = Object.entries(wrong).filter(([kind]) => kind !== 'NaN');

  it.each(modules)('%s: forward', async (name, call) => {
    const made = call(table[name].map(rightValue));
    for (const [kind, value] of someWrong)
      await expectSentence(() => made.forward(value), '\\w+', `x is ${kind}`);
  });

  it.each([
    ['train', 'train', 'true undefined'],
    ['withFrozenStatistics', 'withFrozenStatistics', 'function'],
    ['repeatingPass', 'repeatingPass', 'function'],
    ['loadStateDict', 'loadStateDict', ''],
  ] as const)('a module: %s', async (method, says, rightKinds) => {
    for (const [kind, value] of Object.entries(wrong)) {
      if (rightKinds.split(' ').includes(kind)) continue;
      await expectSentence(() => Reflect.apply(module[method], module, [value]), says, kind);
    }
    const misspelt = () => Reflect.apply(module.loadStateDict, module, [new Map(), { strickt: true }]);
    await expectSentence(misspelt, 'loadStateDict', 'an unknown option');
  });

  it.each([regrad.sgd, regrad.adam])('$name: its methods', async (make) => {
    const { name } = make;
    const optimizer = make([regrad.state(one)], { learningRate: 1 });
    for (const method of ['step', 'setLearningRate', 'loadStateDict'] as const) {
      for (const [kind, value] of Object.entries(wrong)) {
        await expectSentence(
          () => Reflect.apply(optimizer[method], optimizer, [value]),
          name,
          `${method}: ${kind}`,
        );
      }
    }
    await expectSentence(() => optimizer.step([]), name, 'no gradients');
  });

  it('compile: its arguments, and its result', async () => {
    const compiled = regrad.compile((a: regrad.Tensor) => a);
    for (const [kind, value] of Object.entries(wrong)) {
      await expectSentence(() => Reflect.apply(compiled, undefined, [value]), 'compile', kind);
      await expectSentence(
        Reflect.apply(regrad.compile, undefined, [() => value]),
        'compile',
        `gives ${kind}`,
      );
    }
  });
});
