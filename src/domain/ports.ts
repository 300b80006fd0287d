// SPDX-License-Identifier: MIT
/**
 * domain/ports — what buffers are told of the domain: its events, its members, and memory that only one agent writes to.
 */

import type { BufferPorts } from '../buf/index.js';
import type { Entry } from './entry.js';
import type { Events } from './events.js';
import { LocalMember } from './member.js';

export function portsOf({ debug, sealed }: Entry, events: Events): BufferPorts {
  return {
    stacks: debug,
    sealed,
    onLeak: (leak) => events.emit('leak', leak),
    memberTag: (member) => (member instanceof LocalMember ? member.tag : null),
  };
}
