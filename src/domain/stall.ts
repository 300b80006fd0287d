// SPDX-License-Identifier: MIT
/**
 * domain/stall — tells who waits for whom when a wait takes long. It changes nothing else: no timer unlocks a lock.
 */

import { describeWait } from '../watch/index.js';
import type { Events } from './events.js';
import type { Rooms } from './rooms.js';

/** Looks at the pending waits now and then, while somebody listens. */
export function watchStalls(rooms: Rooms, events: Events, after: number): Disposable {
  const { agent } = rooms;
  const { platform } = agent;
  const look = (): void => {
    timer = platform.timer(after / 2, look);
    if (agent.tasks.pending === 0 || !events.heard('stall')) return;
    for (const { op, keys } of agent.tasks.stalled(platform.now() - after)) {
      const [waitingFor, ...graph] = describeWait(rooms, keys);
      events.emit('stall', { op, waitingFor: waitingFor ?? 'nothing', graph: graph.join('\n') });
    }
  };
  let timer = platform.timer(after / 2, look);
  return { [Symbol.dispose]: () => timer.cancel() };
}
