// SPDX-License-Identifier: MIT
/**
 * domain/membership — this process as a station of a domain of processes: its memory, its doorbells, and the broker.
 *
 *    found: memory files ─▶ arena, station 0 ─▶ socket ─▶ (the agent joins) ─▶ serve
 *    enter: connection ─▶ memory, station, doorbells ─▶ LIVE, all others can be rung ─▶ (the agent joins) ─▶ serve
 *    the connection ends: whoever takes over serves, the others connect again (host/broker/succession)
 *
 * What a process in the domain does with locks, fences and tables, it does in the arena; this is about coming, going and dying only.
 * The threads that this agent starts, or gives the domain's handle to, share its station; it outlives them.
 *
 * Lock order  none. `broker` in the arena is taken over by one CAS, only from the dead, or from who has left.
 */

import { type Processes, type StationName, Stations } from '../agent/index.js';
import type { HeapMemory } from '../heap/index.js';
import {
  asHeap,
  closeMemory,
  Doorbells,
  insist,
  isTaskGone,
  makeMemory,
  newBell,
  ownProcess,
  ownProcessStart,
  type Station,
  type StationMemory,
} from '../host/index.js';
import { Arena, type Limits } from '../mem/index.js';
import { SECTIONS } from './layout.js';
import { PAGE } from './options.js';
import type { Rooms } from './rooms.js';
import type { StationPart } from './station-part.js';

/** What an agent needs of its station. */
export interface Grounds {
  readonly arena: Arena;
  readonly heapMemory: HeapMemory;
  readonly process: StationPart;
  readonly processes: Processes;
  readonly membership: Membership | null;
}

/** Another thread of a process that is in. @throws ENOTSUP */
export function shareStation(arena: Arena, process: StationPart): Grounds {
  insist();
  const stations = new Stations(arena, { isGone: isTaskGone });
  const processes = new Doorbells(arena.memory, process.own, () => stations.rungByAll(process.own));
  const heapMemory = asHeap(process.slabs, process.slabBytes);
  return { arena, heapMemory, process, processes, membership: null };
}

export class Membership {
  readonly arena: Arena;
  readonly stations: Stations;
  readonly doorbells: Doorbells;
  readonly #memory: StationMemory;
  readonly #part: StationPart;

  private constructor(memory: StationMemory, arena: Arena, own: Station, path: string) {
    const stations = new Stations(arena, { isGone: isTaskGone });
    this.#memory = memory;
    this.arena = arena;
    this.stations = stations;
    this.doorbells = new Doorbells(arena.memory, own, () => stations.rungByAll(own));
    const { slabs, slabBytes } = memory.heap;
    this.#part = { path, own, slabs, slabBytes };
  }

  /** A new domain, with this process as its first station. @throws ENOMEM · ENFILE · EBUSY a domain lives at that path · EACCES */
  static async found(
    where: true | string,
    limits: Limits,
    identity: readonly [number, number],
  ): Promise<Membership> {
    const op = 'Domain.create';
    const memory = makeMemory(op, Arena.bytes(SECTIONS, limits), limits.pages * PAGE);
    const arena = Arena.create(SECTIONS, limits, identity, memory.arena);
    const stations = new Stations(arena, { isGone: isTaskGone });
    const own: StationName = stations.admit(ownProcess(), ownProcessStart());
    stations.enter(own);
    return new Membership(memory, arena, { ...own, ...newBell() }, `${where}`);
  }

  static async enter(_path: string, _options: unknown): Promise<Membership> {
    throw new Error('later');
  }

  get entry(): Grounds {
    const { arena, doorbells: processes } = this;
    const heapMemory = this.#memory.heap;
    return { arena, heapMemory, process: this.#part, processes, membership: this };
  }

  /** The agent has joined. */
  serve(_rooms: Rooms): void {}

  /** The agent has left. */
  close(): void {
    this.doorbells.close();
    closeMemory(this.#memory);
  }
}
