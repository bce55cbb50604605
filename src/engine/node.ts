/**
 * The Node entry: supplies a WebGPU adapter where there is no `navigator.gpu`. Importing it is enough: from then on the
 * default device, found when a value is first asked for, is the best that `requestNodeAdapter` finds.
 *
 * WebGPU comes from the optional package `webgpu` (Dawn), loaded when first needed. On Linux, Dawn needs a Vulkan
 * loader and a driver; what the system lacks of them, the packaged SwiftShader supplies (see swiftshader.ts).
 */
import type { create as createGpu } from 'webgpu';
import { adapterName, isSoftwareAdapter } from './adapter-info.ts';
import { type Device, setDeviceProvider } from './device.ts';
import { napUntil } from './nap.ts';
import type { GpuDeviceOptions } from './run/gpu/options.ts';
import { createGpuDevice } from './run/gpu/request.ts';
import type { VariantsByKey } from './run/gpu/variants.ts';
import { ReferenceDevice } from './run/reference.ts';
import { openSwiftShader } from './swiftshader.ts';
import { VariantFile, variantFilePath } from './variant-file.ts';
import { announceDrivers, loaderFile, openLibrary, systemDrivers } from './vulkan-drivers.ts';
import type { WebGpuAdapter } from './web-gpu.ts';

export const adapterChoices = ['auto', 'hardware', 'software', 'reference'] as const;

/** `auto`: the best there is. The others are taken at their word: what was asked for, or an error. */
export type AdapterChoice = (typeof adapterChoices)[number];

export interface AdapterResult {
  /** `reference`: no WebGPU; the plain float64 executor does the work. */
  kind: 'hardware' | 'software' | 'reference';
  /** Absent for `reference`. Good for one `requestDevice`. */
  adapter?: WebGpuAdapter;
  /** The device, as its driver calls it. */
  name: string;
  /** The driver and its version. */
  driver: string;
  /** Where the driver comes from: the system, or a package installed with regrad. */
  source: 'system' | 'packaged' | 'none';
  /** One sentence: why nothing better was taken. */
  reason?: string;
}

/**
 * Timestamps in nanoseconds instead of steps of 65 µs; what is timed here is one's own work, so nothing leaks.
 * And zeroing of workgroup memory by Dawn's own loop: SwiftShader unrolls its own, which takes seconds to compile.
 */
const dawnOptions = [
  'disable-dawn-features=timestamp_quantization,use_vulkan_zero_initialize_workgroup_memory_extension',
];

/** Parts of the names of CPU drivers: Mesa's, Google's, Microsoft's. */
const softwareNames = ['llvmpipe', 'SwiftShader', 'Microsoft Basic Render'];

/** Dawn crashes when a GPU object is collected while a device made from it lives on. */
const livingGpus: GPU[] = [];

/**
 * Finds an adapter. `auto` takes the system's GPU, else the system's software driver, else the packaged SwiftShader,
 * else none (kind `reference`, with the reason); `software` takes the second or third, `hardware` the first only.
 * Also makes the classes and constants of WebGPU global, as a browser does. To be called in the main thread.
 *
 * @param choice by default the environment variable REGRAD_ADAPTER, else `auto`.
 * @throws Error, with what to do, if `hardware` or `software` is asked for and there is none; if REGRAD_ADAPTER is
 *   not one of `adapterChoices`.
 */
export async function requestNodeAdapter(
  choice: AdapterChoice = parseAdapterChoice(process.env.REGRAD_ADAPTER || 'auto', 'REGRAD_ADAPTER'),
): Promise<AdapterResult> {
  if (choice === 'reference') return reference('The reference executor was asked for.');
  try {
    return await findAdapter(choice);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (choice === 'auto') return reference(reason);
    throw new Error(`The adapter '${choice}' was asked for, but: ${reason} Or ask for 'auto'.`);
  }
}

/**
 * Reads an adapter choice that a person typed.
 * @param where what they typed it into, for the error: `--adapter`.
 * @throws Error that lists the choices.
 */
export function parseAdapterChoice(text: string, where: string): AdapterChoice {
  const choice = adapterChoices.find((name) => name === text);
  if (choice) return choice;
  throw new Error(`${where} is '${text}', but it must be one of ${adapterChoices.join(', ')}.`);
}

export interface NodeDeviceOptions {
  /**
   * Whether to measure which kernels are the fastest, and to remember it in the user's cache folder. By default the
   * environment variable REGRAD_TUNE, `on` or `off`, else what pays: on a GPU yes, on a software adapter no.
   */
  readonly tune?: boolean;
  /** Kernels to use, whatever is measured or remembered: `Device.variants()` of the run that is to be continued. */
  readonly variants?: VariantsByKey;
  /** See `GpuDeviceOptions`. */
  readonly onCompile?: GpuDeviceOptions['onCompile'];
}

/** Whether kernels are measured on a device, and what is known of it. */
export interface TuningState {
  readonly on: boolean;
  /** Where it is remembered; absent for a user without a home. */
  readonly file?: string;
  /** Choices that are remembered for this device by now. */
  readonly remembered: number;
}

export interface NodeDevice {
  readonly device: Device;
  readonly adapter: AdapterResult;
  /** Absent for the reference executor, which has no kernels. */
  readonly tuning?: TuningState;
}

/**
 * A device for `setDevice`, on the adapter that `requestNodeAdapter` finds, or the reference executor.
 *
 * @param choice as for `requestNodeAdapter`, whose errors it throws too.
 * @throws Error if REGRAD_TUNE is neither `on` nor `off`.
 */
export async function requestNodeDevice(
  choice?: AdapterChoice,
  { tune = tuneByEnvironment(), variants, onCompile }: NodeDeviceOptions = {},
): Promise<NodeDevice> {
  const result = await requestNodeAdapter(choice);
  const { kind, adapter, name, driver } = result;
  if (kind === 'reference' || !adapter) return { device: new ReferenceDevice(), adapter: result };
  const on = tune ?? kind === 'hardware';
  const path = variantFilePath();
  const store = path === undefined ? undefined : new VariantFile(path, `${name}, ${driver}`);
  const tuning = on ? { store } : undefined;
  return {
    device: await createGpuDevice(adapter, {
      name,
      adapterClass: kind,
      variants,
      tuning,
      onCompile,
      onWait: kind === 'software' ? napUntil : undefined,
    }),
    adapter: result,
    tuning: {
      on,
      file: path,
      get remembered() {
        return store?.size ?? 0;
      },
    },
  };
}

function tuneByEnvironment(): boolean | undefined {
  const { REGRAD_TUNE: text } = process.env;
  if (!text) return undefined;
  if (text !== 'on' && text !== 'off') throw new Error(`REGRAD_TUNE is '${text}', but it must be on or off.`);
  return text === 'on';
}

/** The line that announces what computes: kind, name, driver, and why nothing better was taken. */
export function describeAdapter({ kind, name, driver, source, reason }: AdapterResult): string {
  const what =
    kind === 'reference'
      ? 'adapter: the reference executor (float64, no GPU)'
      : `adapter: ${name} (${kind}, ${driver || 'driver unnamed'}, ${source} driver)`;
  return reason ? `${what}. ${reason}` : what;
}

setDeviceProvider(async () => {
  const { device, adapter } = await requestNodeDevice();
  console.warn(`regrad: ${describeAdapter(adapter)}`);
  return device;
});

function reference(reason: string): AdapterResult {
  return { kind: 'reference', name: 'reference', driver: 'none', source: 'none', reason };
}

async function findAdapter(choice: 'auto' | 'hardware' | 'software'): Promise<AdapterResult> {
  const dawn = await importDawn();
  Object.assign(globalThis, dawn.globals);
  const drivers = systemDriverFiles();
  const system = drivers === undefined ? undefined : await requestSystem(dawn.create, choice, drivers);
  if (system) return system;
  if (choice === 'hardware') {
    throw new Error(
      'No GPU was found. Install the Vulkan driver of its maker (`vulkaninfo --summary` must list the GPU).',
    );
  }
  const adapter = await request(dawn.create, dawnOptions, openSwiftShader());
  if (!adapter) throw new Error('The packaged SwiftShader gave no adapter: call from the main thread.');
  const lacking = choice === 'software' ? 'no software driver' : 'neither a GPU nor a software driver';
  return describe(adapter, 'packaged', `The system offers ${lacking} to Vulkan.`);
}

/** Not by a literal, which bundlers follow: Dawn finds its binaries beside its own file, wherever regrad's code went. */
async function importDawn(): Promise<typeof import('webgpu')> {
  const name = 'webgpu';
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
  } catch (error) {
    const { code, message }: NodeJS.ErrnoException =
      error instanceof Error ? error : new Error(String(error));
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) {
      throw new Error('The optional package webgpu is not installed: run `npm install webgpu`.');
    }
    const detail = message.split('\n', 1)[0];
    throw new Error(
      `The optional package webgpu is installed, but cannot be loaded (${detail}): it has binaries for macOS, ` +
        'Windows, and Linux with glibc, on x64 and arm64.',
    );
  }
}

async function requestSystem(
  create: typeof createGpu,
  choice: 'auto' | 'hardware' | 'software',
  drivers: string,
): Promise<AdapterResult | undefined> {
  const best = await request(create, dawnOptions, drivers);
  if (!best) return undefined;
  const software = isSoftwareAdapter(best.info);
  if (!software && choice !== 'software') return describe(best, 'system');
  if (software && choice === 'hardware') return undefined;
  if (software) return describe(best, 'system', 'The system offers no GPU to Vulkan.');
  for (const name of softwareNames) {
    // Dawn throws where no adapter has the name.
    const named = await request(create, [...dawnOptions, `adapter=${name}`], drivers).catch(() => null);
    if (named) return describe(named, 'system');
  }
  return undefined;
}

/** Requests the fastest adapter of one new Dawn instance, its Vulkan drivers limited to `drivers` if there are any. */
async function request(
  create: typeof createGpu,
  options: string[],
  drivers: string,
): Promise<GPUAdapter | null> {
  // The loader reads the variable while the request is made, not while its promise is awaited. It is put back at
  // once, so that later requests and child processes see the system's drivers.
  const before = process.env.VK_DRIVER_FILES;
  if (drivers) process.env.VK_DRIVER_FILES = drivers;
  try {
    const gpu = create(options);
    livingGpus.push(gpu);
    return gpu.requestAdapter({ powerPreference: 'high-performance' });
  } finally {
    if (before === undefined) delete process.env.VK_DRIVER_FILES;
    else process.env.VK_DRIVER_FILES = before;
  }
}

function describe(adapter: GPUAdapter, source: 'system' | 'packaged', reason?: string): AdapterResult {
  const { info } = adapter;
  const kind = isSoftwareAdapter(info) ? 'software' : 'hardware';
  return { kind, adapter, name: adapterName(info), driver: info.description, source, reason };
}

/**
 * What `VK_DRIVER_FILES` must name for the system's drivers; undefined if it offers none. A driver without a Vulkan
 * loader, as containers with a GPU often are, is reached through the packaged loader. Elsewhere than on Linux Dawn
 * knows best.
 */
function systemDriverFiles(): string | undefined {
  if (process.platform !== 'linux') return '';
  const drivers = systemDrivers();
  if (drivers.length === 0) return undefined;
  if (!openLibrary(loaderFile)) openSwiftShader();
  announceDrivers(drivers);
  return drivers.join(':');
}
