/** When a process started: with its id, what names it, as ids are given anew. */
import { readFileSync } from 'node:fs';

/**
 * On Linux the start in clock ticks since boot; '' where it cannot be known; undefined if there is no such process, or only
 * its entry is left, which waits for a parent to ask how it ended.
 */
export function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    // The second field, the program's name in parentheses, may hold spaces; the third is the state, the 22nd the start.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
