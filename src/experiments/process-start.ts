/** When a process started: with its id, what names it, as ids are given anew. */
import { readFileSync } from 'node:fs';

/** On Linux the start in clock ticks since boot; '' where it cannot be known; undefined if there is no such process. */
export function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    // The second field, the program's name in parentheses, may hold spaces; the start is the 22nd.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
