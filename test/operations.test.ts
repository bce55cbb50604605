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

/** The inputs to differentiate: none where the result is no f32 or the operation has no derivative. */
function variables(row: Row, { inputs, build }: Case): Tensor[] {
  if (row.differentiable === false || build(...inputs).dtype !== 'f32') return [];
  return inputs.filter(({ dtype, size }) => dtype === 'f32' && size > 0);
}

const differentiable = rows.filter((row) => row.cases.some((use) => variables(row, use).length > 0));

describe('the table', () => {
  it('has a row for every exported operation, and only for those', async () => {
    expect(rows.map(({ name }) => name).sort()).toEqual((await exportedOperations()).sort());
  });

  it('is looser than 1e-4 only with a reason', () => {
    expect(rows.filter(({ tolerance = 0, reason }) => tolerance > 1e-4 && !reason)).toEqual([]);
  });

  it('lacks derivatives only where results are integers or draws', () => {
    const without = rows.filter((row) => !differentiable.includes(row)).map(({ name }) => name);
    const comparisons = ['eq', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual', 'isNan', 'cast'];
    const logic = ['logicalAnd', 'logicalOr', 'logicalXor', 'logicalNot'];
    const positions = ['argMax', 'argMin', 'oneHot'];
    const draws = [
      'createGenerator',
      'randomBits',
      'uniform',
      'normal',
      'bernoulli',
      'categorical',
      'permutation',
    ];
    expect(without.sort()).toEqual([...comparisons, ...logic, ...positions, ...draws].sort());
  });
});

describe('derivatives on the reference executor are what central differences give', () => {
  it.each(differentiable)('$name', async (row) => {
    setDevice(reference);
    for (const use of row.cases) {
      const chosen = variables(row, use);
      if (chosen.length === 0) continue;
      const build = (...values: Tensor[]) =>
        use.build(...use.inputs.map((input) => values[chosen.indexOf(input)] ?? input));
      for (let order = 1; order <= (row.order ?? 2); order++) {
        const { error } = await gradCheck(build, chosen, { order });
        expect(error, `order ${order} of ${use.label}`).toBeLessThanOrEqual(1e-6);
      }
    }
    // Generators that were drawn from have a new state to compute.
    await run();
  });
});

describe.skipIf(!gpu)('values and derivatives on the GPU are those of the reference executor', () => {
  it.each(rows)('$name', async (row) => {
    const cases = row.cases.map((use) => ({ use, chosen: variables(row, use) }));
    const results = await onBoth(() =>
      cases.flatMap(({ use, chosen }) => {
        const output = use.build(...use.inputs);
        return [output, ...(chosen.length > 0 ? derivatives(output, chosen, row.order ?? 2).flat() : [])];
      }),
    );
    let at = 0;
    for (const { use, chosen } of cases) {
      const count = 1 + chosen.length * (row.order ?? 2);
      for (let i = 0; i < count; i++, at++) {
        const order = i === 0 ? 0 : Math.ceil(i / chosen.length);
        const what = `order ${order} of ${use.label}`;
        expectClose(results.gpu?.[at] ?? [], results.reference[at], row.tolerance ?? 1e-4, what);
      }
    }
    expect(at).toBe(results.reference.length);
  });
});
