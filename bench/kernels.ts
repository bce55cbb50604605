/**
 * The hot kernels, raw: every variant of matmul and of the convolutions on the chosen adapter.
 *
 *     npm run -s bench -- [--adapter KIND] [--runs COUNT] [--only TEXT] [--out]
 *
 * A kernel's answer is first compared with plain float64 loops; a wrong one stops the bench. Then come two runs that do
 * not count and COUNT runs that do, each timed by the adapter's timestamps, or from submit to completion where it has
 * none. `--only conv` keeps the rows whose name holds the text; `--out` also writes JSON lines to bench/results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeAdapter, parseAdapterChoice, requestNodeDevice } from '../src/engine/node.ts';
import { GpuDevice } from '../src/index.ts';
import type { Variant } from '../src/kernels/matmul.ts';
import { benchCases } from './cases.ts';
import { Launcher } from './launcher.ts';

const variants: Variant[] = ['direct', 'tiled'];

const { values: options } = parseArgs({
  options: {
    adapter: { type: 'string' },
    runs: { type: 'string', default: '9' },
    only: { type: 'string', default: '' },
    out: { type: 'boolean', default: false },
  },
});
