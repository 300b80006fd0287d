// SPDX-License-Identifier: MIT
/** Processes that are stopped (SIGSTOP): they live, hold what they hold, and do nothing. */
import { readFileSync } from 'node:fs';
import { turnsUntil } from '../../threads/support/turns.js';

/** The letter that /proc has for what every thread of it does; T = stopped. */
const stateOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
};

/** Stops it; resolves when it has. */
export async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await turnsUntil(() => stateOf(pid) === 'T');
}

export function resume(pid: number): void {
  process.kill(pid, 'SIGCONT');
}
