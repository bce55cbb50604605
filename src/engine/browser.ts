/** The device of a page or a worker: `navigator.gpu`, where the browser has it. */
import { adapterName, isSoftwareAdapter } from './adapter-info.ts';
import type { Device } from './device.ts';
import { createGpuDevice } from './run/gpu/request.ts';
import { ReferenceDevice } from './run/reference.ts';

/**
 * A device on the fastest adapter of `navigator.gpu`; without one, the reference executor, and a sentence in the
 * console says so. This is the default device wherever no entry has set another provider.
 *
 * @throws Error if the browser has an adapter but gives no device on it.
 */
export async function requestBrowserDevice(): Promise<Device> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    const lacking = gpu ? 'WebGPU found no adapter' : 'there is no WebGPU here (navigator.gpu is missing)';
    console.warn(`regrad: ${lacking}, so the float64 reference executor computes: right, but slow. ${cure}`);
    return new ReferenceDevice();
  }
  const adapterClass = isSoftwareAdapter(adapter.info) ? 'software' : 'hardware';
  return createGpuDevice(adapter, { name: adapterName(adapter.info), adapterClass });
}

const cure =
  "In Node, import 'regrad/node'. In a browser, use a recent one, serve the page over https or from localhost, and " +
  'see that graphics acceleration is on.';
