/** From an adapter to a device with all that the adapter allows. */
import { GpuDevice, type GpuDeviceOptions } from './device.ts';

const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
] as const;

/** A device on `adapter` with the adapter's own limits. An adapter serves once: request another for another device. */
export async function createGpuDevice(adapter: GPUAdapter, options: GpuDeviceOptions): Promise<GpuDevice> {
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const features = adapter.features.has('timestamp-query') ? (['timestamp-query'] as const) : [];
  const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures: [...features] });
  return new GpuDevice(gpu, options);
}
