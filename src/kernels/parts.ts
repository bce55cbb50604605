/** Sums that are cut in parts, for want of other work to share out: what `Kernel.parts` promises. */
import { type Epilogue, storeResults } from './epilogue.ts';

/** Stores sums in so many parts, `p.parts`; it takes the place of an epilogue. */
export const storeParts = (parts: number): Epilogue => ({
  ...storeResults,
  members: '@align(16) parts: u32,',
  uniforms: [parts],
});

/** The member of a kernel that says so. */
export const inParts = (parts: number): { parts?: number } => (parts > 1 ? { parts } : {});
