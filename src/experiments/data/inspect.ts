/** What a data set holds, to compare with what one expects: counts, classes, pixels, first images, repetitions. */
import { createHash } from 'node:crypto';
import { channelStatistics, type Dataset, type ImageSet } from './image-set.ts';

export interface PartFacts {
  readonly count: number;
  /** Images in the whole official set. */
  readonly official: number;
  /** Images of every class, by label. */
  readonly perClass: readonly number[];
  /** The first image's label, its first bytes (red, or the only channel, row by row), and the SHA-256 of all its bytes. */
  readonly first: { readonly label: string; readonly bytes: readonly number[]; readonly sha256: string };
  /** Of the pixels in 0 … 1, by channel. */
  readonly pixels: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

export interface DatasetFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly scale: number;
  readonly classes: number;
  readonly decoder?: string;
  /** What normalisation takes off and divides by. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] };
  readonly train: PartFacts;
  readonly test: PartFacts;
  /** Sentences on what may be intended, but matters to a measurement. */
  readonly warnings: readonly string[];
}

/** Looks through all images of a set. */
export function inspectDataset(dataset: Dataset, official: { train: number; test: number }): DatasetFacts {
  const { name, train, test, mean, std, decoder } = dataset;
  const trainDigests = digests(train);
  const testDigests = digests(test);
  const facts = {
    train: inspectPart(train, official.train, trainDigests[0]),
    test: inspectPart(test, official.test, testDigests[0]),
  };
  const inTraining = new Set(trainDigests);
  const shared = testDigests.filter((digest) => inTraining.has(digest)).length;
  const warnings = [
    ...subsetWarning('training', facts.train),
    ...subsetWarning('test', facts.test),
    ...imbalanceWarning('training', facts.train),
    ...repetitionWarning('training', trainDigests),
    ...repetitionWarning('test', testDigests),
    ...(shared > 0 ? [`${shared} of the test images are among the training images, to the byte.`] : []),
  ];
  return {
    name,
    shape: train.shape,
    scale: train.scale,
    classes: train.classes,
    decoder,
    normalisation: { mean, std },
    ...facts,
    warnings,
  };
}

function inspectPart(set: ImageSet, official: number, sha256: string): PartFacts {
  const perClass = new Array<number>(set.classes).fill(0);
  for (const label of set.labels) perClass[label]++;
  return {
    count: set.count,
    official,
    perClass,
    first: { label: set.classNames[set.labels[0]], bytes: Array.from(set.images.subarray(0, 8)), sha256 },
    pixels: channelStatistics(set),
  };
}

function digests({ images, count }: ImageSet): string[] {
  const size = images.length / count;
  return Array.from({ length: count }, (_, n) =>
    createHash('sha256')
      .update(images.subarray(n * size, (n + 1) * size))
      .digest('hex'),
  );
}

function subsetWarning(part: string, { count, official }: PartFacts): string[] {
  if (count === official) return [];
  return [`The ${part} part has ${count} images, the official one ${official}: say so beside any number.`];
}

function imbalanceWarning(part: string, { perClass }: PartFacts): string[] {
  const fewest = Math.min(...perClass);
  const most = Math.max(...perClass);
  if (most <= 1.5 * fewest) return [];
  return [`The ${part} part has from ${fewest} to ${most} images of a class.`];
}

function repetitionWarning(part: string, all: readonly string[]): string[] {
  const repeated = all.length - new Set(all).size;
  return repeated === 0 ? [] : [`${repeated} of the ${part} images repeat an earlier one, to the byte.`];
}

/** The facts as text for people, a fact a line. */
export function formatFacts(facts: DatasetFacts): string {
  const { shape, scale, classes, decoder, normalisation, train, test, warnings } = facts;
  const rows: [string, string][] = [
    ['images', `${shape.join(' × ')} (channels × height × width), from 0 to ${scale}, of ${classes} classes`],
    ['normalised by', formatStatistics(normalisation)],
    ...(decoder ? [['decoded by', decoder] as [string, string]] : []),
    ...formatPart('training', train),
    ...formatPart('test', test),
    ...warnings.map((text): [string, string] => ['warning', text]),
  ];
  return rows.map(([label, value]) => `  ${label.padEnd(15)}${value}`).join('\n');
}

function formatPart(part: string, { count, perClass, first, pixels }: PartFacts): [string, string][] {
  const fewest = Math.min(...perClass);
  const most = Math.max(...perClass);
  const each =
    fewest === most
      ? `${most} of each class`
      : perClass.length <= 10
        ? `by class ${perClass.join(' ')}`
        : `from ${fewest} to ${most} of a class`;
  return [
    [part, `${count} images, ${each}`],
    ['  pixels', formatStatistics(pixels)],
    ['  first image', `${first.label}: ${first.bytes.join(' ')} …, sha256 ${first.sha256.slice(0, 16)}`],
  ];
}

function formatStatistics({ mean, std }: PartFacts['pixels']): string {
  const round = (values: readonly number[]): string => values.map((value) => value.toFixed(4)).join(' ');
  return `mean ${round(mean)}, deviation ${round(std)}`;
}
