// SPDX-License-Identifier: MIT
/** Agents with the rooms up to sync files, on one thread; see world.ts. */
import type { Agent } from '../../../src/agent/index.js';
import { Buffers, bufferSections, type DmaBuf, type Leak } from '../../../src/buf/index.js';
import { Fences, fenceSections } from '../../../src/fence/index.js';
import { oneSlab, PAGE, SystemHeap, systemHeapSections } from '../../../src/heap/index.js';
import type { Limits } from '../../../src/mem/index.js';
import { Reservations, reservationSections } from '../../../src/resv/index.js';
import { SyncFiles, syncSections } from '../../../src/sync/index.js';
import { SMALL, world } from '../world.js';

const SECTIONS = [
  ...fenceSections,
  ...reservationSections,
  ...bufferSections,
  ...systemHeapSections,
  ...syncSections,
];

/** One agent; it is what SyncFile.create and Fence.from take for a Domain. */
export interface Rig {
  readonly name: string;
  readonly agent: string;
  readonly self: Agent;
  readonly fences: Fences;
  readonly buffers: Buffers;
  readonly syncFiles: SyncFiles;
  readonly leaks: Leak[];
  /** What is going to be reported when the domain is closed here. */
  alloc(size?: number): DmaBuf;
  /** Closes the rooms as a domain does, and leaves. */
  leave(): void;
}

export interface Rigs {
  readonly all: readonly Rig[];
  /** Kills an agent; a living one recovers what it had. */
  bury(rig: Rig): void;
}

export function rigs(count = 1, limits: Partial<Limits> = {}): Rigs {
  const { agents, kill } = world(SECTIONS, count, limits);
  const memory = oneSlab(new SharedArrayBuffer((limits.pages ?? SMALL.pages) * PAGE));
  const all = agents.map((self): Rig => {
    const leaks: Leak[] = [];
    const fences = new Fences(self);
    const reservations = new Reservations(self, fences);
    const buffers = new Buffers(self, fences, reservations, { onLeak: (leak) => leaks.push(leak) });
    const syncFiles = new SyncFiles(self, fences, buffers);
    const heap = new SystemHeap(self, buffers, memory);
    const leave = (): void => {
      syncFiles.close();
      fences.close();
      buffers.close();
      self.leave(new Error('left'));
    };
    const alloc = (size = 4096): DmaBuf => heap.alloc(size);
    const name = `agent-${self.slot}`;
    return { name: 'test', agent: name, self, fences, buffers, syncFiles, leaks, alloc, leave };
  });
  const bury = ({ self }: Rig): void => {
    kill(self);
    const survivor = all.find((each) => each.self !== self && !self.slots.isDead(each.self.slot));
    survivor?.self.reapers.sweep();
  };
  return { all, bury };
}

/** One agent. */
export function rig(limits: Partial<Limits> = {}): Rig {
  return nth(rigs(1, limits), 0);
}

export function nth({ all }: Rigs, n: number): Rig {
  const found = all[n];
  if (found === undefined) throw new RangeError(`there is no agent ${n}`);
  return found;
}
