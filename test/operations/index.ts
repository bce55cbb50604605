/** The table of operations: a row for every exported function of src/engine/ops. */
import { composed, indexing } from './composed.ts';
import { contractions } from './contractions.ts';
import { elementwise } from './elementwise.ts';
import { movement } from './movement.ts';
import { reductions } from './reductions.ts';
import type { Row } from './row.ts';
import { sources } from './sources.ts';

export const rows: readonly Row[] = [
  ...elementwise,
  ...reductions,
  ...movement,
  ...contractions,
  ...indexing,
  ...composed,
  ...sources,
];
