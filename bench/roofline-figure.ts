import type { Peaks } from './peaks.ts';
import type { Measured } from './records.ts';
export function rooflineFigure(device: string, peaks: Peaks, kernels: readonly Measured[]): string {
  return `${device}${peaks.flops}${kernels.length}`;
}
