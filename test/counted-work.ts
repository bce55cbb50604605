/** How much a function does, counted rather than timed: elements that loops and array functions go over. */

/** Array functions that go over all elements. Spreading and `for of` take an iterator. */
const walks = [
  'concat',
  'every',
  'filter',
  'find',
  'findIndex',
  'findLastIndex',
  'flat',
  'flatMap',
  'forEach',
  'includes',
  'indexOf',
  'join',
  'map',
  'reduce',
  'slice',
  'some',
  'sort',
  'splice',
  'with',
] as const;

/** The elements that `body` goes over in arrays, sets and maps. Loops that count by an index are not seen. */
export function countedWork(body: () => unknown): number {
  let count = 0;
  const undo: (() => void)[] = [];
  const replace = (owner: object, name: string, before: (self: unknown) => void) => {
    const original: unknown = Reflect.get(owner, name);
    if (typeof original !== 'function') throw new Error(`There is no function ${name}.`);
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      before(this);
      return Reflect.apply(original, this, args);
    };
    Object.defineProperty(owner, name, { value: counted, configurable: true, writable: true });
    undo.push(() =>
      Object.defineProperty(owner, name, { value: original, configurable: true, writable: true }),
    );
  };
  for (const name of walks) {
    replace(Array.prototype, name, (self) => {
      if (Array.isArray(self)) count += self.length;
    });
  }
  for (const iterable of [[], new Set(), new Map()]) {
    replace(Object.getPrototypeOf(iterable[Symbol.iterator]()), 'next', () => count++);
  }
  for (const { prototype } of [Set, Map]) {
    replace(prototype, 'forEach', (self) => {
      if (self instanceof Set || self instanceof Map) count += self.size;
    });
  }
  try {
    body();
  } finally {
    for (const put of undo.reverse()) put();
  }
  return count;
}
