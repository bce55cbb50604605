/**
 * Which images train, which select the checkpoint, and which are reported on.
 *
 * As in the paper's code, the first official training images train, unshuffled, and the last are held out: 40,000 and 10,000
 * of CIFAR. Checkpoints are selected on the latter and reported on the official test images.
 *
 * The released code does so for CIFAR-100. Its CIFAR-10 loader has the two parts the other way round: it selects on the
 * official test images and reports on the training images held out. The selection `official` mimics that.
 */
import { type Dataset, type ImageSet, splitTrain } from './image-set.ts';

export const selections = ['held-out', 'official'] as const;
export type Selection = (typeof selections)[number];

export interface ProtocolImages {
  readonly train: ImageSet;
  /** Selects the checkpoint. */
  readonly validation: ImageSet;
  /** Is reported on. */
  readonly test: ImageSet;
}

/** Splits a set. Throws a sentence if `heldOut` leaves no training images, or the released code has no such set. */
export function protocolImages(
  { name, train: all, test, releasedSelection }: Dataset,
  heldOut: number,
  selection: Selection,
): ProtocolImages {
  const { train, validation } = splitTrain(all, heldOut);
  if (selection === 'official' && releasedSelection === undefined) {
    throw new Error(
      `The paper's released code has no ${name}, only CIFAR-10 and CIFAR-100; leave out --selection official.`,
    );
  }
  return selection === 'official' && releasedSelection === 'test'
    ? { train, validation: test, test: validation }
    : { train, validation, test };
}
