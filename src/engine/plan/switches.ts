/** What the planner does beyond the necessary. Each can be turned off, to measure what it gains; users never need to. */
export interface Switches {
  /** Kernels read transposed inputs in place. */
  readonly transposesInPlace: boolean;
  /** Cheap results are computed anew by each consumer instead of stored. */
  readonly recomputation: boolean;
  /** Results of one size, and sums over one input, share a launch. */
  readonly sharedLaunches: boolean;
  /** Element-wise results follow the sum or kernel that they read in the same launch. */
  readonly epilogues: boolean;
  /** Large sums are cut into parts that run side by side. */
  readonly parts: boolean;
  /** What frees memory runs early. */
  readonly schedule: boolean;
  /** Intermediates share memory. */
  readonly memoryReuse: boolean;
}

export const allOn: Switches = {
  transposesInPlace: true,
  recomputation: true,
  sharedLaunches: true,
  epilogues: true,
  parts: true,
  schedule: true,
  memoryReuse: true,
};
