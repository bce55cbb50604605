/** Preparing images on the device: normalising, and the random crops and flips of the training images. */
import {
  add,
  arange,
  cast,
  expand,
  type Generator,
  gather,
  less,
  mul,
  pad,
  reshape,
  sub,
  type Tensor,
  tensor,
  uniform,
  where,
} from '../engine/index.ts';

export interface Augmentation {
  /** Zeros added around an image before a window of its own size is cut out at random; 0 for none. */
  readonly cropPadding: number;
  /** Mirror left and right with probability one half. */
  readonly flip: boolean;
}

/** The paper's for CIFAR: RandomCrop(32, padding 4) and RandomHorizontalFlip. */
export const cifarAugmentation: Augmentation = { cropPadding: 4, flip: true };
export const noAugmentation: Augmentation = { cropPadding: 0, flip: false };

/** (pixel / scale - mean) / std per channel, for raw pixels [N,C,H,W]. */
export function normalizer(
  mean: readonly number[],
  std: readonly number[],
  scale: number,
): (pixels: Tensor) => Tensor {
  const channels = mean.length;
  const factor = tensor(
    std.map((s) => 1 / (s * scale)),
    { shape: [1, channels, 1, 1] },
  );
  const offset = tensor(
    mean.map((m, c) => m / std[c]),
    { shape: [1, channels, 1, 1] },
  );
  return (pixels) => sub(mul(pixels, factor), offset);
}

/**
 * A random crop and flip of every image of [N,C,H,W], each image with draws of its own. To be applied to raw pixels, so
 * that the padding is black, as torchvision does.
 */
export function augment(pixels: Tensor, { cropPadding, flip }: Augmentation, generator: Generator): Tensor {
  const [n, , h, w] = pixels.shape;
  let columns = expand(reshape(arange(w, 'i32'), [1, w]), [n, w]);
  if (flip) {
    const mirrored = less(uniform(generator, [n, 1]), 0.5);
    columns = where(mirrored, sub(w - 1, columns), columns);
  }
  if (cropPadding === 0) return flip ? alongDim(pixels, 3, columns) : pixels;
  const around = [cropPadding, cropPadding] as const;
  const padded = pad(pixels, [[0, 0], [0, 0], around, around]);
  const offsets = () => cast(mul(uniform(generator, [n, 1]), 2 * cropPadding + 1), 'i32');
  const rows = add(reshape(arange(h, 'i32'), [1, h]), offsets());
  return alongDim(alongDim(padded, 2, rows), 3, add(columns, offsets()));
}

/** Elements along dim 2 or 3 of [N,C,H,W] at positions [N, length] of their image's own. */
function alongDim(x: Tensor, dim: 2 | 3, positions: Tensor): Tensor {
  const [n, length] = positions.shape;
  const line = dim === 2 ? [n, 1, length, 1] : [n, 1, 1, length];
  const shape = x.shape.map((size, d) => (d === dim ? length : size));
  return gather(x, dim, expand(reshape(positions, line), shape));
}
