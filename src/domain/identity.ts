// SPDX-License-Identifier: MIT
/**
 * domain/identity — as whom an agent takes its slot, and by whose clock it lives.
 */

import type { Identity, Platform } from '../agent/index.js';
import { memberNumber, nodePlatform, ownProcess, ownThread, processNumber } from '../host/index.js';
import { clockOf, type Entry } from './entry.js';

export function identityOf({ agent: name, processes, membership }: Entry): Identity {
  const ofThreads = processes === null;
  const isThread = membership === null;
  return {
    ...ownThread(),
    pid: ofThreads ? 0 : ownProcess(),
    station: ofThreads ? 0 : processes.station,
    kind: isThread ? 'thread' : 'process',
    member: isThread ? memberNumber() : processNumber(),
    name,
  };
}

export function platformOf({ arena, processes }: Entry): Platform {
  return nodePlatform(processes, clockOf(arena));
}
