/** Wrong shapes, dtypes and numbers are refused when recorded, in a sentence that names the operation. */
import { describe, expect, it } from 'vitest';
import { errorCases } from './operations/errors.ts';
import { exportedOperations } from './operations/exported.ts';

describe('wrong uses', () => {
  it('are tried for every exported operation', async () => {
    expect([...new Set(errorCases.map(({ name }) => name))].sort()).toEqual(
      (await exportedOperations()).sort(),
    );
  });

  it.each(errorCases.map((use) => ({ ...use, use: String(use.call).replace(/__vite_ssr_\w+\.|\s+/g, ' ') })))(
    '$name refuses $use',
    ({ name, call, says }) => {
      let message = 'nothing was thrown';
      try {
        call();
      } catch (error) {
        message = error instanceof Error ? error.message : String(error);
      }
      expect(message).toMatch(new RegExp(`^${name}: .*\\.`));
      for (const text of says) expect(message).toContain(text);
    },
  );
});
