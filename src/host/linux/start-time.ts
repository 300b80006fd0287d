// SPDX-License-Identifier: MIT
/**
 * host/linux/start-time — when a thread started: with its number, that says which one it is, though numbers are used again.
 *
 * @source Linux proc(5), field 22 of stat
 */

import { readFileSync } from 'node:fs';

/**
 * In the system's clock ticks since boot; 0: nobody can say; null: there is no such thread. Without `thread`: the first one of
 * the process, which started with it.
 */
export function startTimeOf(pid: number, thread: number = pid): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    // The name in field 2 may hold anything, so count from behind its last parenthesis.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ESRCH' ? null : 0;
  }
}
