/**
 * Which variant of each hand-written kernel a device runs: the one it was told to, else remembered, else measured, else
 * preferred. A choice once made stays, so that the same work gives the same bits.
 */
import type { AdapterClass, Choices, Features } from '../../../kernels/family.ts';
import type { OwnKernelLaunch } from '../../plan/own-kernels.ts';
import { fastest, type NewStopwatch } from './race.ts';

/** Variants by what they were chosen for (`Choices.key`). */
export type VariantsByKey = ReadonlyMap<string, string>;

/** Remembers what was measured on this device, here or by other processes. */
export interface VariantStore {
  recall(key: string): string | undefined;
  remember(measured: VariantsByKey): void;
}

export interface VariantOptions {
  /** Variants to use, as `GpuDevice.variants()` told them: what a run recorded, so that resuming keeps them. */
  readonly variants?: VariantsByKey;
  /** A variant to use wherever it fits, as to test it. */
  readonly favourVariant?: string;
  /** Measure, and remember it there: in the process alone where `store` is absent. Absent: nothing is measured. */
  readonly tuning?: { readonly store?: VariantStore; readonly budget?: TuningBudget };
}

/** In milliseconds. */
export interface TuningBudget {
  /** For running the variants of one kernel, compilation and their first runs excluded. */
  readonly perChoice: number;
  /** For everything, in this process; what is met later goes by preference, and is not remembered. */
  readonly total: number;
}

const defaultBudget: TuningBudget = { perChoice: 50, total: 3000 };

/** @internal */
export class VariantChooser {
  readonly #features: Features;
  readonly #adapterClass: AdapterClass;
  readonly #options: VariantOptions;
  readonly #newStopwatch: NewStopwatch;
  readonly #chosen = new Map<string, string>();
  #measuring: Promise<void> | undefined;
  #measured = 0;
  #spent = 0;

  constructor(
    device: { readonly features: Features; readonly adapterClass: AdapterClass },
    options: VariantOptions,
    newStopwatch: NewStopwatch,
  ) {
    this.#features = device.features;
    this.#adapterClass = device.adapterClass;
    this.#options = options;
    this.#newStopwatch = newStopwatch;
  }

  /** What was chosen so far, where there was a choice. */
  get chosen(): VariantsByKey {
    return new Map(this.#chosen);
  }

  /** Choices that were measured here. */
  get measured(): number {
    return this.#measured;
  }

  /** The variant to plan with. Where none is known yet, the preferred one, which then stays. */
  choose(choices: Choices): string {
    const usable = choices.variantsWith(this.#features);
    if (usable.length === 1) return usable[0];
    const key = choices.key(this.#features);
    const variant = this.#known(key, usable) ?? this.#preferred(choices);
    this.#chosen.set(key, variant);
    return variant;
  }

  /** What `choose` would say now, without its consequences. */
  expect(choices: Choices): string {
    const usable = choices.variantsWith(this.#features);
    if (usable.length === 1) return usable[0];
    return this.#known(choices.key(this.#features), usable) ?? this.#preferred(choices);
  }

  /**
   * Measures what is unknown of these launches. Undefined where nothing is to be waited for; a promise also while other
   * launches are being measured, so that whoever asked first runs first. It never rejects: what cannot be measured goes
   * by preference.
   */
  settle(launches: () => readonly OwnKernelLaunch[]): Promise<void> | undefined {
    if (!this.#options.tuning || this.#measuring) return this.#measuring;
    const unknown = new Map<string, OwnKernelLaunch>();
    for (const launch of launches()) {
      const usable = launch.choices.variantsWith(this.#features);
      if (usable.length === 1) continue;
      const key = launch.choices.key(this.#features);
      if (this.#known(key, usable) === undefined) unknown.set(key, launch);
    }
    if (unknown.size === 0) return undefined;
    this.#measuring = this.#measure(unknown).finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  #known(key: string, usable: readonly string[]): string | undefined {
    const chosen = this.#chosen.get(key);
    if (chosen !== undefined) return chosen;
    const { variants, favourVariant, tuning } = this.#options;
    const told = variants?.get(key);
    if (told !== undefined && !usable.includes(told)) {
      throw new Error(
        `The variant '${told}' was asked for, but ${key} has only ${usable.join(', ')}: take one of these, or leave it out.`,
      );
    }
    if (told !== undefined) return told;
    if (favourVariant !== undefined && usable.includes(favourVariant)) return favourVariant;
    const remembered = tuning?.store?.recall(key);
    return remembered !== undefined && usable.includes(remembered) ? remembered : undefined;
  }

  #preferred(choices: Choices): string {
    return choices.preferred(this.#adapterClass, this.#features);
  }

  async #measure(unknown: ReadonlyMap<string, OwnKernelLaunch>): Promise<void> {
    const { store, budget = defaultBudget } = this.#options.tuning ?? {};
    const found = new Map<string, string>();
    for (const [key, launch] of unknown) {
      const started = performance.now();
      const { choices } = launch;
      const variants = choices.variantsWith(this.#features);
      const kernels = new Map(variants.map((variant) => [variant, choices.kernel(variant)]));
      const preferred = this.#preferred(choices);
      const variant =
        this.#spent < budget.total
          ? await fastest(key, kernels, preferred, budget.perChoice, (parts) =>
              this.#newStopwatch(launch.inputs, launch.output, parts),
            )
          : undefined;
      this.#spent += performance.now() - started;
      if (variant !== undefined) found.set(key, variant);
      // What was run meanwhile without waiting has made its choice.
      if (!this.#chosen.has(key)) this.#chosen.set(key, variant ?? preferred);
    }
    this.#measured += found.size;
    if (found.size > 0) store?.remember(found);
  }
}
