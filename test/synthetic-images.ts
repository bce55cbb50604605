/** Small made-up images: each class a pattern of its own, with noise, so that a few updates learn something. */

import { philox } from '../src/engine/ops/random.ts';
import { channelStatistics, type Dataset, type ImageSet } from '../src/experiments/data/image-set.ts';

export interface SyntheticOptions {
  readonly train: number;
  readonly test: number;
  readonly shape?: readonly [number, number, number];
  readonly classes?: number;
}

export function syntheticDataset({ train, test, shape = [1, 8, 8], classes = 4 }: SyntheticOptions): Dataset {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const set = (name: string, count: number, first: number): ImageSet => ({
    name,
    classes,
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    shape,
    count,
    scale: 255,
    labels: Uint8Array.from({ length: count }, (_, n) => (first + n) % classes),
    images: Uint8Array.from({ length: count * size }, (_, at) => {
      const [n, i] = [Math.floor(at / size), at % size];
      const pattern = Math.sin((i + 1) * ((((first + n) % classes) + 1) * 0.7));
      return 128 + 60 * pattern + (philox([first + n, i, 0, 0], [3, 5])[0] % 64) - 32;
    }),
  });
  const training = set('made-up training images', train, 0);
  return {
    name: 'made-up images',
    train: training,
    test: set('made-up test images', test, train),
    ...channelStatistics(training),
    terms: 'none',
  };
}
