// SPDX-License-Identifier: MIT
/**
 * host/linux/task-stat — what the system says of a thread: with its number, when it started says which one it is, though numbers are used
 * again.
 *
 * @source Linux proc(5), fields 3 and 22 of stat
 */

import { readFileSync } from 'node:fs';

export interface TaskStat {
  /** A letter; Z and X: it has ended. */
  readonly state: string | undefined;
  /** In the system's clock ticks since boot. */
  readonly started: number;
}

/** Of the thread whose directory below /proc this is. @throws whatever reading says: ENOENT or ESRCH when there is none */
export function taskStat(directory: string): TaskStat {
  const text = readFileSync(`${directory}/stat`, 'latin1');
  // The name in field 2 may hold anything, so count from behind its last parenthesis.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], started: Number(fields[19]) };
}
