/**
 * A kernel is data: WGSL text and launch geometry, no tensor and no device, so that a bench can run it raw.
 *
 * Bindings of group 0, by convention: the inputs in order (`var<storage, read>`), then the output
 * (`var<storage, read_write>`), then, if `uniforms` is not empty, one uniform holding those words.
 */
export interface Kernel {
  /** Family and variant, for profiles and errors: `conv2d.direct`. */
  readonly name: string;
  /** A whole WGSL module with the entry point `main`. */
  readonly source: string;
  /** 32-bit words of the uniform, in the order of the WGSL struct. */
  readonly uniforms: readonly number[];
  readonly workgroups: readonly [number, number, number];
  /** Multiplications and additions that the formula asks for. */
  readonly flops: number;
  /**
   * Present where the sums are cut into this many parts, for want of other work to share out. The output is then
   * [parts, results], and whoever launches the kernel adds the parts up; it must not be given an epilogue.
   */
  readonly parts?: number;
}

/** The most workgroups that WebGPU launches along one dimension. */
const maxWorkgroups = 65535;

/** Invocations in a workgroup of every one-dimensional kernel. */
export const workgroupSize = 64;

/**
 * Workgroups for `count` invocations in a row, folded into two dimensions where one cannot hold them.
 * The WGSL side is `linearIndex` below.
 */
export function grid(count: number): [number, number, number] {
  const groups = Math.ceil(count / workgroupSize);
  if (groups <= maxWorkgroups) return [groups, 1, 1];
  const rows = Math.ceil(groups / maxWorkgroups);
  if (rows > maxWorkgroups || count >= 2 ** 32) {
    throw new RangeError(
      `A kernel of ${count} invocations was asked for; the index is 32 bits wide. Split the tensor into smaller ones.`,
    );
  }
  return [maxWorkgroups, rows, 1];
}

/** WGSL of an entry point over `grid(count)`: its head up to and including `let i`, the invocation's number. */
export const linearMain = /* wgsl */ `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${workgroupSize}u;`;
