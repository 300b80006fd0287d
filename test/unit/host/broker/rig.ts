// SPDX-License-Identifier: MIT
/**
 * A broker without a domain: real sockets, memory files and bells, stations out of a list, time that passes when the test says so.
 */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import { DmaBufError } from '../../../../src/errors.js';
import type { Welcome } from '../../../../src/host/broker/arrival.js';
import {
  BrokerClient,
  type ClientHandlers,
  type Joiner,
} from '../../../../src/host/broker/client.js';
import type { Bell } from '../../../../src/host/broker/members.js';
import type { MemoryFile } from '../../../../src/host/broker/memory-files.js';
import { encode, type Message, type Station } from '../../../../src/host/broker/messages.js';
import { type BrokerPorts, BrokerServer } from '../../../../src/host/broker/server.js';
import { closeDescriptor, openDescriptors } from '../../../../src/host/linux/descriptors.js';
import { createEvent } from '../../../../src/host/linux/event-descriptor.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import {
  type Packet,
  PacketListener,
  PacketSocket,
} from '../../../../src/host/linux/packet-socket.js';

export const ARENA = 65_536;
export const SLAB = 131_072;

/** The next turn of the event loop, after what has come was read. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs the event loop until this is so: the test's own time limit says when not. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await turn();
}

/** Timers of the broker: a pause of 0 is over at once, the others when the test says so. */
export class Clock {
  readonly #timers = new Map<object, { readonly due: number; readonly fn: () => void }>();
  #now = 0;

  readonly after = (ms: number, fn: () => void): { cancel(): void } => {
    const timer = {};
    const run = (): void => {
      if (this.#timers.delete(timer)) fn();
    };
    this.#timers.set(timer, { due: this.#now + ms, fn: run });
    if (ms === 0) setImmediate(run);
    return { cancel: () => void this.#timers.delete(timer) };
  };

  get pending(): number {
    return this.#timers.size;
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const { due, fn } of this.#timers.values()) if (due <= this.#now) fn();
  }
}

/** What one test has made, and its end. */
export class Rig {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'dmabuf-test-'));
  readonly path = path.join(this.directory, 'domain');
  readonly clock = new Clock();
  readonly #undo: (() => unknown)[] = [];
  readonly #owned = new Set<number>();
  readonly #before: number;

  constructor(before: number) {
    this.#before = before;
  }

  /** Is undone at the end, last first. */
  later(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  /** Is closed at the end. */
  own(descriptor: number): number {
    this.#owned.add(descriptor);
    return descriptor;
  }

  /** Is closed now. */
  close(descriptor: number): void {
    if (this.#owned.delete(descriptor)) closeDescriptor(descriptor);
  }

  bell(): number {
    return this.own(createEvent());
  }

  memory(bytes: number): MemoryFile {
    return { descriptor: this.own(createMemoryFile('dmabuf-test', bytes)), bytes };
  }

  /** A connection to the broker that speaks for itself. */
  dial(): Raw {
    const raw = new Raw(PacketSocket.connect(this.path));
    this.later(() => raw.close());
    return raw;
  }

  /** As at the beginning. */
  async clear(): Promise<void> {
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
    for (const descriptor of this.#owned) closeDescriptor(descriptor);
    this.#owned.clear();
    rmSync(this.path, { force: true });
    expect(openDescriptors(), 'descriptors that nobody has closed').toBe(this.#before);
    expect(this.clock.pending, 'timers that nobody has cancelled').toBe(0);
  }

  async end(): Promise<void> {
    await this.clear();
    rmSync(this.directory, { recursive: true });
  }
}

/** One of the programs beside this file, in a process of its own, and the first thing that it says. */
export async function start(
  rig: Rig,
  program: string,
  args: readonly string[],
  options: ForkOptions = {},
): Promise<{ readonly child: ChildProcess; readonly first: unknown }> {
  const script = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(script, args, { execArgv: [], ...options });
  rig.later(() => kill(child));
  const [first] = (await once(child, 'message')) as [unknown];
  return { child, first };
}

/** Kills it; what connected us is closed. */
export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await until(() => (child.exitCode ?? child.signalCode) !== null && !child.connected);
  await turn();
}

/** A peer that sends what it likes. */
export class Raw {
  constructor(readonly socket: PacketSocket) {}

  say(message: Message, descriptors: readonly number[] = []): void {
    expect(this.socket.send(encode(message), descriptors)).toBe(true);
  }

  async hear(): Promise<Packet | 'closed'> {
    for (;;) {
      const packet = this.socket.receive();
      if (packet !== 'later') return packet;
      await turn();
    }
  }

  close(): void {
    this.socket.close();
  }
}

/** What a process says first. */
export function hello(more: object = {}): Message {
  const nobody = { station: 0, life: 0 };
  return { type: 'HELLO', pid: process.pid, again: false, station: nobody, arena: 0, ...more };
}

/** Rows of the arena. */
export type Stations = Map<number, { readonly life: number; readonly pid: number }>;

interface HostOptions {
  readonly slabs?: readonly MemoryFile[];
  readonly uids?: readonly number[];
  readonly listener?: PacketListener;
  readonly arena?: MemoryFile;
  /** Its own station. */
  readonly own?: Station;
  /** All there are. */
  readonly stations?: Stations;
  /** Stations that there are. */
  readonly most?: number;
}

/** A broker, and what it told its domain. */
export class Host {
  readonly refused: string[] = [];
  readonly gone: Station[] = [];
  readonly joined: Bell[] = [];
  readonly stations: Stations;
  readonly arena: MemoryFile;
  readonly bell: Bell;
  readonly server: BrokerServer;
  readonly #most: number;

  constructor(
    readonly rig: Rig,
    options: HostOptions = {},
  ) {
    const { slabs = [], uids = [], own = { station: 0, life: 1 }, most = 256 } = options;
    const { listener = PacketListener.bind(rig.path), arena = rig.memory(ARENA) } = options;
    this.arena = arena;
    this.#most = most;
    this.stations = options.stations ?? new Map();
    this.bell = { station: own, descriptor: rig.bell() };
    this.stations.set(own.station, { life: own.life, pid: process.pid });
    this.server = new BrokerServer(listener, this.#ports(slabs), { uids });
    rig.later(() => this.server.close());
  }

  #ports(slabs: readonly MemoryFile[]): BrokerPorts {
    return {
      admit: ({ pid }) => this.#admit(pid),
      knows: ({ station, life }, pid) => {
        const known = this.stations.get(station);
        return known?.life === life && known.pid === pid;
      },
      has: (pid) => [...this.stations.values()].some((one) => one.pid === pid),
      joined: (bell) => {
        this.rig.own(bell.descriptor);
        this.joined.push(bell);
      },
      gone: (station) => {
        this.stations.delete(station.station);
        this.gone.push(station);
      },
      refused: (why) => this.refused.push(why),
      timer: this.rig.clock.after,
      arena: this.arena,
      slabs,
      bell: this.bell,
    };
  }

  #admit(pid: number): Station {
    if (this.stations.size >= this.#most) throw DmaBufError.of('ENFILE', 'all stations are taken');
    let row = 0;
    while (this.stations.has(row)) row++;
    this.stations.set(row, { life: 7, pid });
    return { station: row, life: 7 };
  }
}

export function serve(rig: Rig, options?: HostOptions): Host {
  return new Host(rig, options);
}

/** A member, and what it was told. */
export class Guest {
  readonly joined: Bell[] = [];
  readonly left: Station[] = [];
  readonly closed: (DmaBufError | null)[] = [];

  private constructor(
    readonly client: BrokerClient,
    readonly welcome: Welcome,
    readonly bell: number,
  ) {}

  static async join(rig: Rig, again?: Joiner['again'], bell = rig.bell()): Promise<Guest> {
    const { client, welcome } = await BrokerClient.connect(rig.path, { bell, again });
    const guest = new Guest(client, welcome, bell);
    rig.later(() => client.close());
    const { arena, slabs, bells } = welcome;
    for (const { descriptor } of [arena, ...slabs, ...bells]) rig.own(descriptor);
    const handlers: ClientHandlers = {
      onJoined: (one) => {
        rig.own(one.descriptor);
        guest.joined.push(one);
      },
      onLeft: (station) => guest.left.push(station),
      onClosed: (why) => guest.closed.push(why),
    };
    client.serve(handlers);
    return guest;
  }

  get station(): Station {
    return this.welcome.station;
  }
}

/** A rig for each test, and its end: nothing is left open. */
export function rigs(): () => Rig {
  let rig: Rig;
  beforeEach(() => {
    // What is loaded at the first use keeps its descriptors.
    closeDescriptor(createEvent());
    rig = new Rig(openDescriptors());
  });
  afterEach(() => rig.end());
  return () => rig;
}
