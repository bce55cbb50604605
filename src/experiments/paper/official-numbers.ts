/**
 * Test accuracies, in percent, from the README of the official code (acmi-lab/imp-regularizers, commit 4eea188). They are
 * single numbers without error bars. We could not read the tables of the printed paper and do not quote them; they may
 * differ. The code behind the README selects checkpoints on the official test images of CIFAR-10 and reports on held-out
 * training images; for CIFAR-100 it is the other way round.
 */

/** A cell of the README. */
export interface OfficialNumber {
  /** As the README labels it: model, data, and what else sets the cell apart. */
  readonly label: string;
  /** Of the checkpoint best in validation. */
  readonly best: number;
  /** At the end of training, where the README has it. */
  readonly final?: number;
  /** What must be known to read it. */
  readonly note?: string;
}

/** A model on a data set that the README has numbers for. */
export type Counterpart =
  | 'ResNet-18/CIFAR-10'
  | 'ResNet-18/CIFAR-100'
  | 'VGG-11/CIFAR-10'
  | 'VGG-16/CIFAR-10'
  | 'VGG-16/CIFAR-100';

const tables: Readonly<Record<Counterpart, Readonly<Record<string, Omit<OfficialNumber, 'label'>>>>> = {
  'ResNet-18/CIFAR-10': {
    SB: { best: 92.64 },
    LB: { best: 89.83 },
    GN: { best: 91.75 },
    FT: { best: 91.5 },
    AJ: { best: 90.13 },
    UJ: { best: 90.15 },
    IterGraft: { best: 92.12 },
    ExterGraft: { best: 92.16 },
    NGD: { best: 92.1 },
  },
  'ResNet-18/CIFAR-100': {
    SB: { best: 71.31 },
    LB: { best: 67.27 },
    GN: { best: 70.65 },
    FT: { best: 71.2 },
    AJ: { best: 66.08 },
    UJ: { best: 66.26 },
    'GN, |M| = 2560': {
      best: 65.09,
      note:
        'The README labels this row ResNet-18/CIFAR-10. It is almost certainly CIFAR-100, our inference: the number is 25 ' +
        'points below LB on CIFAR-10 and 2 below LB on CIFAR-100, and the learning rate 0.5 is that of LB on CIFAR-100 only.',
    },
    'FT, |M| = 2560': { best: 64.89 },
    IterGraft: { best: 68.3 },
    ExterGraft: { best: 68.4 },
    NGD: { best: 66.83 },
  },
  'VGG-11/CIFAR-10': {
    SB: { best: 78.19, final: 77.56 },
    'SB at the rate of LB': { best: 75.94, final: 74.73 },
    LB: { best: 73.9, final: 73.6 },
    GN: { best: 77.62 },
    FT: { best: 78.4 },
    AJ: { best: 74.09 },
    'GN, |M| = 1000': { best: 75.07 },
    'GN, |M| = 2500': { best: 75.21 },
    '|S| = 50': { best: 77.34, final: 76.57 },
    '|S| = 100': { best: 77.23, final: 76.6 },
    '|S| = 1000': { best: 75.73, final: 75.48 },
    '|S| = 2500': { best: 75.64, final: 75.36 },
  },
  'VGG-16/CIFAR-10': {
    SB: { best: 89.56 },
    LB: { best: 86.97 },
    IterGraft: { best: 88.65 },
    ExterGraft: { best: 89.06 },
    NGD: { best: 89.39 },
  },
  'VGG-16/CIFAR-100': {
    SB: { best: 64.26 },
    LB: { best: 55.94 },
    IterGraft: { best: 59.71 },
    ExterGraft: { best: 63.48 },
    NGD: { best: 58.05 },
  },
};

/** The README's cell for a row of one model and data set. Throws if there is none: a row says it has one, or does not ask. */
export function official(counterpart: Counterpart, row: string): OfficialNumber {
  if (!Object.hasOwn(tables[counterpart], row))
    throw new Error(`The README has no number for ${row} of ${counterpart}.`);
  return { label: `${counterpart}, ${row}`, ...tables[counterpart][row] };
}
