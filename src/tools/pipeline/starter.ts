// SPDX-License-Identifier: MIT
/**
 * starter — what a worker owes the one that started it, when it is a process: it ends with it, however that ended, since nobody
 * else would send it frames; and at once, although it may wait for a reader of the output just then. Ctrl-C in a terminal goes to all processes at once; what follows from it is for the starter to say.
 * A thread ends with its process, and sees no signals.
 */
import { isMainThread } from 'node:worker_threads';

const ABANDONED = 1;

/** To be called before anything is waited for. */
export function followStarter(): void {
  if (!isMainThread) return;
  const starter = process.ppid;
  process.on('SIGINT', () => undefined);
  // Gone before the script has come so far.
  if (!process.connected) process.exit(ABANDONED);
  process.once('disconnect', () => process.exit(ABANDONED));
  // What fails because it has died is no news, and may come first.
  process.on('uncaughtExceptionMonitor', () => {
    if (process.ppid !== starter) process.exit(ABANDONED);
  });
  // Listening keeps the process alive, unless told not to.
  process.channel?.unref();
}
