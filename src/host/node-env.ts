// SPDX-License-Identifier: MIT
/**
 * host/node-env — what the surroundings of this thread say.
 */

import { isMainThread, threadId } from 'node:worker_threads';

/** Checks that cost are on in tests. */
export function debugByDefault(): boolean {
  return process.env['NODE_ENV'] === 'test';
}

/** What an agent is called that nobody named. */
export function threadName(): string {
  return isMainThread ? 'main' : `worker-${threadId}`;
}

/** The thread that lives as long as its process. */
export function isMain(): boolean {
  return isMainThread;
}
