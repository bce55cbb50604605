/** The options that say what computes, the same in every verb that does. */
import { Option } from 'commander';
import { setDevice } from '../engine/index.ts';
import {
  type AdapterChoice,
  adapterChoices,
  describeAdapter,
  type NodeDevice,
  requestNodeDevice,
} from '../engine/node.ts';
import { showCompiling } from '../experiments/progress.ts';

/** What the options give. */
export interface AdapterOptions {
  readonly adapter?: AdapterChoice;
  readonly tune?: boolean;
}

export function adapterOption(): Option {
  return new Option(
    '--adapter <kind>',
    'what computes: the best there is, a GPU, a GPU simulated on the CPU, or plain float64 loops ' +
      '(default: the environment variable REGRAD_ADAPTER, else auto)',
  ).choices(adapterChoices);
}

/** Both of them: a command takes its default, which is neither, from the first. */
export function tuneOptions(): [Option, Option] {
  return [
    new Option(
      '--tune',
      'measure which kernels are the fastest here, and remember it ' +
        '(default: the environment variable REGRAD_TUNE, else on a GPU only)',
    ),
    new Option('--no-tune', 'take the kernels that are usual for the kind of adapter'),
  ];
}

/**
 * Makes the chosen device the one in use, and announces it in one line on stderr. `variants` are kernels to use whatever
 * is measured: those of the run that is continued.
 *
 * @throws Error, with what to do, if there is no such adapter or it gives no device.
 */
export async function useAdapter(
  { adapter, tune }: AdapterOptions,
  variants?: ReadonlyMap<string, string>,
): Promise<NodeDevice> {
  const found = await requestNodeDevice(adapter, { tune, variants, onCompile: showCompiling() });
  setDevice(found.device);
  console.error(describeAdapter(found.adapter));
  return found;
}
