/**
 * The main comparison.
 *
 * Claim: small-batch SGD (SB) generalises better than large-batch SGD (LB) at an equal number of updates; penalising the
 * gradient norm (GN) or the Fisher trace (FT) of micro-batches lets LB recover the difference; penalising Jacobians (AJ,
 * UJ) does not.
 *
 * Method: SB makes an update from every micro-batch, the others from |B| / |M| of them. Equal updates, paired seeds (same
 * weights, same order of images); the checkpoint best in validation is tested.
 */
import { type MainMethod, mainMethods } from '../methods.ts';
import type { Experiment, Row } from './experiment.ts';
import { type Counterpart, official } from './official-numbers.ts';
import { rowsTable } from './rows-table.ts';
import type { SettingKey } from './settings.ts';

type Rates = Readonly<Partial<Record<MainMethod, { readonly eta: number; readonly lambda?: number }>>>;

/** Learning rates and lambdas: README of the official code, but for `quick`, tuned here (decision 0019). */
const resnet10: Rates = {
  SB: { eta: 0.1 },
  LB: { eta: 0.1 },
  GN: { eta: 0.1, lambda: 0.01 },
  FT: { eta: 0.1, lambda: 0.01 },
  AJ: { eta: 0.1, lambda: 0.001 },
  UJ: { eta: 0.1, lambda: 0.001 },
};
const resnet100: Rates = {
  SB: { eta: 0.1 },
  LB: { eta: 0.5 },
  GN: { eta: 0.1, lambda: 0.01 },
  FT: { eta: 0.1, lambda: 0.01 },
  AJ: { eta: 0.1, lambda: 5e-5 },
  UJ: { eta: 0.1, lambda: 0.001 },
};
const rates: Readonly<Partial<Record<SettingKey, Rates>>> = {
  quick: {
    SB: { eta: 1 },
    LB: { eta: 1 },
    GN: { eta: 1, lambda: 0.05 },
    FT: { eta: 1, lambda: 0.05 },
    AJ: { eta: 1, lambda: 0.001 },
    UJ: { eta: 1, lambda: 0.03 },
  },
  small10: resnet10,
  small100: resnet100,
  resnet10,
  resnet100,
  vgg11: {
    SB: { eta: 0.15 },
    LB: { eta: 0.01 },
    GN: { eta: 0.01, lambda: 0.5 },
    FT: { eta: 0.01, lambda: 0.5 },
    // The README has no UJ here.
    AJ: { eta: 0.01, lambda: 2e-5 },
  },
};

/** The README's model and data that a setting is held against. */
const counterparts = {
  quick: 'ResNet-18/CIFAR-10',
  small10: 'ResNet-18/CIFAR-10',
  small100: 'ResNet-18/CIFAR-100',
  resnet10: 'ResNet-18/CIFAR-10',
  resnet100: 'ResNet-18/CIFAR-100',
  vgg11: 'VGG-11/CIFAR-10',
} as const;

/**
 * The rows of the main comparison, by method; other experiments take some of them, beside the README's numbers for the
 * `counterpart` that is theirs.
 */
export function mainRows(
  key: SettingKey,
  methods: readonly string[] = mainMethods,
  counterpart: Counterpart = counterparts[key as keyof typeof counterparts],
): Row[] {
  return Object.entries(rates[key] ?? {})
    .filter(([method]) => methods.includes(method))
    .map(([method, { eta, lambda }]) => ({
      name: method,
      method: method as MainMethod,
      learningRate: eta,
      lambda,
      official: official(counterpart, method),
    }));
}

export const mainTable: Experiment = {
  id: 'main',
  title: 'Main table: small batch, large batch, and four penalties',
  claim:
    'SB generalises better than LB at equal updates; LB with GN or FT recovers the difference, with AJ or UJ it does not.',
  rows: (key) => mainRows(key),
  show: (setting, rows) => ({ tables: [rowsTable('main', setting, rows)], figures: {} }),
};
