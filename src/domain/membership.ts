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

import { type Agent, type Processes, type StationName, Stations } from '../agent/index.js';
import { DmaBufError, fail } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import type { HeapMemory } from '../heap/index.js';
import {
  asHeap,
  BrokerClient,
  closeDescriptors,
  closeMemory,
  Doorbells,
  insist,
  isTaskGone,
  keeperBySocket,
  makeMemory,
  mapMemory,
  newBell,
  ownerOf,
  ownProcess,
  ownProcessStart,
  Place,
  pause,
  SealedFiles,
  type Station,
  type StationMemory,
} from '../host/index.js';
import { Arena, type Limits } from '../mem/index.js';
import { isFresh, usersOf, writeAdmission } from './admission.js';
import { Brokerage } from './brokerage.js';
import type { Events } from './events.js';
import { SECTIONS } from './layout.js';
import { type Admission, PAGE } from './options.js';
import type { StationPart } from './station-part.js';

/** Milliseconds that entering takes at most, unless told otherwise. */
const PATIENCE = 10_000;

/** What an agent needs of its station. */
export interface Grounds {
  readonly arena: Arena;
  readonly heapMemory: HeapMemory;
  readonly process: StationPart;
  readonly processes: Processes;
  readonly sealed: SealedFiles;
  readonly membership: Membership | null;
}

/** Another thread of a process that is in. @throws ENOTSUP · ESTALE it has left */
export function shareStation(arena: Arena, process: StationPart): Grounds {
  insist();
  const stations = new Stations(arena, { isGone: isTaskGone });
  if (!stations.knows(process.own)) {
    const why = 'this process has left the domain: its threads join while somebody in it is in';
    throw fail('ESTALE', 'Domain.join', {}, { why });
  }
  const processes = new Doorbells(arena.memory, process.own, () => stations.rungByAll(process.own));
  const heapMemory = asHeap(process.slabs, process.slabBytes);
  const sealed = new SealedFiles(process.path);
  sealed.connect(keeperBySocket(process.path));
  return { arena, heapMemory, process, processes, sealed, membership: null };
}

/** Milliseconds until the next try of somebody who knows that there is a domain. */
const AGAIN = 20;
/** Milliseconds between two looks whether the last thread of this process has left. */
const LINGER = 50;

export interface EnterOptions extends WaitOptions {
  /** Tries again while nobody listens: somebody is just taking over. */
  readonly patient: boolean;
  /** Id of the user whose domain it is; absent: not known. */
  readonly owner?: number | undefined;
}

export class Membership {
  readonly arena: Arena;
  readonly doorbells: Doorbells;
  readonly #stations: Stations;
  readonly #memory: StationMemory;
  readonly #part: StationPart;
  readonly #brokerage: Brokerage;
  readonly #sealed: SealedFiles;
  /** Of a founder, until it serves. */
  #listener: ReturnType<Place['open']> | null = null;
  #agent: Agent | null = null;

  private constructor(memory: StationMemory, arena: Arena, own: Station, place: Place) {
    const stations = new Stations(arena, { isGone: isTaskGone });
    const doorbells = new Doorbells(arena.memory, own, () => stations.rungByAll(own));
    const { slabs, slabBytes } = memory.heap;
    this.arena = arena;
    this.doorbells = doorbells;
    this.#stations = stations;
    this.#memory = memory;
    this.#part = { path: place.path, owner: place.owner, own, slabs, slabBytes };
    const users = usersOf(arena);
    const sealed = new SealedFiles(place.path);
    this.#sealed = sealed;
    this.#brokerage = new Brokerage({ stations, doorbells, memory, own, place, users, sealed });
  }

  /** A new domain, with this process as its first station. @throws ENOMEM · ENFILE · EBUSY a domain lives at that path · EACCES */
  static found(
    { where, users }: Admission,
    limits: Limits,
    identity: readonly [number, number],
  ): Membership {
    const op = 'Domain.create';
    const undo: (() => void)[] = [];
    try {
      const bells = newBell();
      undo.push(() => closeDescriptors([bells.bell]));
      const place = Place.at(where, { others: users.length > 0 });
      undo.push(() => place.close());
      const memory = makeMemory(op, Arena.bytes(SECTIONS, limits), limits.pages * PAGE);
      undo.push(() => closeMemory(memory));
      const arena = Arena.create(SECTIONS, limits, identity, memory.arena);
      writeAdmission(arena, { where, users });
      const stations = new Stations(arena, { isGone: isTaskGone });
      const own = stations.admit(ownProcess(), ownProcessStart());
      stations.enter(own);
      const founded = new Membership(memory, arena, { ...own, ...bells }, place);
      founded.#listener = place.open();
      return founded;
    } catch (error) {
      for (const step of undo.toReversed()) step();
      throw error;
    }
  }

  /**
   * Enters the domain whose broker listens at `path`.
   * @throws ENOENT nobody listens there · EACCES · ENFILE · EPROTO · EPROTONOSUPPORT · ETIMEDOUT
   */
  static async enter(path: string, options: EnterOptions): Promise<Membership> {
    const due = performance.now() + (options.timeout ?? PATIENCE);
    for (;;) {
      try {
        return await Membership.#enter(path, due, options);
      } catch (error) {
        const again = options.patient && DmaBufError.is(error, 'ENOENT');
        if (!again || performance.now() >= due) throw error;
      }
      await pause(AGAIN);
    }
  }

  static async #enter(
    path: string,
    due: number,
    { signal, owner }: EnterOptions,
  ): Promise<Membership> {
    const op = 'Domain.join';
    const { bell, bells } = newBell();
    const timeout = Math.max(0, due - performance.now());
    const connecting = BrokerClient.connect(path, { bell, owner }, { timeout, signal });
    const { client, welcome } = await connecting.catch((error: unknown) => {
      closeDescriptors([bell]);
      throw error;
    });
    const { station: own, arena: arenaFile, slabs: slabFiles } = welcome;
    let entered: Membership;
    try {
      const memory = mapMemory(op, arenaFile, slabFiles);
      const arena = Arena.open(memory.arena, SECTIONS);
      if (own.station >= arena.limits.agents)
        throw fail(
          'EPROTO',
          op,
          { ...own },
          { why: 'the broker gave a station that there is not' },
        );
      const others = usersOf(arena).length > 0;
      const place = Place.of(path, {
        others,
        fresh: isFresh(arena),
        owner: ownerOf(arenaFile.descriptor),
      });
      entered = new Membership(memory, arena, { ...own, bell, bells }, place);
    } catch (error) {
      client.bye();
      const files = [arenaFile, ...slabFiles, ...welcome.bells];
      closeDescriptors([bell, ...files.map(({ descriptor }) => descriptor)]);
      throw error;
    }
    try {
      for (const { station, descriptor } of welcome.bells)
        entered.#brokerage.put(station, descriptor);
      entered.#brokerage.hear(client);
      if (!entered.#stations.enter(own)) throw givenUp();
      await entered.#meet(own, due, signal);
      return entered;
    } catch (error) {
      entered.close();
      throw error;
    }
  }

  /** Until this station can ring all others (agent/stations). */
  async #meet(own: StationName, due: number, signal: WaitOptions['signal']): Promise<void> {
    while (!this.#stations.ringsAll(own)) {
      signal?.throwIfAborted();
      if (this.#brokerage.orphaned) {
        // The next one knows nothing of us, and we cannot look for it without an agent.
        const why = 'the broker ended while this process joined: try again';
        throw fail('ENOENT', 'Domain.join', {}, { why });
      }
      if (performance.now() >= due) {
        const why = 'the broker did not say how to wake all the others';
        throw fail('ETIMEDOUT', 'Domain.join', {}, { why });
      }
      await pause(AGAIN);
    }
  }

  get entry(): Grounds {
    const { arena, doorbells: processes } = this;
    const heapMemory = this.#memory.heap;
    const sealed = this.#sealed;
    return { arena, heapMemory, process: this.#part, processes, sealed, membership: this };
  }

  /** The agent has joined. */
  serve(agent: Agent, events: Events): void {
    this.#agent = agent;
    this.#brokerage.serve(agent, events, this.#listener);
    this.#listener = null;
  }

  /** The agent has left, or never joined. What the other threads of this process need stays until they have left, too. */
  close(): void {
    const agent = this.#agent;
    this.#brokerage.retire();
    if (agent === null || !this.#hasOthers(agent)) this.#end();
    else {
      this.#brokerage.stay();
      agent.platform.timer(LINGER, () => this.close());
    }
  }

  #hasOthers({ slots }: Agent): boolean {
    for (let slot = 0; slot < slots.used; slot++) {
      const here = slots.word(slot, 'station') === this.doorbells.station;
      if (here && slots.taken(slot) && !slots.isDead(slot)) return true;
    }
    return false;
  }

  #end(): void {
    const { own } = this.#part;
    this.#listener?.close();
    this.#brokerage.close();
    this.#stations.free(own);
    this.doorbells.close();
    closeMemory(this.#memory);
  }
}

function givenUp(): DmaBufError {
  const why = 'the broker had let this process in, and gave it up before it came: try again';
  return fail('ETIMEDOUT', 'Domain.join', {}, { why });
}
