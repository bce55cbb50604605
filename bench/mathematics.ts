/**
 * How far f32 functions of x are from float64 on the chosen adapter: WGSL's own, and those of src/kernels/math.ts.
 *
 *     npm run -s example -- bench/mathematics.ts
 *
 * For each range the largest absolute error, the largest in units of the last place (ulp) of the right answer, and the
 * value at the edge that adapters differ on.
 */
import { requestNodeDevice } from '../src/engine/node.ts';
import { errorFunction } from '../src/engine/run/special.ts';
import { formatTable } from '../src/experiments/table.ts';
import { GpuDevice } from '../src/index.ts';
import { mathFunctions } from '../src/kernels/math.ts';

type Case = readonly [wgsl: string, right: (x: number) => number, low: number, high: number, edge: number];

const cases: readonly Case[] = [
  ['exp(x)', Math.exp, -20, 20, Number.NaN],
  ['exponential(x)', Math.exp, -20, 20, Number.NaN],
  ['exponential1m(x)', Math.expm1, -2, 2, 1e-20],
  ['log(x)', Math.log, 1e-3, 1e3, 0],
  ['logarithm(x)', Math.log, 1e-3, 1e3, 0],
  ['logarithm1p(x)', Math.log1p, -0.9, 2, 1e-20],
  ['tanh(x)', Math.tanh, -9, 9, 100],
  ['hyperbolicTangent(x)', Math.tanh, -9, 9, 100],
  ['sin(x)', Math.sin, -100, 100, 1e-20],
  ['sineOf(x, 0)', Math.sin, -100, 100, 1e-20],
  ['sineOf(x, 0)', Math.sin, -3e38, 3e38, Infinity],
  ['cos(x)', Math.cos, -100, 100, 1e-20],
  ['sineOf(x, 1)', Math.cos, -100, 100, 1e-20],
  ['errorFunction(x)', errorFunction, -4, 4, 1e-20],
  ['pow(x, 2.5f)', (x) => x ** 2.5, 0, 10, Number.NaN],
  ['power(x, 2.5f)', (x) => x ** 2.5, 0, 10, Number.NaN],
  ['pow(x, 5f)', (x) => x ** 5, 0, 10, 10],
  ['power(x, 5f)', (x) => x ** 5, 0, 10, 10],
  ['sqrt(x)', Math.sqrt, 0, 100, -1],
  ['squareRoot(x)', Math.sqrt, 0, 100, -1],
  ['max(x, 0f)', (x) => Math.max(x, 0), -1, 1, Number.NaN],
  ['maximum(x, 0f)', (x) => Math.max(x, 0), -1, 1, Number.NaN],
];
const points = 100_000;

const { device } = await requestNodeDevice();
if (!(device instanceof GpuDevice)) throw new Error('This compares with a GPU, and there is none.');
const { gpu } = device;

const rows: (string | number)[][] = [];
for (const [wgsl, right, low, high, edge] of cases) {
  const inputs = Float32Array.from(
    { length: points + 1 },
    (_, i) => low + ((high - low) * (i + 0.5)) / points,
  );
  inputs[points] = edge;
  const outputs = await compute(wgsl, inputs);
  let absolute = 0;
  let units = 0;
  inputs.subarray(0, points).forEach((x, i) => {
    const gap = Math.abs(outputs[i] - right(x));
    absolute = Math.max(absolute, gap);
    units = Math.max(units, gap / unitOf(right(x)));
  });
  const range = `${low} to ${high}`;
  const short = (value: number) => Number(value.toPrecision(4));
  const atEdge = `${short(outputs[points])} (right: ${short(right(edge))})`;
  rows.push([`\`${wgsl}\``, range, absolute.toExponential(1), units.toPrecision(2), edge, atEdge]);
}
console.log(device.name);
console.log(formatTable(['WGSL', 'range', 'absolute error', 'ulp', 'x at the edge', 'gives'], rows));

/** The distance between f32 numbers around x. */
function unitOf(x: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(x)))) - 23);
}

async function compute(wgsl: string, inputs: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const code = `${mathFunctions(wgsl)}
@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&values)) { return; }
  let x = values[id.x];
  values[id.x] = ${wgsl};
}`;
  const pipeline = gpu.createComputePipeline({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code }) },
  });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const size = inputs.byteLength;
  const buffer = gpu.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
  const read = gpu.createBuffer({ size, usage: MAP_READ | COPY_DST });
  gpu.queue.writeBuffer(buffer, 0, inputs);
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    }),
  );
  pass.dispatchWorkgroups(Math.ceil(inputs.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, read, 0, size);
  gpu.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return new Float32Array(read.getMappedRange().slice(0));
}
