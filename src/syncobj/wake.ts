// SPDX-License-Identifier: MIT
/**
 * syncobj/wake — how tasks that wait for a change of an object, or of a client, hear of it. Both are of one agent, so are the tasks.
 */

import { type Agent, objectKey } from '../agent/index.js';

/** What such a wait has among its keys. */
export function wakeKey(agent: Agent): number {
  return objectKey('agent', agent.slot);
}

/** They look again. */
export function wake(agent: Agent): void {
  agent.ring(agent.slot, wakeKey(agent));
}
