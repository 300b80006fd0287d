// SPDX-License-Identifier: MIT
/** What becomes of the members when their broker ends: one of them takes over, the others come again. */
import { describe, expect, it } from 'vitest';
import type { MemoryFile } from '../../../../src/host/broker/memory-files.js';
import type { Station } from '../../../../src/host/broker/messages.js';
import { Place } from '../../../../src/host/broker/place.js';
import { Succession, type SuccessionPorts } from '../../../../src/host/broker/succession.js';
import { taskStat } from '../../../../src/host/linux/task-stat.js';
import { Guest, type Host, type Rig, rigs, type Stations, serve, turn, until } from './rig.js';

const rig = rigs();

/** What stands in the arena. */
interface Arena {
  broker: Station | null;
  readonly memory: MemoryFile;
  readonly stations: Stations;
}

/** The broker that there is first. */
function first(at: Rig): { readonly host: Host; readonly arena: Arena } {
  const host = serve(at);
  const { station: broker } = host.bell;
  return { host, arena: { broker, memory: host.arena, stations: host.stations } };
}

/** It ends without a word. */
function end({ server, bell }: Host, arena: Arena): void {
  arena.stations.delete(bell.station.station);
  arena.broker = null;
  server.close();
}

/** A member that may become the broker. */
class Party {
  host: Host | null = null;
  readonly failed: unknown[] = [];
  readonly succession: Succession;

  private constructor(
    readonly at: Rig,
    readonly arena: Arena,
    public guest: Guest,
    more: Partial<SuccessionPorts>,
  ) {
    this.succession = new Succession({
      brokerIsAlive: () => arena.broker !== null,
      takeOver: () => {
        if (arena.broker !== null) return false;
        arena.broker = this.guest.station;
        return true;
      },
      serve: () => this.#serve(),
      giveBack: () => {
        arena.broker = null;
      },
      reconnect: () => this.#reconnect(),
      failed: (error) => this.failed.push(error),
      timer: at.clock.after,
      ...more,
    });
    at.later(() => this.succession.close());
    this.#watch();
  }

  static async join(at: Rig, arena: Arena, more: Partial<SuccessionPorts> = {}): Promise<Party> {
    return new Party(at, arena, await Guest.join(at), more);
  }

  async #reconnect(): Promise<void> {
    const { station, welcome, bell } = this.guest;
    const again = { station, arena: welcome.arena.descriptor };
    const known = [...welcome.bells, ...this.guest.joined];
    this.guest = await Guest.join(this.at, again, bell);
    this.guest.joined.unshift(...known);
    this.#watch();
  }

  #watch(): void {
    const { closed } = this.guest;
    void until(() => closed.length > 0).then(() => this.succession.begin());
  }

  #serve(): void {
    const { at, arena } = this;
    const { station: own, welcome, joined } = this.guest;
    const place = Place.of(at.path, {
      others: false,
      fresh: false,
      owner: process.geteuid?.() ?? -1,
    });
    const listener = place.succeed();
    this.host = serve(at, { listener, arena: arena.memory, own, stations: arena.stations });
    at.later(() => place.close());
    const living = [...welcome.bells, ...joined].filter(
      ({ station }) => arena.stations.get(station.station)?.life === station.life,
    );
    const { started: startTime } = taskStat('/proc/self');
    this.host.server.seed(living.map((bell) => ({ ...bell, pid: process.pid, startTime })));
  }
}

/** Runs the event loop, and the broker's time, until this is so. */
async function whenever(so: () => boolean): Promise<void> {
  while (!so()) {
    rig().clock.pass(1);
    await turn();
  }
}

const serving = (parties: readonly Party[]): Party[] => parties.filter(({ host }) => host !== null);

/** Ports of which nothing works, and what was asked of them. */
function deadEnd(at: Rig): { readonly ports: SuccessionPorts; readonly asked: string[] } {
  const asked: string[] = [];
  const ports: SuccessionPorts = {
    brokerIsAlive: () => false,
    takeOver: () => asked.push('take over') > 0,
    serve: () => {
      asked.push('serve');
      throw new Error('not now');
    },
    giveBack: () => void asked.push('give back'),
    reconnect: () => {
      asked.push('reconnect');
      return Promise.reject(new Error('not now'));
    },
    failed: () => {},
    timer: at.clock.after,
  };
  return { ports, asked };
}

describe('when the broker ends', () => {
  it('one takes over, the other keeps its station, nobody is gone, and newcomers join', async () => {
    const { host, arena } = first(rig());
    const parties = [await Party.join(rig(), arena), await Party.join(rig(), arena)];
    const stations = parties.map(({ guest }) => guest.station);
    end(host, arena);
    await whenever(() => serving(parties)[0]?.host?.server.peers === 1);
    expect(serving(parties)).toHaveLength(1);
    expect(parties.map(({ guest }) => guest.station)).toEqual(stations);
    const successor = serving(parties)[0]?.host;
    expect(successor?.gone).toEqual([]);
    const newcomer = await Guest.join(rig());
    expect(newcomer.welcome.broker).toEqual(successor?.bell.station);
    expect(newcomer.welcome.bells.map(({ station }) => station)).toEqual(
      expect.arrayContaining(stations) as unknown,
    );
    expect(newcomer.welcome.bells).toHaveLength(2);
  });

  it('and its successor, too, the last one takes over', async () => {
    const { host, arena } = first(rig());
    const parties = [await Party.join(rig(), arena), await Party.join(rig(), arena)];
    end(host, arena);
    await whenever(() => serving(parties)[0]?.host?.server.peers === 1);
    const [second] = serving(parties);
    if (second?.host == null) throw new Error('nobody serves');
    end(second.host, arena);
    await whenever(() => serving(parties).length === 2);
    const newcomer = await Guest.join(rig());
    expect(newcomer.welcome.bells).toHaveLength(1);
  });

  it('another one takes over when the first cannot serve', async () => {
    const { host, arena } = first(rig());
    const unable = await Party.join(rig(), arena, {
      serve: () => {
        throw new Error('a place that is not mine');
      },
    });
    end(host, arena);
    await whenever(() => unable.failed.length > 0);
    const late = new Succession({
      ...deadEnd(rig()).ports,
      brokerIsAlive: () => arena.broker !== null,
      takeOver: () => (arena.broker ??= { station: 9, life: 1 }).station === 9,
      serve: () => {},
    });
    late.begin();
    await whenever(() => arena.broker?.station === 9);
    late.close();
  });

  it('a newcomer gets the bells of members that have not come again yet', async () => {
    const { host, arena } = first(rig());
    const slow = await Guest.join(rig());
    const party = await Party.join(rig(), arena);
    end(host, arena);
    await whenever(() => party.host !== null);
    const newcomer = await Guest.join(rig());
    expect(newcomer.welcome.bells.map(({ station }) => station)).toContainEqual(slow.station);
  });
});

it('who was merely cut off comes again, and takes nothing over', async () => {
  const { host, arena } = first(rig());
  let again = 0;
  const party = await Party.join(rig(), arena);
  const { guest } = party;
  // The broker does not like what it hears.
  guest.client
    .publish({ row: 1, generation: 1 }, { ...rig().memory(65_536), bytes: 1 })
    .catch(() => {
      again++;
    });
  await whenever(() => party.guest !== guest && host.server.peers === 1);
  expect([again, serving([party]).length, host.gone]).toEqual([1, 0, []]);
  expect(party.guest.station).toEqual(guest.station);
});

describe('the search', () => {
  it('gives back what it cannot serve, for others that can, and tries again', async () => {
    const { ports, asked } = deadEnd(rig());
    const succession = new Succession(ports);
    succession.begin();
    await whenever(() => asked.length === 6);
    const once = ['take over', 'serve', 'give back'];
    expect(asked).toEqual([...once, ...once]);
    succession.close();
  });

  it('is one, however often it is begun', async () => {
    const { ports } = deadEnd(rig());
    let tries = 0;
    const succession = new Succession({
      ...ports,
      brokerIsAlive: () => true,
      reconnect: () => new Promise<void>(() => tries++),
    });
    succession.begin();
    succession.begin();
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(tries).toBe(1);
    succession.close();
  });

  it('grows slower, to a try in a second, and ends when the domain closes', async () => {
    const { ports, asked } = deadEnd(rig());
    const succession = new Succession({ ...ports, brokerIsAlive: () => true });
    const pauses: number[] = [];
    let last = 0;
    let now = 0;
    succession.begin();
    for (let tries = 1; tries < 12; now++) {
      rig().clock.pass(1);
      await turn();
      if (asked.length === tries) continue;
      tries = asked.length;
      pauses.push(now - last);
      last = now;
    }
    expect(pauses.at(-1)).toBe(1000);
    expect(pauses.slice(1)).toEqual(pauses.slice(1).toSorted((a, b) => a - b));
    succession.close();
    expect(rig().clock.pending).toBe(0);
    succession.begin();
    await turn();
    expect(asked).toHaveLength(12);
  });
});
