/**
 * The hot kernels, raw: every variant of matmul and of the convolutions on the chosen adapter.
 *
 *     npm run -s bench -- [--adapter KIND] [--runs COUNT] [--only TEXT] [--out]
 *
 * A kernel's answer is first compared with plain float64 loops; a wrong one fails the bench. Two runs then warm up and
 * COUNT runs count, each timed by the adapter's timestamps, or from submit to completion where it has none.
 * `--only conv2d` keeps the kernels whose name holds the text; `--out` also writes JSON lines to bench/results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { relativeError } from '../src/cli/self-check.ts';
import { describeAdapter, parseAdapterChoice, requestNodeDevice } from '../src/engine/node.ts';
import { formatTable } from '../src/experiments/table.ts';
import { GpuDevice } from '../src/index.ts';
import type { Kernel } from '../src/kernels/kernel.ts';
import { type BenchCase, benchCases } from './cases.ts';

/** What float32 may differ from float64, relative to the largest number. */
const tolerance = 1e-4;
const warmUps = 2;

const { values: options } = parseArgs({
  options: {
    adapter: { type: 'string' },
    runs: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    out: { type: 'boolean', default: false },
  },
});
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs is ${options.runs}, expected 1 or more.`);
const choice = options.adapter ? parseAdapterChoice(options.adapter, '--adapter') : undefined;
const { device, adapter } = await requestNodeDevice(choice);
if (!(device instanceof GpuDevice)) throw new Error(`Kernels need a GPU. ${adapter.reason}`);
const { gpu } = device;
const clock = gpu.features.has('timestamp-query') ? 'timestamps' : 'wall';
console.error(describeAdapter(adapter));

const rows = [];
for (const use of benchCases().filter(({ name }) => name.includes(options.only))) {
  const answer = use.answer();
  for (const variant of ['direct', 'tiled'] as const) {
    const { error, milliseconds } = await measure(use.kernel(variant), use, answer);
    milliseconds.sort((a, b) => a - b);
    const median = milliseconds[Math.floor(runs / 2)];
    const { name, shape } = use;
    const gflops = use.kernel(variant).flops / median / 1e6;
    rows.push({ name, variant, shape, error, median, milliseconds, gflops });
  }
}
console.log(
  formatTable(
    ['kernel', 'variant', 'shapes', 'median, ms', 'fastest to slowest', 'GFLOP/s', 'error'],
    rows.map(({ name, variant, shape, error, median, milliseconds, gflops }) => [
      ...[name, variant, shape, median.toFixed(2)],
      `${milliseconds[0].toFixed(2)} to ${milliseconds[runs - 1].toFixed(2)}`,
      ...[gflops.toPrecision(3), error.toExponential(0)],
    ]),
  ),
);
if (options.out) {
  const at = new Date().toISOString();
  const common = { at, adapter: adapter.name, driver: adapter.driver, node: process.version, clock };
  const file = `bench/results/kernels-${at.replace(/[-:]|\..*/g, '')}.jsonl`;
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(file, rows.map((row) => `${JSON.stringify({ ...common, ...row })}\n`).join(''));
  console.error(`Written: ${file}`);
}

/** Runs a kernel, checks its answer, and times it. */
async function measure(kernel: Kernel, { inputs, shape }: BenchCase, answer: Float64Array) {
  const pipeline = await gpu.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code: kernel.source }) },
  });
  const uniforms = new Uint32Array(Math.ceil(kernel.uniforms.length / 4) * 4);
  uniforms.set(kernel.uniforms);
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, QUERY_RESOLVE } = GPUBufferUsage;
  const output = buffer(answer.length * 4, STORAGE | COPY_SRC);
  const buffers = [
    ...inputs.map((values) => filled(values, STORAGE)),
    output,
    filled(uniforms, UNIFORM | COPY_DST),
  ];
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((resource, binding) => ({ binding, resource: { buffer: resource } })),
  });
  const querySet = clock === 'timestamps' ? gpu.createQuerySet({ type: 'timestamp', count: 2 }) : undefined;
  const stamps = buffer(16, QUERY_RESOLVE | COPY_SRC);

  const time = async (): Promise<number> => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: querySet && { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, stamps, 0);
    const commands = encoder.finish();
    const start = performance.now();
    gpu.queue.submit([commands]);
    await gpu.queue.onSubmittedWorkDone();
    const wall = performance.now() - start;
    if (!querySet) return wall;
    const [begin, end] = new BigUint64Array(await contents(stamps));
    return Number(end - begin) / 1e6;
  };

  for (let i = 0; i < warmUps; i++) await time();
  const error = relativeError(new Float32Array(await contents(output)), answer);
  if (!(error <= tolerance)) {
    throw new Error(`${kernel.name} of ${shape} is wrong by ${error}; expected ${tolerance} at most.`);
  }
  const milliseconds: number[] = [];
  for (let i = 0; i < runs; i++) milliseconds.push(await time());
  for (const resource of [...buffers, stamps]) resource.destroy();
  querySet?.destroy();
  return { error, milliseconds };
}

function buffer(size: number, usage: number): GPUBuffer {
  return gpu.createBuffer({ size, usage });
}

function filled(values: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>, usage: number): GPUBuffer {
  const created = buffer(values.byteLength, usage | GPUBufferUsage.COPY_DST);
  gpu.queue.writeBuffer(created, 0, values);
  return created;
}

async function contents(from: GPUBuffer): Promise<ArrayBuffer> {
  const read = buffer(from.size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, read, 0, from.size);
  gpu.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const bytes = read.getMappedRange().slice(0);
  read.destroy();
  return bytes;
}
