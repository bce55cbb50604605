/**
 * Grafting: the direction of LB with the step length of SB.
 *
 * Claim: on CIFAR-10 the length alone recovers most of what LB loses; on CIFAR-100 it does not, although external grafting
 * copies the lengths of an SB run. So a gradient norm like SB's is not enough.
 *
 * Method: IterGraft takes the length || g_M || of one micro-batch drawn from B at the current weights; ExterGraft the norm that
 * the SB run of the same seed recorded, held for some updates; NGD a constant length, eta alone. None of this is in the
 * released code; docs/decisions/0017-methods.md says what was chosen.
 */
import type { MethodName } from '../methods.ts';
import type { Experiment, Row } from './experiment.ts';
import { trajectories } from './figure-1.ts';
import { mainRows } from './main-table.ts';
import { type Counterpart, official } from './official-numbers.ts';
import { rowsTable } from './rows-table.ts';
import type { SettingKey } from './settings.ts';

type Grafting = 'IterGraft' | 'ExterGraft' | 'NGD';

interface Grafts {
  readonly counterpart: Counterpart;
  readonly eta: Readonly<Record<Grafting, number>>;
  /** Where the main comparison has none in this setting. */
  readonly references?: Readonly<Record<'SB' | 'LB', number>>;
}

/**
 * Learning rates: README of the official code; `quick`, the rate of SB, and for NGD that rate times the gradient norm of SB
 * averaged over its run, which the README's rates agree with.
 */
const onCifar10: Grafts = {
  counterpart: 'ResNet-18/CIFAR-10',
  eta: { IterGraft: 0.1, ExterGraft: 0.1, NGD: 0.2626 },
};
const onCifar100: Grafts = {
  counterpart: 'ResNet-18/CIFAR-100',
  eta: { IterGraft: 0.1, ExterGraft: 0.1, NGD: 0.3951 },
};
const grafts: Readonly<Partial<Record<SettingKey, Grafts>>> = {
  quick: { counterpart: 'ResNet-18/CIFAR-10', eta: { IterGraft: 1, ExterGraft: 1, NGD: 0.9 } },
  small10: onCifar10,
  small100: onCifar100,
  resnet10: onCifar10,
  resnet100: onCifar100,
  vgg16on10: {
    counterpart: 'VGG-16/CIFAR-10',
    eta: { IterGraft: 0.05, ExterGraft: 0.05, NGD: 0.2388 },
    references: { SB: 0.05, LB: 0.1 },
  },
  vgg16on100: {
    counterpart: 'VGG-16/CIFAR-100',
    eta: { IterGraft: 0.1, ExterGraft: 0.1, NGD: 0.4322 },
    references: { SB: 0.1, LB: 0.1 },
  },
};

export const grafting: Experiment = {
  id: 'graft',
  title: 'Grafting: the direction of LB with the step length of SB',
  claim:
    'On CIFAR-10 a step length like that of SB recovers most of what LB loses; on CIFAR-100 it does not, so a gradient norm ' +
    "like SB's is not enough.",
  rows: (key) => {
    const found = grafts[key];
    if (!found) return [];
    const { counterpart, eta, references } = found;
    const row = (name: MethodName, learningRate: number): Row => ({
      name,
      method: name,
      learningRate,
      official: official(counterpart, name),
      normsOf: name === 'ExterGraft' ? 'SB' : undefined,
    });
    const plain = references
      ? [row('SB', references.SB), row('LB', references.LB)]
      : mainRows(key, ['SB', 'LB']);
    return [...plain, ...(['IterGraft', 'ExterGraft', 'NGD'] as const).map((name) => row(name, eta[name]))];
  },
  show: (setting, rows) => ({
    tables: [rowsTable('grafting', setting, rows)],
    figures: { grafting: trajectories('Grafted step lengths', setting, rows) },
  }),
};
