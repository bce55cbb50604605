/**
 * Every operation, first on the reference executor, whose derivatives are compared with central differences in float64,
 * then on the GPU, whose values and derivatives are compared with the reference.
 */
import { describe, expect, it } from 'vitest';
import { gradCheck, run, setDevice, type Tensor } from '../src/engine/index.ts';
import { derivatives, expectClose, gpu, onBoth, reference } from './devices.ts';
import { exportedOperations } from './operations/exported.ts';
import { rows } from './operations/index.ts';
import type { Case, Row } from './operations/row.ts';

describe('the table', () => {
  it('has a row for every exported operation, and only for those', async () => {
    expect(rows.map(({ name }) => name).sort()).toEqual((await exportedOperations()).sort());
  });

  it('is looser than 1e-4 only with a reason', () => {
    expect(rows.filter(({ tolerance, reason }) => tolerance !== undefined && !reason)).toEqual([]);
  });
});

/** The inputs to differentiate: none where the operation has no derivative. */
function variables(row: Row, { inputs, build }: Case): Tensor[] {
  if (row.differentiable === false || build(...inputs).dtype !== 'f32') return [];
  return inputs.filter(({ dtype, size }) => dtype === 'f32' && size > 0);
}

/** The builder as a function of the variables alone. */
function ofVariables({ build, inputs }: Case, chosen: readonly Tensor[]): (...values: Tensor[]) => Tensor {
  return (...values) => build(...inputs.map((input) => values[chosen.indexOf(input)] ?? input));
}

describe.each(rows)('$name', (row) => {
  const { order = 2, tolerance = 1e-4 } = row;

  it('has the derivatives that central differences have', async () => {
    setDevice(reference);
    for (const use of row.cases) {
      const chosen = variables(row, use);
      if (chosen.length === 0) continue;
      for (let n = 1; n <= order; n++) {
        const { error } = await gradCheck(ofVariables(use, chosen), chosen, { order: n });
        expect(error, `order ${n} of ${use.label}`).toBeLessThanOrEqual(1e-6);
      }
    }
    await run();
  });

  it.skipIf(!gpu)('is the same on the GPU, with its derivatives', async () => {
    const labels: string[] = [];
    const results = await onBoth(() => {
      labels.length = 0;
      return row.cases.flatMap((use) => {
        const chosen = variables(row, use);
        const output = use.build(...use.inputs);
        const orders = chosen.length === 0 ? [] : derivatives(output, chosen, order);
        const all = [[output], ...orders];
        all.forEach((list, n) => {
          list.forEach((_, i) => labels.push(`order ${n}, result ${i} of ${use.label}`));
        });
        return all.flat();
      });
    });
    labels.forEach((label, i) => {
      expectClose(results.gpu?.[i] ?? [], results.reference[i], tolerance, label);
    });
  });
});
