/** The bench as a whole: what to run, running it, and where the results go. */
import { type AdapterChoice, describeAdapter, requestNodeDevice } from '../src/engine/node.ts';
import { writeFileAtomic } from '../src/experiments/files.ts';
import { createProgress } from '../src/experiments/progress.ts';
import { GpuDevice } from '../src/index.ts';
import { kernelCases } from './cases.ts';
import { answerOf } from './check.ts';
import { compareRuns, formatComparisons, middleRuns, runsIn } from './compare.ts';
import { isModulePath, loadCustomCases } from './custom-kernel.ts';
import { type EngineCase, engineCases } from './engine-cases.ts';
import type { KernelCase } from './kernel-case.ts';
import { measureKernel } from './measure.ts';
import { measureEngine } from './measure-engine.ts';
import { type Peaks, peakCases } from './peaks.ts';
import { engineRecord, kernelRecord, Recorder } from './recorder.ts';
import { environmentOf, type Measured, readRecords } from './records.ts';
import { formatEngine, formatKernels, formatPeaks } from './report.ts';
import { rooflineFigure } from './roofline-figure.ts';

export interface BenchOptions {
  /** Part of a case's name, or the path of a module with a kernel of one's own; absent: everything. */
  readonly filter?: string;
  readonly adapter?: AdapterChoice;
  /** For the samples of each case. */
  readonly seconds: number;
  /** Times to measure everything, one after the other; as often as what is compared with, unless told. */
  readonly runs?: number;
  /** Also on a software adapter what is meant for a GPU. */
  readonly all?: boolean;
  /** JSON lines of an earlier run to compare with. */
  readonly compare?: string;
  /** Where the JSON lines go. */
  readonly out?: string;
  /** JSON lines on standard output in place of the tables. */
  readonly json?: boolean;
  /** Where the figure of the roofline goes. */
  readonly svg?: string;
}

interface Selection {
  readonly kernels: readonly KernelCase[];
  readonly engine: readonly EngineCase[];
}

/** Of the time for a case, what is spent on each of the kernels that may reach a peak. */
const shareForPeaks = 0.25;

/**
 * Measures, and prints tables or JSON lines. What fails (a wrong answer, a kernel that the device refuses) is told at
 * once, the rest is still measured, and an error is thrown at the end.
 *
 * @throws Error, a sentence, also if nothing matches the filter, a file cannot be used, or there is no GPU.
 */
export async function runBench(options: BenchOptions): Promise<void> {
  const { filter, adapter: choice, seconds, compare, out, json = false, svg } = options;
  const wanted = await selectCases(filter);
  const before = compare === undefined ? undefined : await readRecords(compare);
  const { device, adapter } = await requestNodeDevice(choice);
  if (!(device instanceof GpuDevice)) {
    throw new Error(`The bench needs a GPU, real or simulated. ${adapter.reason ?? ''}`.trimEnd());
  }
  console.error(describeAdapter(adapter));
  const selection = options.all ? wanted : forDevice(wanted, device, filter);
  const recorder = new Recorder(await environmentOf(adapter), out, json);
  await recorder.open();
  const runs = options.runs ?? (before ? runsIn(before) : 1);
  let peaks: Peaks | undefined;
  for (let run = 0; run < runs; run++) {
    peaks = await measureAll(selection, { device, choice, seconds, recorder });
  }

  const { failed } = recorder;
  const measured = middleRuns(recorder.measured);
  if (!json) console.log(reportOf(measured, peaks));
  const namedFor = new Map(wanted.kernels.flatMap(({ name, namedFor: own }) => (own ? [[name, own]] : [])));
  const figure =
    svg !== undefined && peaks && rooflineFigure(device.name, peaks, kernelsOf(measured), namedFor);
  if (figure) await writeFileAtomic(svg, figure);
  if (before && compare !== undefined) {
    const text = formatComparisons(compareRuns(before, recorder.measured), compare);
    // Standard output stays JSON for whoever asked for it.
    if (json) console.error(text);
    else console.log(`\n${text}`);
  }
  if (failed.length > 0) {
    const names = failed.map(({ case: name, variant }) => `${name} ${variant}`.trim());
    const many = failed.length === 1 ? '1 measurement' : `${failed.length} measurements`;
    throw new Error(`${many} failed, as told above: ${names.join(', ')}. The first: ${failed[0].reason}`);
  }
}

/** The cases that are asked for, before it is known where they will run. */
async function selectCases(filter: string | undefined): Promise<Selection> {
  if (filter !== undefined && isModulePath(filter)) {
    return { kernels: await loadCustomCases(filter), engine: [] };
  }
  const all = { kernels: kernelCases(), engine: engineCases() };
  if (filter === undefined) return all;
  const matches = ({ name }: { readonly name: string }) => name.includes(filter);
  const found = { kernels: all.kernels.filter(matches), engine: all.engine.filter(matches) };
  if (found.kernels.length + found.engine.length > 0) return found;
  const names = [...all.kernels, ...all.engine].map(({ name }) => name).join(', ');
  throw new Error(
    `No case has '${filter}' in its name, and it is no module's file; the cases are: ${names}.`,
  );
}

function forDevice(wanted: Selection, { adapterClass }: GpuDevice, filter: string | undefined): Selection {
  if (adapterClass === 'hardware') return wanted;
  const kernels = wanted.kernels.filter(({ hardwareOnly }) => !hardwareOnly);
  const engine = wanted.engine.filter(({ hardwareOnly }) => !hardwareOnly);
  if (kernels.length + engine.length > 0) return { kernels, engine };
  throw new Error(
    `What '${filter}' selects is meant for a GPU and takes minutes without; --all runs it all the same.`,
  );
}

interface Means {
  readonly device: GpuDevice;
  readonly choice: AdapterChoice | undefined;
  readonly seconds: number;
  readonly recorder: Recorder;
}

/** Measures the peaks, if there are kernels to hold against them, the kernels, and what the engine runs. */
async function measureAll({ kernels, engine }: Selection, means: Means): Promise<Peaks | undefined> {
  const { device, choice, seconds, recorder } = means;
  const roofs = kernels.length > 0 ? peakCases(device) : [];
  const units = [...roofs, ...kernels].reduce(
    (total, { variants }) => total + variants(device.gpu.features).length,
    engine.length,
  );
  const progress = createProgress({ total: units, label: 'bench' });
  let done = 0;
  const onDone = (name: string) => progress.update(++done, name);
  try {
    const times = { ...means, onDone };
    for (const use of roofs) await measureCase('peak', use, { ...times, seconds: seconds * shareForPeaks });
    const peaks = roofs.length > 0 ? peaksOf(recorder.measured) : undefined;
    for (const use of kernels) await measureCase('kernel', use, { ...times, peaks });
    for (const use of engine) {
      try {
        await recorder.add(engineRecord(use, await measureEngine(use, device, choice, seconds), peaks));
      } catch (error) {
        await recorder.fail(use.name, '', error);
      }
      onDone(use.name);
    }
    return peaks;
  } finally {
    progress.stop();
  }
}

async function measureCase(
  kind: 'peak' | 'kernel',
  use: KernelCase,
  {
    device,
    seconds,
    recorder,
    peaks,
    onDone,
  }: Means & { readonly peaks?: Peaks; readonly onDone: (name: string) => void },
): Promise<void> {
  const inputs = use.inputs();
  const answer = answerOf(use, inputs);
  for (const kernel of use.variants(device.gpu.features)) {
    try {
      const measurement = await measureKernel(device, kernel, use, inputs, answer, seconds);
      await recorder.add(kernelRecord(kind, use, kernel.name, measurement, peaks));
    } catch (error) {
      await recorder.fail(use.name, kernel.name, error);
    }
    onDone(`${use.name}, ${kernel.name}`);
  }
}

/** The best that any kernel for a peak reached. */
function peaksOf(measured: readonly Measured[]): Peaks {
  const peaks = measured.filter(({ kind }) => kind === 'peak');
  const most = (of: (record: Measured) => number) =>
    peaks.reduce((best, peak) => Math.max(best, of(peak)), 0);
  return {
    flops: 1e9 * most(({ gflops }) => gflops),
    bandwidth: 1e9 * most(({ flops, gigabytes }) => (flops === 0 ? (gigabytes ?? 0) : 0)),
  };
}

function kernelsOf(measured: readonly Measured[]): Measured[] {
  return measured.filter(({ kind }) => kind === 'kernel');
}

function reportOf(measured: readonly Measured[], peaks: Peaks | undefined): string {
  const kernels = kernelsOf(measured);
  const engine = measured.filter(({ kind }) => kind === 'engine');
  return [
    ...(peaks ? [formatPeaks(measured)] : []),
    ...(kernels.length > 0 ? [formatKernels(kernels)] : []),
    ...(engine.length > 0 ? [formatEngine(engine)] : []),
  ].join('\n\n');
}
