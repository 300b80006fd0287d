// SPDX-License-Identifier: MIT
/**
 * broker/server — the broker: it lets processes into the domain, gives them its memory and everybody's doorbells, and sees them end.
 *
 * It knows nothing of what is in the memory. Locks, fences and tables work without it: who is in needs it for newcomers, for memory of
 * single buffers, and to be told of deaths, which anybody could find out by himself.
 *
 *    accepted ── other uid ─────────────────────────────────────▶ refused
 *       │ ── nothing for 2 s, or the oldest of too many, or anything but HELLO or FETCH ──▶ refused
 *       ▼ HELLO: its process is who it says, with a bell that cannot block
 *    member ── no message, or one out of order, or it reads nothing ──▶ cut off: its station stays
 *       │ ── BYE ──▶ gone            the same process may come again: HELLO with its station ──▶ member
 *       └── its process has ended ──▶ gone, cut off or not
 */

import type { Timer } from '../../agent/index.js';
import { type DmaBufError, fail } from '../../errors.js';
import { closeDescriptor, duplicate } from '../linux/descriptors.js';
import { checkEvent } from '../linux/event-descriptor.js';
import type { PacketListener, PacketSocket, Peer } from '../linux/packet-socket.js';
import { ProcessDescriptor } from '../linux/process-descriptor.js';
import { Readiness } from '../linux/readiness.js';
import { taskStat } from '../linux/task-stat.js';
import { type After, Connection } from './connection.js';
import { damaged } from './fields.js';
import { identityOf } from './identity.js';
import { type Bell, Members } from './members.js';
import type { MemoryFile } from './memory-files.js';
import { MemoryService } from './memory-service.js';
import { type Message, type MessageOf, MOST_DESCRIPTORS, type Station } from './messages.js';
import { Newcomers } from './newcomers.js';
import type { Parcel } from './parcel.js';

const OP = 'broker';
/** Connections accepted in one turn of the event loop. */
const TURN = 64;
/** Milliseconds without accepting, after that has failed: it would fail again at once. */
const BREATH = 100;
/** Milliseconds in which members that had another broker come here, and publish again what they had published there. */
const SETTLING = 2000;

/** What the broker needs of the domain. */
export interface BrokerPorts {
  /** Gives a process a station. @throws ENFILE: it is refused, and told so */
  admit(who: { readonly pid: number; readonly startTime: number }): Station;
  /** Whether this process has that station already. */
  knows(station: Station, pid: number): boolean;
  /** Whether this process has any station. */
  has(pid: number): boolean;
  /** A station that can be rung from here from now on; maybe one that could be before. The descriptor is the domain's. */
  joined(bell: Bell): void;
  /** That process has ended, or its agent has left: what is left of it is to be recovered. Once for each station. */
  gone(station: Station): void;
  /** Somebody was refused or cut off; null: nobody knows whom. */
  refused(why: string, peer: Peer | null): void;
  readonly timer: After;
  readonly arena: MemoryFile;
  readonly slabs: readonly MemoryFile[];
  /** Of the broker's own process. */
  readonly bell: Bell;
}

/** A member of the broker before, as its successor knows it. */
export interface Seed extends Bell {
  readonly pid: number;
  readonly startTime: number;
}

export class BrokerServer {
  readonly #listener: PacketListener;
  readonly #ports: BrokerPorts;
  readonly #uids: ReadonlySet<number>;
  readonly #newcomers: Newcomers;
  readonly #members: Members;
  readonly #memory: MemoryService;
  #watch: Readiness | null = null;
  #breath: Timer | null = null;

  /** Owns the listener. The descriptors of the ports stay the domain's. `uids`: who may join besides our own. */
  constructor(
    listener: PacketListener,
    ports: BrokerPorts,
    { uids }: { readonly uids: readonly number[] },
  ) {
    this.#listener = listener;
    this.#ports = ports;
    this.#uids = new Set([...uids, process.geteuid?.() ?? -1]);
    this.#newcomers = new Newcomers(ports.timer, (connection, why) => this.#end(connection, why));
    this.#members = new Members((station) => this.#gone(station));
    this.#memory = new MemoryService(ports.timer, () => this.#members.drain());
    this.#listen();
  }

  /** Members that are connected. */
  get peers(): number {
    return this.#members.connected;
  }

  /** Memory of single buffers, for the domain of this process: as a member's publish, withdraw and fetch. */
  get memory(): MemoryService {
    return this.#memory;
  }

  /** Takes over members of the broker before. Their descriptors stay the caller's. Those whose process has ended are gone. */
  seed(bells: Iterable<Seed>): void {
    for (const { station, descriptor, pid, startTime } of bells) {
      const found = processWith(pid, startTime);
      const bell = duplicate(descriptor);
      if (found === null) closeDescriptor(bell);
      else this.#members.set({ station, bell, process: found, connection: null });
      if (found === null) this.#ports.timer(0, () => this.#gone(station));
    }
    this.#memory.settle(SETTLING);
  }

  #listen(): void {
    const { descriptor } = this.#listener;
    try {
      this.#watch = new Readiness(descriptor, () => this.#accept(), { ref: false });
    } catch (error) {
      this.#pause(error as Error);
    }
  }

  #accept(): void {
    try {
      for (let n = 0; n < TURN; n++) {
        const socket = this.#listener.accept();
        if (socket === null) return;
        this.#meet(socket);
      }
    } catch (error) {
      this.#pause(error as Error);
    }
  }

  /** There are no descriptors left, most likely: it would fail again at once, and again. */
  #pause({ message }: Error): void {
    this.#ports.refused(message, null);
    this.#newcomers.cutOldest('the broker has no descriptors left');
    this.#watch?.close();
    this.#breath = this.#ports.timer(BREATH, () => this.#listen());
  }

  #meet(socket: PacketSocket): void {
    const connection: Connection = new Connection(socket, this.#ports.timer, {
      message: (message, parcel) => this.#first(connection, message, parcel),
      ended: (why) => this.#end(connection, why),
    });
    const { uid } = socket.peer;
    if (!this.#uids.has(uid)) {
      const why = `user ${uid} is not among those that may join: its creator names them`;
      this.#end(connection, fail('EACCES', OP, { uid }, { why }));
      return;
    }
    this.#newcomers.add(connection);
    connection.read({ ref: false });
  }

  /** What a newcomer wants. */
  #first(connection: Connection, message: Message, parcel: Parcel): void {
    if (message.type === 'HELLO') this.#hello(connection, message, parcel);
    else if (message.type === 'FETCH') this.#stranger(connection, message);
    else throw damaged(`${message.type} came before HELLO`);
  }

  /** A thread of a member that has no connection of its own. */
  #stranger(connection: Connection, message: MessageOf<'FETCH'>): void {
    const { pid } = connection.peer;
    if (!this.#ports.has(pid))
      throw fail('EACCES', OP, { pid }, { why: 'only members open the memory of buffers' });
    this.#memory.find(connection, message);
  }

  #hello(connection: Connection, hello: MessageOf<'HELLO'>, parcel: Parcel): void {
    const { pid } = connection.peer;
    if (hello.pid !== pid) {
      const why = `it calls itself process ${hello.pid}, the system calls it ${pid}: members must live in one pid namespace, or nobody notices their deaths`;
      throw fail('EACCES', OP, { pid }, { why });
    }
    checkEvent(OP, parcel.next);
    const { process: itself, startTime } = processBehind(connection);
    let admitted: Station | null = null;
    let station: Station;
    try {
      if (!hello.again) admitted = this.#ports.admit({ pid, startTime });
      station = admitted ?? this.#again(hello);
      this.#members.set({ station, bell: parcel.next, process: itself, connection });
    } catch (error) {
      itself.close();
      if (admitted !== null) this.#ports.gone(admitted);
      throw error;
    }
    this.#begin(connection, station, parcel.take());
  }

  /** From here on it is a member: what fails now cuts it off, and it may come again. */
  #begin(connection: Connection, station: Station, bell: number): void {
    this.#newcomers.forget(connection);
    connection.handOver({
      message: (message, parcel) => this.#serve(connection, station, message, parcel),
      ended: (why) => this.#end(connection, why),
    });
    this.#welcome(connection, station);
    this.#members.tell({ type: 'JOINED', list: [station] }, [bell], connection);
    this.#ports.joined({ station, descriptor: duplicate(bell) });
  }

  /** @throws EACCES it has no such station · EBUSY it is connected already */
  #again({ station, pid, arena }: MessageOf<'HELLO'>): Station {
    this.#members.makeRoom(station);
    if (arena !== identityOf(this.#ports.arena.descriptor))
      throw fail('EACCES', OP, {}, { why: 'another domain lives here now' });
    if (!this.#ports.knows(station, pid))
      throw fail('EACCES', OP, { ...station }, { why: 'its station has been given up as dead' });
    return station;
  }

  #welcome(connection: Connection, station: Station): void {
    const { arena, slabs, bell } = this.#ports;
    const bells = [bell, ...this.#members.bellsWithout(station)];
    connection.send(
      {
        type: 'WELCOME',
        station,
        broker: bell.station,
        arena: arena.bytes,
        slabs: slabs.length,
        bells: bells.length,
      },
      [arena.descriptor],
    );
    for (const some of inPackets(slabs))
      connection.send({ type: 'SLABS', list: some.map(({ bytes }) => bytes) }, descriptorsOf(some));
    for (const some of inPackets(bells))
      connection.send({ type: 'JOINED', list: some.map((b) => b.station) }, descriptorsOf(some));
  }

  /** What a member wants. */
  #serve(connection: Connection, station: Station, message: Message, parcel: Parcel): void {
    const { type } = message;
    if (type === 'BYE') this.#left(station);
    else if (type === 'PUBLISH' || type === 'WITHDRAW' || type === 'FETCH')
      this.#memory.answer(connection, message, parcel, station.station);
    else throw damaged(`${type} is nothing that a member says`);
  }

  #left(station: Station): void {
    if (this.#members.remove(station)) this.#gone(station);
  }

  #gone(station: Station): void {
    this.#members.tell({ type: 'LEFT', station });
    this.#memory.gone(station);
    this.#ports.gone(station);
  }

  /** null: they have closed it themselves. */
  #end(connection: Connection, why: DmaBufError | null): void {
    const { peer } = connection;
    this.#newcomers.forget(connection);
    this.#members.cutOff(connection);
    if (why === null) connection.close();
    else {
      connection.refuse(why);
      this.#ports.refused(why.message, peer);
    }
  }

  /** Members see the end of their connections, and look for a successor. */
  close(): void {
    this.#breath?.cancel();
    this.#watch?.close();
    this.#listener.close();
    this.#newcomers.close();
    this.#members.close();
    this.#memory.close();
  }
}

/** null: there is no such process, or none that we may see. */
function startTimeOf(pid: number): number | null {
  try {
    return taskStat(`/proc/${pid}`).started;
  } catch {
    return null;
  }
}

/** Who is at the other side. @throws EACCES it has ended */
function processBehind(connection: Connection): { process: ProcessDescriptor; startTime: number } {
  const { pid } = connection.peer;
  const found = connection.process();
  const startTime = found === null ? null : startTimeOf(pid);
  // In this order: while it has not ended, nobody else has its number.
  if (found !== null && startTime !== null && !found.hasEnded())
    return { process: found, startTime };
  found?.close();
  throw fail('EACCES', OP, { pid }, { why: 'it has ended already, or hides from us' });
}

/** That process, if it still runs. */
function processWith(pid: number, startTime: number): ProcessDescriptor | null {
  const found = ProcessDescriptor.open(pid);
  if (found === null || (startTimeOf(pid) === startTime && !found.hasEnded())) return found;
  found.close();
  return null;
}

function inPackets<T>(all: readonly T[]): T[][] {
  const packets: T[][] = [];
  for (let from = 0; from < all.length; from += MOST_DESCRIPTORS)
    packets.push(all.slice(from, from + MOST_DESCRIPTORS));
  return packets;
}

function descriptorsOf(all: readonly { readonly descriptor: number }[]): number[] {
  return all.map(({ descriptor }) => descriptor);
}
