/** Labelled images in memory, as raw bytes, and the deterministic ways to take a part of them. */

export interface ImageSet {
  /** "CIFAR-10, training images": for reports and errors. */
  name: string;
  classes: number;
  /** One name per label. */
  classNames: readonly string[];
  /** [channels, height, width] */
  shape: readonly [number, number, number];
  /** count · channels · height · width bytes, in that order (NCHW). */
  images: Uint8Array;
  /** One label in 0 … classes - 1 per image. */
  labels: Uint8Array;
  count: number;
  /** Divide a byte by this for a pixel in 0 … 1: 255, or 16 for optdigits. */
  scale: number;
}

export interface Dataset {
  name: string;
  train: ImageSet;
  test: ImageSet;
  /** Per channel, of pixels in 0 … 1: normalised = (byte / scale - mean) / std. */
  mean: readonly number[];
  std: readonly number[];
  /** Under which terms the images may be used, and whom to credit. */
  terms: string;
  /** What the paper's released code selects checkpoints on, where it has the set: see protocol.ts. */
  releasedSelection?: 'test' | 'held-out';
  /** Which decoder made the pixels, where the files hold JPEGs. */
  decoder?: string;
}

/** Throws unless the set is not empty, its arrays have the sizes its shape asks for, and every label names a class. */
export function checkImageSet(set: ImageSet): ImageSet {
  const { name, classes, shape, images, labels, count } = set;
  if (count === 0) {
    throw new Error(`${name}: there are no images in it.`);
  }
  if (labels.length !== count) {
    throw new Error(
      `${name}: ${count} images came with ${labels.length} labels; the files do not belong together.`,
    );
  }
  const bytes = count * imageSize(shape);
  if (images.length !== bytes) {
    throw new Error(
      `${name}: ${count} images of [${shape.join(', ')}] are ${bytes} bytes, but ${images.length} came.`,
    );
  }
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong !== -1) {
    throw new Error(
      `${name}: image ${wrong} has label ${labels[wrong]}, but labels go from 0 to ${classes - 1}.`,
    );
  }
  return set;
}

/** Bytes of one image. */
function imageSize([channels, height, width]: ImageSet['shape']): number {
  return channels * height * width;
}

/**
 * Mean and standard deviation (of the population) of every channel, of pixels in 0 … 1:
 * mean = Σ p / n, std = √(Σ (p - mean)² / n). Counts bytes first, so it is exact up to the last division.
 */
export function channelStatistics({ shape, images, count, scale }: ImageSet): {
  mean: number[];
  std: number[];
} {
  const [channels, height, width] = shape;
  const plane = height * width;
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (let n = 0; n < count; n++) {
      const start = (n * channels + c) * plane;
      for (let i = start; i < start + plane; i++) {
        sum += images[i];
        squares += images[i] * images[i];
      }
    }
    const average = sum / (count * plane);
    mean.push(average / scale);
    std.push(Math.sqrt(squares / (count * plane) - average * average) / scale);
  }
  return { mean, std };
}

/**
 * Splits off the last `validationCount` images for validation and leaves the first ones for training, unshuffled, as
 * the paper's code does (its CIFAR training part is images 0 … 39,999 of 50,000). Both parts are views, not copies.
 */
export function splitTrain(
  set: ImageSet,
  validationCount: number,
): { train: ImageSet; validation: ImageSet } {
  if (!Number.isInteger(validationCount) || validationCount < 1 || validationCount >= set.count) {
    throw new Error(
      `${set.name}: the validation part must be a whole number from 1 to ${set.count - 1}, ` +
        `so that both parts of the ${set.count} images have some, but ${validationCount} was asked for.`,
    );
  }
  const border = set.count - validationCount;
  return {
    train: range(set, 0, border, set.name),
    validation: range(set, border, set.count, `${set.name}, held out for validation`),
  };
}

/**
 * Takes `count` images, the same number of every class as far as the set allows: the classes take turns, lowest label
 * first, each giving its earliest image not yet taken. The images keep their order. Throws if there are not enough.
 */
export function subset(set: ImageSet, count: number): ImageSet {
  if (!Number.isInteger(count) || count < 1 || count > set.count) {
    throw new Error(
      `${set.name}: a subset must have a whole number of images from 1 to ${set.count}, but ${count} was asked for.`,
    );
  }
  // The k-th image of its class is taken in turn k; within a turn the classes go by label.
  const seen = new Array<number>(set.classes).fill(0);
  const turns = Array.from(set.labels, (label, index) => ({ index, label, turn: seen[label]++ }));
  turns.sort((a, b) => a.turn - b.turn || a.label - b.label);
  const chosen = turns
    .slice(0, count)
    .map(({ index }) => index)
    .sort((a, b) => a - b);

  const size = imageSize(set.shape);
  const images = new Uint8Array(count * size);
  chosen.forEach((index, n) => {
    images.set(set.images.subarray(index * size, (index + 1) * size), n * size);
  });
  const labels = Uint8Array.from(chosen, (index) => set.labels[index]);
  return { ...set, images, labels, count };
}

function range(set: ImageSet, begin: number, end: number, name: string): ImageSet {
  const size = imageSize(set.shape);
  return {
    ...set,
    name,
    images: set.images.subarray(begin * size, end * size),
    labels: set.labels.subarray(begin, end),
    count: end - begin,
  };
}
