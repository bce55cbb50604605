/** From an adapter to a device with all that the adapter allows. */
import { refuse } from '../../arguments.ts';
import type { WebGpuAdapter } from '../../web-gpu.ts';
import { GpuDevice } from './device.ts';
import { checkDeviceOptions, type GpuDeviceOptions } from './options.ts';

const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
] as const;

/** Timing, and kernels whose invocations hand each other what they loaded. */
const wantedFeatures = ['timestamp-query', 'subgroups'] as const;

/** A device on `adapter` with the adapter's own limits and features. An adapter serves once: request another for another device. */
export async function createGpuDevice(adapter: WebGpuAdapter, options: GpuDeviceOptions): Promise<GpuDevice> {
  if (typeof adapter?.requestDevice !== 'function')
    refuse('createGpuDevice', 'adapter', adapter, 'a GPUAdapter');
  checkDeviceOptions('createGpuDevice', options);
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
  const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  return new GpuDevice(gpu, options);
}
