/** Norms that a small-batch run recorded, for another run to take its step lengths from. */

export interface RecordedNorm {
  /** Updates done when it was recorded. */
  readonly step: number;
  /** Of a micro-batch's gradient, not squared. */
  readonly norm: number;
}

/**
 * The norm for the update that follows `step` updates: that recorded at the last multiple of `hold`, kept for `hold`
 * updates (20 in the released code). Throws where the recording has none there.
 */
export function heldNorm(record: readonly RecordedNorm[], step: number, hold: number): number {
  if (!Number.isSafeInteger(hold) || hold < 1) {
    throw new RangeError(
      `The hold interval of recorded norms is ${hold}, expected a whole number from 1 on.`,
    );
  }
  const wanted = Math.floor(step / hold) * hold;
  const found = record.find((entry) => entry.step === wanted);
  if (!found) {
    const steps = record.map((entry) => entry.step);
    const span = steps.length === 0 ? 'nothing' : `steps ${Math.min(...steps)} to ${Math.max(...steps)}`;
    throw new Error(
      `The recording has no norm of step ${wanted}, needed with a hold interval of ${hold}; it holds ${span}. ` +
        'Record the small-batch run at every such step, and for as many updates as this run makes.',
    );
  }
  return found.norm;
}
