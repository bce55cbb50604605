/** What the operation modules offer to the public. */
import { readdirSync } from 'node:fs';
import * as engine from '../../src/engine/index.ts';

const folder = new URL('../../src/engine/ops/', import.meta.url);

/** Names of the functions that src/engine/ops/*.ts export and src/engine/index.ts passes on. */
export async function exportedOperations(): Promise<string[]> {
  const publicNames = new Map<string, unknown>(Object.entries(engine));
  const modules: Record<string, unknown>[] = await Promise.all(
    readdirSync(folder).map((file) => import(new URL(file, folder).href)),
  );
  return modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, value]) =>
      typeof value === 'function' && publicNames.get(name) === value ? [name] : [],
    ),
  );
}
