/** Checking a kernel, then timing it. */
import type { GpuDevice } from '../src/index.ts';
import type { Kernel } from '../src/kernels/kernel.ts';
import { type Answer, checkAnswer } from './check.ts';
import { type InputArray, type KernelCase, leastBytes, sizeOf } from './kernel-case.ts';
import { type PreparedKernel, prepareKernel } from './launch.ts';
import { collect, type Summary, summarize } from './samples.ts';

/** A kernel's times and what it did in them. */
export interface KernelMeasurement {
  /** Launches in every sample; times are of one. */
  readonly repeats: number;
  /** Milliseconds by the device's clock; absent where it has none. */
  readonly gpu?: Summary;
  /** Milliseconds from handing over the work to having read a result, shared between the repeats. */
  readonly wall: Summary;
  readonly flops: number;
  /** That any kernel for this formula must move. */
  readonly bytes: number;
  /** The largest difference from the right answer, relative to the largest number. */
  readonly error: number;
  /** Elements compared. */
  readonly checked: number;
}

/** A sample lasts at least as long, in milliseconds: short kernels are repeated in it. */
const shortestSample = 4;
const mostRepeats = 2000;

const leastSamples = 5;

/**
 * Compares what a kernel computes with the answer, and only then times it.
 *
 * @param seconds to spend on the samples that count.
 * @throws Error, a sentence, if the device refuses the kernel or its answer is wrong.
 */
export async function measureKernel(
  device: Pick<GpuDevice, 'gpu'>,
  kernel: Kernel,
  use: KernelCase,
  inputs: readonly InputArray[],
  answer: Answer,
  seconds: number,
): Promise<KernelMeasurement> {
  const prepared = await prepareKernel(device, kernel, inputs, sizeOf(use.outputShape));
  try {
    const error = checkAnswer(kernel, use, await prepared.output(), answer);
    const repeats = await repeatsFor(prepared);
    const samples = await collect(() => prepared.time(repeats), { seconds, least: leastSamples });
    const gpu = samples.flatMap((sample) => sample.gpu ?? []);
    return {
      repeats,
      gpu: gpu.length === samples.length ? summarize(gpu) : undefined,
      wall: summarize(samples.map(({ wall }) => wall)),
      flops: kernel.flops,
      bytes: leastBytes(use, inputs),
      error,
      checked: answer.places.length,
    };
  } finally {
    prepared.destroy();
  }
}

/** The time to judge a kernel by: the device's own where there is one. */
export function kernelTime({ gpu, wall }: Pick<KernelMeasurement, 'gpu' | 'wall'>): Summary {
  return gpu ?? wall;
}

async function repeatsFor({ time }: PreparedKernel): Promise<number> {
  const { gpu, wall } = await time(1);
  return Math.min(mostRepeats, Math.max(1, Math.ceil(shortestSample / (gpu ?? wall))));
}
