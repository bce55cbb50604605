/** Several kernels for one formula: the plainest to read, others faster on some device or for some shapes. */
import type { Epilogue } from './epilogue.ts';
import type { Kernel } from './kernel.ts';

/** Software adapters run one workgroup's invocations in turn: barriers cost, registers do not. */
export type AdapterClass = 'hardware' | 'software';

export interface Variant<Sizes> {
  /** Whether it can serve these sizes, and might be the fastest for them. Absent: always. */
  readonly fits?: (sizes: Sizes) => boolean;
  /** A feature that the device must have. */
  readonly needs?: string;
  readonly kernel: (sizes: Sizes, epilogue?: Epilogue) => Kernel;
}

export interface Family<Sizes> {
  readonly name: string;
  /** Plainest first. */
  readonly variants: Readonly<Record<string, Variant<Sizes>>>;
  /** The variant to use where nothing was measured. */
  readonly preferred: (sizes: Sizes, adapter: AdapterClass) => string;
  /** Sizes for which the same variant is the fastest have one name. */
  readonly shapeClass: (sizes: Sizes) => string;
}

/** What a device has: `GPUDevice.features`. */
export type Features = Pick<ReadonlySet<string>, 'has'>;

const noFeatures: Features = new Set<string>();

/** What a launch may choose from. */
export interface Choices {
  readonly family: string;
  /** Names of the variants that fit and need no feature of the device, plainest first. */
  readonly variants: readonly string[];
  /** Names of the variants that fit a device with these features, plainest first. */
  readonly variantsWith: (features: Features) => readonly string[];
  /** Whether its kernels hand their results, f32 all of them, to an epilogue. */
  readonly takesEpilogue: boolean;
  /** The variant to use where nothing was measured, on a device with these features; by default with none. */
  readonly preferred: (adapter: AdapterClass, features?: Features) => string;
  /**
   * What a choice among `variantsWith(features)` is made for: family, class of shapes, and a digest of the kernels'
   * texts, so that nothing is concluded from a kernel that has changed since.
   */
  readonly key: (features: Features) => string;
  /** The kernel of a variant that fits. */
  readonly kernel: (variant: string, epilogue?: Epilogue) => Kernel;
}

export function choicesOf<Sizes>(family: Family<Sizes>, sizes: Sizes): Choices {
  const { name, variants, preferred, shapeClass } = family;
  const variantsWith = (features: Features) =>
    Object.keys(variants).filter((variant) => {
      const { fits, needs } = variants[variant];
      return (fits?.(sizes) ?? true) && (needs === undefined || features.has(needs));
    });
  return {
    family: name,
    variants: variantsWith(noFeatures),
    variantsWith,
    takesEpilogue: true,
    preferred: (adapter, features = noFeatures) => {
      const usable = variantsWith(features);
      const wanted = preferred(sizes, adapter);
      return usable.includes(wanted) ? wanted : usable[0];
    },
    key: (features) => {
      const texts = variantsWith(features).map((variant) => variant + variants[variant].kernel(sizes).source);
      return `${name} ${shapeClass(sizes)} ${digest(texts.join())}`;
    },
    kernel: (variant, epilogue) => variants[variant].kernel(sizes, epilogue),
  };
}

/** The choice where there is none. */
export function onlyChoice(kernel: Kernel): Choices {
  return {
    family: kernel.name,
    variants: [kernel.name],
    variantsWith: () => [kernel.name],
    takesEpilogue: false,
    preferred: () => kernel.name,
    key: () => kernel.name,
    kernel: () => kernel,
  };
}

/** The power of two next to a size, for names of classes. */
export const about = (size: number): number => 2 ** Math.round(Math.log2(size));

/** Eight hexadecimal digits that differ for different texts: 32-bit FNV-1a. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
