/** By what two configurations differ. */
import type { RunConfig } from './config.ts';

export interface DifferingKey {
  /** With dots between the keys of nested mappings. */
  readonly key: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** The keys whose values are not the same, in the order of the first configuration. */
export function differingKeys(a: RunConfig, b: RunConfig): DifferingKey[] {
  const [flatA, flatB] = [flattened(a, ''), flattened(b, '')];
  return [...new Set([...flatA.keys(), ...flatB.keys()])].flatMap((key) => {
    const [x, y] = [flatA.get(key), flatB.get(key)];
    return JSON.stringify(x) === JSON.stringify(y) ? [] : [{ key, a: x, b: y }];
  });
}

function flattened(value: object, prefix: string): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, held]) =>
      typeof held === 'object' && held !== null && !Array.isArray(held)
        ? [...flattened(held, `${prefix}${key}.`)]
        : [[`${prefix}${key}`, held] as [string, unknown]],
    ),
  );
}
