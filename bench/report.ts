/** The bench's results for people. */
import { formatTable } from '../src/experiments/table.ts';
import type { Measured } from './records.ts';
import type { Summary } from './samples.ts';

/** `n` samples of so many launches, said once for all tables. */
const legend =
  'Times are medians of one launch in ms, on the clock of the device where it has one (wall: until a result is read back), with ' +
  'the quartiles; n is samples x launches in each. FMA, copy and roof: share of the multiply-add peak, of the copy peak, and of ' +
  'the lower of the two limits for this kernel. Error: against float64, relative to the largest number.';

/** The two peaks, and what reached them. */
export function formatPeaks(measured: readonly Measured[]): string {
  const peaks = measured.filter(({ kind }) => kind === 'peak');
  const arithmetic = best(peaks, ({ gflops }) => gflops);
  const copy = best(
    peaks.filter(({ flops }) => flops === 0),
    ({ gigabytes }) => gigabytes ?? 0,
  );
  return [
    `Multiply-add peak: ${short(arithmetic.gflops)} GFLOP/s (${arithmetic.variant}; ${arithmetic.shape}).`,
    `Copy peak: ${amount(copy.gigabytes)} GB/s (${copy.variant}; ${copy.shape} read and as much written).`,
  ].join('\n');
}

function best(records: readonly Measured[], of: (record: Measured) => number): Measured {
  return records.reduce((most, record) => (of(record) > of(most) ? record : most));
}

export function formatKernels(kernels: readonly Measured[]): string {
  const table = formatTable(
    [
      'case',
      'kernel',
      'shapes',
      'ms',
      'quartiles',
      'n',
      'wall',
      'GFLOP/s',
      'GB/s',
      'FMA',
      'copy',
      'roof',
      'error',
    ],
    kernels.map((kernel) => {
      const time = kernel.gpu ?? kernel.wall;
      return [
        ...[kernel.case, kernel.variant, kernel.shape, short(time.median), quartiles(time)],
        `${time.n}x${kernel.repeats}`,
        ...[short(kernel.wall.median), short(kernel.gflops), amount(kernel.gigabytes)],
        ...[percent(kernel.ofFma), percent(kernel.ofCopy), percent(kernel.ofRoof)],
        kernel.error.toExponential(0),
      ];
    }),
  );
  return `${table}\n\n${legend}`;
}

export function formatEngine(steps: readonly Measured[]): string {
  const table = formatTable(
    [
      'case',
      'shapes',
      'wall, ms',
      'quartiles',
      'n',
      'GPU, ms',
      'launches',
      'first call, ms',
      'host, µs a launch',
    ].concat(['peak, MiB', 'GFLOP/s', 'FMA', 'error']),
    steps.map((step) => [
      ...[step.case, step.shape, short(step.wall.median), quartiles(step.wall), step.wall.n],
      ...[amount(step.gpu?.median), step.launches ?? '', amount(step.firstCall), amount(step.hostPerLaunch)],
      ...[amount(step.peakBytes === undefined ? undefined : step.peakBytes / 2 ** 20), short(step.gflops)],
      ...[percent(step.ofFma), step.error.toExponential(0)],
    ]),
  );
  return (
    `${table}\n\nWall: from the call to its results, read back. GPU: its kernels timed one by one. First call: recording, ` +
    'planning, compiling, running. Error: of two steps against float64, at a smaller size where a step is large.'
  );
}

function quartiles({ lower, upper }: Summary): string {
  return `${short(lower)} to ${short(upper)}`;
}

function amount(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : short(value);
}

/** Three digits, without an exponent. */
function short(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

function percent(share: number | null): string {
  return share === null ? '' : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
