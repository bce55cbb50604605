/** Checking and timing what the engine runs as a whole. */
import { relativeError } from '../src/cli/self-check.ts';
import type { AdapterChoice } from '../src/engine/node.ts';
import { requestNodeDevice } from '../src/engine/node.ts';
import { type Device, GpuDevice, type NumberArray, ReferenceDevice, read, setDevice } from '../src/index.ts';
import type { EngineCase, EngineWork } from './engine-cases.ts';
import { collect, type Summary, summarize } from './samples.ts';

export interface EngineMeasurement {
  /** Milliseconds from calling the step to having its results. */
  readonly wall: Summary;
  /** Milliseconds that its kernels take on the device one by one; absent without timestamps. */
  readonly gpu?: Summary;
  readonly launches: number;
  readonly flops: number;
  /** Milliseconds of the first call: recording, planning, compiling kernels, running. */
  readonly firstCall: number;
  /** Microseconds of the host for each launch, once a step is planned. */
  readonly hostPerLaunch: number;
  /** The most memory that the device's buffers took. */
  readonly peakBytes: number;
  readonly error: number;
  readonly checked: number;
}

const leastSamples = 3;

/**
 * Compares two steps with the reference executor's, and then times steps on a device of their own, so that the first
 * call compiles everything and the peak of memory is the case's.
 *
 * @param device to check on. Changes the device in use, and leaves it changed.
 * @param choice the adapter to ask for another device on.
 * @throws Error, a sentence, if numbers are wrong or the device fails.
 */
export async function measureEngine(
  use: EngineCase,
  device: GpuDevice,
  choice: AdapterChoice | undefined,
  seconds: number,
): Promise<EngineMeasurement> {
  const { error, checked } = await checkEngine(use, device);
  const { device: own } = await requestNodeDevice(choice);
  if (!(own instanceof GpuDevice)) throw new Error(`${use.name} needs a GPU, and the adapter has gone.`);
  try {
    setDevice(own);
    return { ...(await timeEngine(use.make(), own, seconds)), error, checked };
  } finally {
    setDevice(device);
    own.destroy();
  }
}

/** The error of the worst tensor after two steps, at the size that the reference executor can do. */
async function checkEngine(
  use: EngineCase,
  device: GpuDevice,
): Promise<{ readonly error: number; readonly checked: number }> {
  const make = use.makeSmall ?? use.make;
  const expected = await twoSteps(new ReferenceDevice(), make);
  const actual = await twoSteps(device, make);
  const errors = expected.map((values, i) => relativeError(actual[i], values));
  const error = Math.max(...errors);
  if (!(error <= use.tolerance)) {
    throw new Error(
      `${use.name} is wrong: after two steps, tensor ${errors.indexOf(error)} of its results and states differs from the ` +
        `reference executor's by ${error.toExponential(1)} of its largest number; ${use.tolerance} is allowed.`,
    );
  }
  return { error, checked: expected.reduce((total, { length }) => total + length, 0) };
}

async function twoSteps(device: Device, make: () => EngineWork): Promise<NumberArray[]> {
  setDevice(device);
  const { step, state } = make();
  const results = [await step(), await step()].flat();
  return [...(await Promise.all(results.map((tensor) => tensor.data()))), ...(await read(...state))];
}

async function timeEngine(
  { step }: EngineWork,
  device: GpuDevice,
  seconds: number,
): Promise<Omit<EngineMeasurement, 'error' | 'checked'>> {
  const finish = async () => {
    await step();
    await device.synchronize();
  };
  const start = performance.now();
  await finish();
  const firstCall = performance.now() - start;
  const before = device.counters().dispatches;
  await finish();
  const launches = device.counters().dispatches - before;
  const samples = await collect(() => timeStep(step, device), { seconds, least: leastSamples, warm: true });
  const { peakBytes } = device.memory();
  const timed = await profileStep(finish, device, seconds / 2);
  return {
    ...timed,
    wall: summarize(samples.map(({ wall }) => wall)),
    launches,
    firstCall,
    hostPerLaunch: (1000 * summarize(samples.map(({ host }) => host)).median) / launches,
    peakBytes,
  };
}

/** Milliseconds of a step, and of the host's part of it. */
async function timeStep(
  step: EngineWork['step'],
  device: GpuDevice,
): Promise<{ readonly wall: number; readonly host: number }> {
  const start = performance.now();
  const done = step();
  const host = (await afterMicrotasks()) - start;
  await done;
  await device.synchronize();
  return { wall: performance.now() - start, host };
}

/** When all that needs no waiting has run: the step is handed over then, and only the device is waited for. */
async function afterMicrotasks(): Promise<number> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return performance.now();
}

/** The time of the kernels one by one, which leaves out what a pass as a whole gains or loses. */
async function profileStep(
  finish: () => Promise<void>,
  device: GpuDevice,
  seconds: number,
): Promise<{ readonly gpu?: Summary; readonly flops: number }> {
  if (!device.gpu.features.has('timestamp-query')) return { flops: 0 };
  let flops = 0;
  const samples = await collect(
    async () => {
      const kernels = await device.profile(finish);
      flops = kernels.reduce((total, kernel) => total + kernel.flops, 0);
      return { wall: kernels.reduce((total, { milliseconds }) => total + milliseconds, 0) };
    },
    { seconds, least: 1, warm: true },
  );
  return { gpu: summarize(samples.map(({ wall }) => wall)), flops };
}
