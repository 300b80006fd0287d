// SPDX-License-Identifier: MIT
/**
 * watch/members — the agents of a domain, as everybody can see them.
 */

import type { Agent } from '../agent/index.js';
import { memberName, slotsOf } from './names.js';
import { describeObject } from './objects.js';
import type { Watched } from './watched.js';

export interface MemberView {
  readonly name: string;
  readonly as: 'thread' | 'process';
  readonly id: number;
  /** Somebody will notice its death. */
  readonly watched: boolean;
  /** What a call of it waits for, a blocking one first; null = nothing, or it still polls. */
  readonly waitingFor: string | null;
}

export function members(rooms: Watched): MemberView[] {
  const { agent } = rooms;
  return slotsOf(agent).map((index) => {
    const object = agent.rows.any(index) || agent.slots.word(index, 'blocked');
    return {
      name: memberName(agent, index),
      as: isProcess(agent, index) ? 'process' : 'thread',
      id: isProcess(agent, index)
        ? agent.slots.word(index, 'pid')
        : agent.slots.word(index, 'member') & 0x3fff_ffff,
      watched: index === agent.slot || agent.slots.word(index, 'watched') === 1,
      waitingFor: object === 0 ? null : describeObject(rooms, object),
    };
  });
}

function isProcess({ slots }: Agent, index: number): boolean {
  return slots.word(index, 'kind') === 1;
}
