/** The GPU of the tests: one device for each process, whichever files run in it. */
import { requestNodeAdapter } from '../src/engine/node.ts';

interface TestGpu {
  device?: Promise<GPUDevice | undefined>;
  strayErrors: string[];
}

// Global, because a runner may load this module more than once.
const shared = globalThis as { regradTestGpu?: TestGpu };
shared.regradTestGpu ??= { strayErrors: [] };
const gpu = shared.regradTestGpu;

/**
 * A plain device with the limits and features of its adapter; REGRAD_ADAPTER chooses the adapter.
 * @returns undefined where there is only the reference executor.
 */
export function testDevice(): Promise<GPUDevice | undefined> {
  gpu.device ??= requestDevice();
  return gpu.device;
}

/** Errors that no error scope caught since the last call. */
export function takeStrayErrors(): string[] {
  return gpu.strayErrors.splice(0);
}

/** A device of one's own, to be destroyed after use; otherwise as `testDevice`. */
export async function requestDevice(): Promise<GPUDevice | undefined> {
  const { adapter } = await requestNodeAdapter();
  if (!adapter) return undefined;
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) limits[name] = Reflect.get(adapter.limits, name);
  const device = await adapter.requestDevice({
    requiredLimits: limits,
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
  });
  device.addEventListener('uncapturederror', (event) => gpu.strayErrors.push(event.error.message));
  return device;
}
