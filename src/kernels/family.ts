/** Several kernels for one formula: the plainest to read, others faster on some device or for some shapes. */
import type { Epilogue } from './epilogue.ts';
import type { Kernel } from './kernel.ts';

/** Software adapters run one workgroup's invocations in turn: barriers cost, registers do not. */
export type AdapterClass = 'hardware' | 'software';

export interface Variant<Sizes> {
  /** Whether it can serve these sizes, and might be the fastest for them. Absent: always. */
  readonly fits?: (sizes: Sizes) => boolean;
  readonly kernel: (sizes: Sizes, epilogue?: Epilogue) => Kernel;
}

export interface Family<Sizes> {
  readonly name: string;
  /** Plainest first. */
  readonly variants: Readonly<Record<string, Variant<Sizes>>>;
  /** The variant to use where nothing was measured. */
  readonly preferred: (sizes: Sizes, adapter: AdapterClass) => string;
}

/** What a launch may choose from. */
export interface Choices {
  readonly family: string;
  /** Names of the variants that fit, plainest first. */
  readonly variants: readonly string[];
  /** Whether its kernels hand their results, f32 all of them, to an epilogue. */
  readonly takesEpilogue: boolean;
  readonly preferred: (adapter: AdapterClass) => string;
  /** The kernel of a variant that fits. */
  readonly kernel: (variant: string, epilogue?: Epilogue) => Kernel;
}

export function choicesOf<Sizes>(family: Family<Sizes>, sizes: Sizes): Choices {
  const { name, variants, preferred } = family;
  return {
    family: name,
    variants: Object.keys(variants).filter((variant) => variants[variant].fits?.(sizes) ?? true),
    takesEpilogue: true,
    preferred: (adapter) => preferred(sizes, adapter),
    kernel: (variant, epilogue) => variants[variant].kernel(sizes, epilogue),
  };
}

/** The choice where there is none. */
export function onlyChoice(kernel: Kernel): Choices {
  return {
    family: kernel.name,
    variants: [kernel.name],
    takesEpilogue: false,
    preferred: () => kernel.name,
    kernel: () => kernel,
  };
}
