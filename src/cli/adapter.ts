/** The option --adapter, the same in every verb that computes. */
import { Option } from 'commander';
import { setDevice } from '../engine/index.ts';
import { type AdapterChoice, adapterChoices, describeAdapter, requestNodeDevice } from '../engine/node.ts';

export function adapterOption(): Option {
  return new Option(
    '--adapter <kind>',
    'what computes: the best there is, a GPU, a GPU simulated on the CPU, or plain float64 loops ' +
      '(default: the environment variable REGRAD_ADAPTER, else auto)',
  ).choices(adapterChoices);
}

/**
 * Makes the chosen device the one in use, and announces it in one line on stderr.
 *
 * @throws Error, with what to do, if there is no such adapter or it gives no device.
 */
export async function useAdapter(
  choice?: AdapterChoice,
): Promise<Awaited<ReturnType<typeof requestNodeDevice>>> {
  const found = await requestNodeDevice(choice);
  setDevice(found.device);
  console.error(describeAdapter(found.adapter));
  return found;
}
