/** `regrad doctor`: what computes here, whether it computes right, and what to do if not. */
import { createRequire } from 'node:module';
import { freemem, totalmem } from 'node:os';
import type { Command } from 'commander';
import { version } from '../../package.json';
import type { Device } from '../engine/index.ts';
import type { AdapterResult, TuningState } from '../engine/node.ts';
import { type AdapterOptions, adapterOption, tuneOptions, useAdapter } from './adapter.ts';
import { checkDoubleBackprop, checkMatmul, type MatmulCheck, selfCheckTolerance } from './self-check.ts';

/** Exit codes by status. */
export const exitCodes = { ok: 0, failed: 1, 'reference only': 3, 'wrong numbers': 4 } as const;

export interface Report {
  readonly regrad: string;
  readonly node: string;
  readonly platform: string;
  /** Version of the package webgpu; null where it is not installed. */
  readonly webgpu: string | null;
  adapter?: Omit<AdapterResult, 'adapter'>;
  /** Of the adapter, in bytes and counts. */
  limits?: Record<string, number>;
  /** Whether the adapter has what regrad or its kernels can use. */
  features?: Record<string, boolean>;
  /** Whether the fastest kernels are found by measuring, and what is remembered of it. */
  tuning?: TuningState;
  matmul?: MatmulCheck;
  /** Error against the reference of a step that penalises a gradient. */
  doubleBackprop?: { readonly error: number };
  /** In bytes: the device's peak during the checks, this process, the machine. */
  memory?: {
    readonly devicePeak: number;
    readonly process: number;
    readonly total: number;
    readonly free: number;
  };
  status: keyof typeof exitCodes;
  /** A sentence, with the cure if one is needed. */
  verdict: string;
}

const usefulLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;

const usefulFeatures = ['timestamp-query', 'subgroups', 'shader-f16'] as const;

export function addDoctor(program: Command): void {
  const [tune, noTune] = tuneOptions();
  program
    .command('doctor')
    .description(
      'Check the adapter: what it is, and whether it computes what the reference executor computes.',
    )
    .addOption(adapterOption())
    .addOption(tune)
    .addOption(noTune)
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Exit codes:
  0  a GPU, or a software adapter, computes right
  1  something failed (the message says what to do)
  2  wrong usage
  3  only the reference executor computes here: right, but slow
  4  the device computes wrong numbers`,
    )
    .action(doctor);
}

async function doctor(options: AdapterOptions & { json?: boolean }): Promise<void> {
  const { json = false } = options;
  const report: Report = {
    regrad: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    webgpu: webgpuVersion(),
    status: 'failed',
    verdict: '',
  };
  try {
    const found = await useAdapter(options);
    addAdapter(report, found.adapter);
    report.tuning = found.tuning;
    await addChecks(report, found.device);
    judge(report);
  } catch (error) {
    report.verdict = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
  }
  process.exitCode = exitCodes[report.status];
}

function webgpuVersion(): string | null {
  try {
    const manifest: { version: string } = createRequire(import.meta.url)('webgpu/package.json');
    return manifest.version;
  } catch {
    return null;
  }
}

function addAdapter(report: Report, { adapter, ...described }: AdapterResult): void {
  report.adapter = described;
  if (!adapter) return;
  report.limits = Object.fromEntries(usefulLimits.map((name) => [name, adapter.limits[name]]));
  report.features = Object.fromEntries(usefulFeatures.map((name) => [name, adapter.features.has(name)]));
}

/** Runs both checks on the device and notes what they took. */
export async function addChecks(
  report: Pick<Report, 'matmul' | 'doubleBackprop' | 'memory'>,
  device: Device,
  matmulSize?: number,
): Promise<void> {
  try {
    report.matmul = await checkMatmul(device, matmulSize);
    report.doubleBackprop = { error: await checkDoubleBackprop(device) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`${device.name} broke down during the checks: ${detail} ${insteadOfDevice}`);
  }
  report.memory = {
    devicePeak: device.memory().peakBytes,
    process: process.memoryUsage.rss(),
    total: totalmem(),
    free: freemem(),
  };
}

/** Sets status and verdict from what the checks found. */
export function judge(report: Report): void {
  const { adapter, matmul, doubleBackprop } = report;
  const errors = { matmul: matmul?.error, 'double back-propagation': doubleBackprop?.error };
  const wrong = Object.entries(errors).filter(([, error]) => !((error ?? Infinity) <= selfCheckTolerance));
  if (wrong.length > 0) {
    const what = wrong.map(([name, error = Infinity]) => `${name} by ${error.toExponential(1)}`).join(', ');
    report.status = 'wrong numbers';
    report.verdict = `Differs from the reference (allowed: ${selfCheckTolerance}): ${what}. ${insteadOfDevice}`;
  } else if (adapter?.kind === 'reference') {
    report.status = 'reference only';
    report.verdict =
      `Right, but slow: only the reference executor computes. ${adapter.reason ?? ''}`.trimEnd();
  } else {
    report.status = 'ok';
    report.verdict =
      adapter?.kind === 'hardware'
        ? 'The GPU computes what the reference computes.'
        : "Computes what the reference computes, on the CPU; for speed, install the Vulkan driver of a GPU's maker.";
  }
}

const insteadOfDevice = 'Update its driver, or choose another: --adapter software or --adapter reference.';

/** The report for people: a line per fact that is known. */
export function formatReport(report: Report): string {
  const { adapter, limits, features, tuning, matmul, doubleBackprop, memory } = report;
  const rows: [label: string, value: string | undefined][] = [
    ['regrad', `${report.regrad}, Node ${report.node}, ${report.platform}`],
    ['webgpu', report.webgpu ?? 'not installed: run `npm install webgpu`'],
    ['adapter', adapter && `${adapter.name} (${adapter.kind})`],
    ['driver', adapter && `${adapter.driver} (${adapter.source})`],
    [
      'limits',
      limits &&
        Object.entries(limits)
          .map(([name, value]) => `${name} ${value}`)
          .join('\n'),
    ],
    [
      'features',
      features &&
        Object.entries(features)
          .map(([name, has]) => `${name} ${has ? 'yes' : 'no'}`)
          .join(', '),
    ],
    [
      'tuning',
      tuning &&
        `${tuning.on ? 'on' : 'off'}; ${tuning.remembered} choices of kernels remembered for this adapter in ` +
          (tuning.file ?? 'no file, for want of a home folder'),
    ],
    [
      'matmul',
      matmul &&
        `error ${matmul.error.toExponential(1)} at size ${matmul.size}; ` +
          `${matmul.gflops.toPrecision(3)} GFLOP/s at size ${matmul.timedSize}`,
    ],
    ['double backprop', doubleBackprop && `error ${doubleBackprop.error.toExponential(1)}`],
    [
      'memory',
      memory &&
        `device at most ${mebibytes(memory.devicePeak)}, process ${mebibytes(memory.process)}, ` +
          `machine ${mebibytes(memory.total)}, of it free ${mebibytes(memory.free)}`,
    ],
    // A failure goes to stderr, as any verb's.
    ['verdict', report.status === 'failed' ? undefined : `${report.status}. ${report.verdict}`],
  ];
  const indent = 17;
  return rows
    .flatMap(([label, value]) =>
      value === undefined ? [] : [label.padEnd(indent) + value.replaceAll('\n', `\n${' '.repeat(indent)}`)],
    )
    .join('\n');
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
