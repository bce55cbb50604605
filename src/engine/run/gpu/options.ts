/** What a GPU device may be told. */
import type { AdapterClass } from '../../../kernels/family.ts';
import { checkFlag, checkFunction, checkOneOf, checkText, optionsOf } from '../../arguments.ts';
import { allOn, type Switches } from '../../plan/switches.ts';
import type { VariantOptions } from './variants.ts';

export interface GpuDeviceOptions extends VariantOptions {
  readonly name: string;
  readonly adapterClass: AdapterClass;
  /** Told how many of a plan's new kernels are compiled, from 0 on: the first step of a large model takes seconds. */
  readonly onCompile?: (done: number, total: number) => void;
  /** Told of what is waited for: that many launches. */
  readonly onWait?: (work: Promise<unknown>, launches: number) => void;
  /** @internal For measuring what the planner gains: what is turned off. */
  readonly switches?: Partial<Switches>;
}

const known = [
  'name',
  'adapterClass',
  'onCompile',
  'onWait',
  'switches',
  'variants',
  'favourVariant',
  'tuning',
] as const;

export function checkDeviceOptions(owner: string, options: GpuDeviceOptions): void {
  const { name, adapterClass, onCompile, onWait, switches = {} } = optionsOf(owner, options, known);
  checkText(owner, 'name', name);
  checkOneOf(owner, 'adapterClass', adapterClass, ['software', 'hardware']);
  if (onCompile !== undefined) checkFunction(owner, 'onCompile', onCompile);
  if (onWait !== undefined) checkFunction(owner, 'onWait', onWait);
  optionsOf(owner, switches, Object.keys(allOn) as (keyof Switches)[], 'switches');
  for (const [name, on] of Object.entries(switches)) checkFlag(owner, `switches.${name}`, on);
}
