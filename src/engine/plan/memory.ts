/** Which intermediate shares memory with which: a buffer is free again after its last reader. */
import type { Place } from './plan.ts';

interface Lifetime {
  place?: Place;
  readonly bytes: number;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** Sizes come in steps of at most 25 % so that buffers of nearly equal size can be shared. */
export function roundedSize(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/**
 * Gives every buffer without a place a slot, in order of their first steps, and returns the slots' sizes. A buffer may
 * take a slot of its own size class whose earlier owner was last read in an earlier step.
 */
export function assignSlots(buffers: readonly Lifetime[], reuse: boolean): number[] {
  const sizes: number[] = [];
  const free = new Map<number, number[]>();
  const endings = new Map<number, { bytes: number; slot: number }[]>();
  let step = 0;
  for (const buffer of buffers) {
    for (; step < buffer.firstStep; step++) {
      for (const { bytes, slot } of endings.get(step) ?? []) free.get(bytes)?.push(slot);
      endings.delete(step);
    }
    if (buffer.place) continue;
    const bytes = roundedSize(buffer.bytes);
    if (!free.has(bytes)) free.set(bytes, []);
    const slot = free.get(bytes)?.pop() ?? sizes.push(bytes) - 1;
    buffer.place = { kind: 'slot', slot };
    if (buffer.lastStep === Infinity || !reuse) continue;
    const list = endings.get(buffer.lastStep) ?? [];
    list.push({ bytes, slot });
    endings.set(buffer.lastStep, list);
  }
  return sizes;
}
