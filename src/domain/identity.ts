// SPDX-License-Identifier: MIT
/**
 * domain/identity — as whom an agent takes its slot.
 */

import type { Identity } from '../agent/index.js';
import { memberNumber, ownProcess, ownThread, processNumber } from '../host/index.js';
import type { Entry } from './entry.js';

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
