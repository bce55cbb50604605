/**
 * The settings of the experiments: a model on a data set at a scale, with its batches and its budget. What differs from
 * the official code is said by `differencesOf`, word for word as the report prints it, from the numbers of what ran. Sources: [readme] and [code] the
 * official code and its README, [ours] a choice made here where neither says.
 */

import type { RunConfig } from '../config.ts';
import { isFetched } from '../data/catalogue.ts';
import type { ModelSpec } from '../models.ts';

export const scales = ['quick', 'small', 'paper'] as const;
export type Scale = (typeof scales)[number];

export interface Setting {
  /** As tables name it: model and data. */
  readonly name: string;
  readonly scale: Scale;
  /** Name of the data set, as before the colon in `--data NAME:DIR`. */
  readonly dataset: string;
  /** As in `regrad train --data`. */
  readonly data: string;
  /** As in `regrad train --model`, or described. */
  readonly model: string | ModelSpec;
  readonly classes: number;
  /** Absent: all that are left after validation, or all there are. */
  readonly trainImages?: number;
  readonly validationImages: number;
  readonly testImages?: number;
  /** Examples of a large batch, |B|. */
  readonly batch: number;
  /** Examples of a micro-batch, |M|, and of a small batch. */
  readonly microBatch: number;
  /** Updates, the same for every method. */
  readonly steps: number;
  readonly evaluateEvery: number;
  /** Micro-batches over which a gradient norm is averaged. */
  readonly measureBatches: number;
  /** Updates between two norms that SB records for external grafting, which holds each for so long. */
  readonly holdNorms: number;
  /** What becomes of the images that are left at the end of an epoch; see `RunConfig.lastBatch`. */
  readonly lastBatch: RunConfig['lastBatch'];
  readonly augment: boolean;
}

/**
 * quick: sized for two cores without a GPU, on images that are shipped. The rates and lambdas that go with it were coarsely
 * tuned by validation accuracy at about this size; see docs/decisions/0019-experiments.md.
 */
const quick: Setting = {
  name: 'ResNet[4,8]/optdigits',
  scale: 'quick',
  dataset: 'optdigits',
  data: 'optdigits',
  model: 'resnet[4,8]',
  classes: 10,
  trainImages: 100,
  validationImages: 500,
  testImages: 1000,
  batch: 48,
  microBatch: 16,
  steps: 160,
  evaluateEvery: 16,
  measureBatches: 4,
  holdNorms: 4,
  lastBatch: 'full',
  augment: false,
};

/**
 * small: meant for one hour on one H100, by arithmetic, not by measurement. A forward and a backward pass through the ResNet
 * with widths 16, 32 and 64 are 0.073 GFLOP an image; a penalised image costs about three plain ones. All experiments for
 * one seed are about 13 million plain images (SB 0.06, LB 0.5, four penalties 6.1, two at |M| = |B|/2 3.1, three sampled
 * 2.1, three grafted 1.5), so three seeds on CIFAR-10 and CIFAR-100 are 80 million: an hour at 22,000 plain images/s, which is
 * 1.6 TFLOP/s, of the card's 67 in float32. The plan shows the images/s measured where it runs.
 */
const small = (dataset: 'cifar10' | 'cifar100', name: string, classes: number): Setting => ({
  name: `ResNet[16,32,64]/${name}`,
  scale: 'small',
  dataset,
  data: dataset,
  model: 'resnet[16,32,64]',
  classes,
  trainImages: 10_000,
  validationImages: 2_000,
  testImages: 5_000,
  batch: 512,
  microBatch: 64,
  steps: 1_000,
  evaluateEvery: 50,
  measureBatches: 8,
  holdNorms: 20,
  lastBatch: 'full',
  augment: true,
});

/**
 * paper: the official code's. Updates: its default, 5000; the budget of the published runs is not known. Evaluated every 20
 * updates [code]; norms are held for 20 [code], and the last update of an epoch is divided as if it were full [code]. The norm is averaged over K = 40 micro-batches for every method [ours; the code takes one for SB].
 */
const official = {
  scale: 'paper',
  validationImages: 10_000,
  steps: 5_000,
  evaluateEvery: 20,
  measureBatches: 40,
  holdNorms: 20,
  lastBatch: 'nominal',
  augment: true,
} as const;

/** |B| and |M|: the code's defaults, which the README's example for ResNet-18 gives too. */
const resnet18 = {
  ...official,
  model: 'resnet18',
  batch: 5120,
  microBatch: 128,
};
/** |B| = 5000 and |M| = 100 [ours]: written nowhere, but the README's sizes 50, 1000 and 2500 divide 5000, and not 5120. */
const vgg11 = {
  ...official,
  model: 'vgg11',
  batch: 5000,
  microBatch: 100,
};
/** torchvision's vgg16_bn for 32 x 32 images. */
const vgg16bn = (classes: number): ModelSpec => ({
  family: 'vgg',
  plan: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  hidden: [4096, 4096],
  bn: true,
  pool: 7,
  dropout: 0.5,
  linearDeviation: 0.01,
  size: 32,
  classes,
});
/** |B| and |M| of the code's defaults [ours]: the README does not say. */
const vgg16 = {
  ...official,
  batch: 5120,
  microBatch: 128,
};
const cifar10 = { dataset: 'cifar10', data: 'cifar10', classes: 10 } as const;
const cifar100 = { dataset: 'cifar100', data: 'cifar100', classes: 100 } as const;

export const settings = {
  quick,
  small10: small('cifar10', 'CIFAR-10', 10),
  small100: small('cifar100', 'CIFAR-100', 100),
  resnet10: { name: 'ResNet-18/CIFAR-10', ...resnet18, ...cifar10 },
  resnet100: { name: 'ResNet-18/CIFAR-100', ...resnet18, ...cifar100 },
  vgg11: { name: 'VGG-11/CIFAR-10', ...vgg11, ...cifar10 },
  vgg16on10: { name: 'VGG-16/CIFAR-10', model: vgg16bn(10), ...vgg16, ...cifar10 },
  vgg16on100: { name: 'VGG-16/CIFAR-100', model: vgg16bn(100), ...vgg16, ...cifar100 },
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof settings;

/** What must be known before a number of `setting` is held against the README's. */
export function differencesOf(setting: Setting): string {
  const { name, scale, trainImages, steps, batch, microBatch } = setting;
  const images = trainImages === undefined ? '' : ` on ${trainImages.toLocaleString('en')} images`;
  const sizes = `${name}${images}, |B| = ${batch} and |M| = ${microBatch} unless a row has its own, ${steps.toLocaleString('en')} updates`;
  if (scale === 'quick') {
    return (
      `${sizes}; the README's numbers are from far larger networks, on CIFAR, with |B| of 5000 or 5120 and |M| of 100 or ` +
      '128. Only signs and orders can be compared, not values'
    );
  }
  if (scale === 'small') {
    return (
      `${sizes}, with the README's rates and lambdas, which were not tuned for this size; the README's numbers are from ` +
      '40,000 images, larger networks, and |B| of 5000 or 5120'
    );
  }
  const budget = steps === official.steps ? ", the official code's default" : '';
  return `${sizes}${budget}; how long the README's runs were, and of how many seeds, is not known${batchesSource(setting)}`;
}

function batchesSource({ model, batch, microBatch }: Setting): string {
  const both = `. |B| = ${batch} and |M| = ${microBatch} are`;
  if (model === 'vgg11') return `${both} our inference from the README's other sizes`;
  return model === 'resnet18' ? '' : `${both} the code's defaults; the README does not give them`;
}

/**
 * The settings of a scale for which there are images. `data` is what the command line gave, each as in `--data`; nothing
 * means the sets that were fetched. The quick scale has images of its own, and takes one other set instead. Throws a
 * sentence if nothing is left.
 */
export function settingsOf(scale: Scale, data: readonly string[]): Map<SettingKey, Setting> {
  const given = new Map(data.map((spec) => [spec.split(':')[0], spec]));
  if (scale === 'quick') {
    if (given.size > 1) {
      throw new Error(`The quick scale takes one data set; ${given.size} were given: ${data.join(', ')}.`);
    }
    const [[dataset, spec] = [quick.dataset, quick.data]] = given;
    const name = quick.name.replace(quick.dataset, dataset);
    return new Map([['quick', { ...quick, name, dataset, data: spec }]]);
  }
  const known = Object.entries(settings).filter(([, setting]) => setting.scale === scale);
  const wanted = new Set(known.map(([, { dataset }]) => dataset));
  if (given.size === 0) {
    for (const name of wanted) if (isFetched(name)) given.set(name, name);
  }
  const foreign = [...given.keys()].find((name) => !wanted.has(name));
  if (foreign !== undefined || given.size === 0) {
    throw new Error(
      `The ${scale} scale needs ${[...wanted].map((name) => `--data ${name}:DIR`).join(' or ')}, or both` +
        `${foreign === undefined ? '' : `; it has no use for '${foreign}'`}. DIR is a folder with the official files; ` +
        'regrad data fetch NAME gets them.',
    );
  }
  return new Map(
    known.flatMap(([key, setting]) => {
      const spec = given.get(setting.dataset);
      return spec === undefined ? [] : [[key as SettingKey, { ...setting, data: spec }] as const];
    }),
  );
}
