// SPDX-License-Identifier: MIT
/**
 * domain/brokerage — what the broker needs of the domain, and the domain of its broker: whoever that is, this process or another.
 *
 *    LIVE ── founder, or takes over ──▶ serves
 *     │ ▲
 *     ▼ └── the broker has ended: another one is ── a client
 *
 * The arena says who is the broker: `broker`, a word with the tag of an agent. It is taken by one CAS, from nobody, or from an agent that
 * has left or died. The memory, the doorbells and who is where, every station has already; so a successor needs nothing of the dead.
 *
 * Lock order  none.
 */

import type { Agent, StationName, Stations } from '../agent/index.js';
import {
  BrokerClient,
  type BrokerPorts,
  BrokerServer,
  closeDescriptors,
  type Doorbells,
  type Place,
  type SealedFiles,
  type Seed,
  type Station,
  type StationMemory,
  Succession,
} from '../host/index.js';
import type { Events } from './events.js';
import { lossOf } from './loss.js';

/** Milliseconds between two tries to recover, while somebody else reaps. */
const RETRY = 2;
/** Milliseconds between two looks at a process that has not connected again. */
const LOOK = 1000;
/** Milliseconds that a process has to enter, once it is let in. */
const ENTRY = 10_000;

export interface BrokerageInit {
  readonly stations: Stations;
  readonly doorbells: Doorbells;
  readonly memory: StationMemory;
  readonly own: Station;
  readonly place: Place;
  /** Ids of users who may join besides our own. */
  readonly users: readonly number[];
  readonly sealed: SealedFiles;
}

export class Brokerage {
  readonly #init: BrokerageInit;
  #agent: Agent | null = null;
  #events: Events | null = null;
  #server: BrokerServer | null = null;
  #client: BrokerClient | null = null;
  #succession: Succession | null = null;
  /** The connection ended before there was an agent. */
  #orphaned = false;
  #closed = false;

  constructor(init: BrokerageInit) {
    this.#init = init;
    const { place, stations, own } = init;
    // Those that have ended may not have been recovered yet.
    const isOver = (station: number): boolean =>
      station === own.station || stations.isGone(station);
    place.isLast = () => [...stations.all()].every(({ station }) => isOver(station));
  }

  // ------------------------------------------------------------------------------------------- with a broker

  /** A connection, from its welcome on. */
  hear(client: BrokerClient): void {
    this.#client = client;
    this.#init.sealed.connect({
      publish: (name, file, limits) => client.publish(name, file, limits),
      withdraw: (name) => client.withdraw(name),
      fetch: (name) => client.fetch(name),
    });
    client.serve({
      onJoined: (bell) => this.put(bell.station, bell.descriptor),
      onLeft: () => {},
      onClosed: () => this.#lost(),
    });
  }

  /** The broker has ended, and nobody looks for another one yet. */
  get orphaned(): boolean {
    return this.#orphaned;
  }

  /** A doorbell has come; the descriptor is ours. */
  put(station: StationName, descriptor: number): void {
    const { doorbells, stations, own } = this.#init;
    doorbells.put(station.station, descriptor);
    stations.canRing(own, station);
  }

  #lost(): void {
    this.#client = null;
    this.#init.sealed.disconnect();
    if (this.#agent === null) this.#orphaned = true;
    else this.#succession?.begin();
  }

  /** The agent has joined: from now on this process may become the broker. `founds`: it is, from the start. */
  serve(agent: Agent, events: Events, listener: ReturnType<Place['open']> | null): void {
    const { platform } = agent;
    this.#agent = agent;
    this.#events = events;
    this.#succession = new Succession({
      brokerIsAlive: () => this.#init.stations.hasBroker(agent),
      // Threads of this process may be in the domain longer than its agent: they look for the broker, but nobody here can be it.
      takeOver: () => !agent.left && this.#init.stations.takeOver(agent),
      serve: () => this.#succeed(),
      giveBack: () => this.#init.stations.giveBack(agent),
      reconnect: (limits) => this.#reconnect(limits),
      failed: () => {},
      timer: (ms, fn) => platform.timer(ms, fn),
    });
    if (listener !== null) {
      this.#init.stations.takeOver(agent);
      this.#open(listener);
    } else if (this.#orphaned) this.#succession.begin();
  }

  async #reconnect(limits: Parameters<typeof BrokerClient.connect>[2]): Promise<void> {
    if (this.#client !== null) return;
    const { own, memory, place } = this.#init;
    const { station, life } = own;
    const again = { station: { station, life }, arena: memory.arenaFile.descriptor };
    const { client, welcome } = await BrokerClient.connect(
      place.path,
      { bell: own.bell, again, owner: place.owner },
      limits,
    );
    const { arena, slabs, bells } = welcome;
    closeDescriptors([arena, ...slabs].map(({ descriptor }) => descriptor));
    for (const bell of bells) this.put(bell.station, bell.descriptor);
    if (this.#closed) client.bye();
    else this.#hearAgain(client);
  }

  #hearAgain(client: BrokerClient): void {
    try {
      this.hear(client);
    } catch (error) {
      // Or the broker would believe that we are connected.
      this.#client = null;
      client.close();
      throw error;
    }
  }

  // ------------------------------------------------------------------------------------------- as the broker

  #succeed(): void {
    const { place } = this.#init;
    const listener = place.succeed();
    try {
      this.#open(listener);
    } catch (error) {
      place.close();
      this.#server?.close();
      this.#server = null;
      listener.close();
      throw error;
    }
  }

  #open(listener: ReturnType<Place['open']>): void {
    const { agent, stations } = this.#both();
    const { memory, own, users } = this.#init;
    const { station, life, bell } = own;
    const ports: BrokerPorts = {
      admit: ({ pid, startTime }) => {
        agent.lookForDead();
        const name = stations.admit(pid, startTime);
        this.#expect(name);
        return name;
      },
      knows: (name, pid) => stations.knows(name) && stations.pid(name.station) === pid,
      has: (pid) => stations.has(pid),
      joined: (newcomer) => this.put(newcomer.station, newcomer.descriptor),
      gone: (name) => this.#recover(name),
      refused: (why, peer) =>
        this.#events?.emit('refused', { why, pid: peer?.pid ?? null, user: peer?.uid ?? null }),
      timer: (ms, fn) => agent.platform.timer(ms, fn),
      arena: memory.arenaFile,
      slabs: memory.slabFiles,
      bell: { station: { station, life }, descriptor: bell },
    };
    const server = new BrokerServer(listener, ports, { uids: users });
    const { memory: held } = server;
    this.#server = server;
    this.#init.sealed.connect({
      publish: async (name, file) => held.publish(name, file),
      withdraw: (name) => held.withdraw(name),
      fetch: async (name) => held.fetch(name),
      fetchNow: (name) => held.fetch(name),
    });
    stations.tidy();
    this.#server.seed(this.#others());
  }

  /** Who is in the domain besides us. What is left of those that have ended is recovered. */
  #others(): Seed[] {
    const { agent, stations } = this.#both();
    const { own, doorbells } = this.#init;
    const others = [];
    for (const name of stations.all()) {
      const { station } = name;
      if (station === own.station) continue;
      // Ours may be the doorbell of who was there before, if the broker died before it could tell us.
      const descriptor = stations.rings(own, name) ? doorbells.bellOf(station) : 0;
      this.#expect(name);
      const [pid, startTime] = [stations.pid(station), stations.startTime(station)];
      if (descriptor === 0) agent.platform.microtask(() => this.#attend(name));
      else others.push({ station: name, descriptor, pid, startTime });
    }
    return others;
  }

  /** It has been let in: if it does not come, because it gave up or lost its connection, its station is free again. */
  #expect(name: StationName): void {
    const { agent, stations } = this.#both();
    agent.platform.timer(ENTRY, () => {
      if (this.#server !== null) stations.withdraw(name);
    });
  }

  /** Somebody of whom we have nothing to watch: he will connect again, or end. */
  #attend(name: StationName): void {
    const { agent, stations } = this.#both();
    if (this.#server === null || !stations.knows(name)) return;
    if (stations.isGone(name.station)) this.#recover(name);
    else agent.platform.timer(LOOK, () => this.#attend(name));
  }

  /** Its process has ended, or its agent has left. */
  #recover(name: StationName): void {
    if (this.#server === null) return;
    const { agent, stations } = this.#both();
    const { slots, platform } = agent;
    agent.lookForDead();
    for (let slot = 0; slot < slots.used; slot++) {
      const here = slots.taken(slot) && slots.word(slot, 'station') === name.station + 1;
      if (!here || !stations.knows(name)) continue;
      // Somebody else reaps just now, and may die of it.
      platform.timer(RETRY, () => this.#recover(name));
      return;
    }
    if (!stations.knows(name)) return;
    this.#tellLoss(name);
    stations.free(name);
  }

  /** Of agents that nobody else watches: those that came by themselves. */
  #tellLoss({ station }: StationName): void {
    const { agent, stations } = this.#both();
    const { slots } = agent;
    for (let slot = 0; slot < slots.used; slot++) {
      const ours = slots.word(slot, 'station') === station + 1;
      const same = ours && slots.word(slot, 'pid') === stations.pid(station);
      if (!same || slots.word(slot, 'watched') === 1) continue;
      const known = lossOf(slots, slot, slots.life(slot) >>> 3);
      if (known === null || known.clean) continue;
      const event = { member: slots.name(slot), reason: 'its process has ended', ...known.loss };
      this.#events?.emit('member-lost', event);
    }
  }

  #both(): { readonly agent: Agent; readonly stations: Stations } {
    if (this.#agent === null) throw new RangeError('no agent has joined');
    return { agent: this.#agent, stations: this.#init.stations };
  }

  /** The agent has left, and so cannot be the broker any more. Other threads of this process may still need the doorbells. */
  retire(): void {
    if (this.#server === null) return;
    // Before anybody takes over: what is at the path then is the successor's.
    this.#init.place.close();
    this.#server.close();
    this.#server = null;
  }

  /** Other threads of this process stay: they are to learn of the doorbells of newcomers. */
  stay(): void {
    if (this.#client === null) this.#succession?.begin();
  }

  /** No thread of this process is in the domain. */
  close(): void {
    this.#closed = true;
    this.#init.sealed.close();
    this.#succession?.close();
    this.#client?.bye();
    this.retire();
    this.#init.place.close();
  }
}
