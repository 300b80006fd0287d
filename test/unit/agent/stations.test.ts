// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import {
  type Agent,
  ControlSection,
  type StationName,
  StationSection,
  Stations,
} from '../../../src/agent/index.js';
import { StationLayout, StationState } from '../../../src/agent/layout.js';
import { Arena, store } from '../../../src/mem/index.js';
import { SMALL, world } from '../world.js';

const START = 2 ** 32 + 77;

function rig(limit = 3) {
  const gone = new Set<number>();
  const arena = Arena.create([ControlSection, StationSection], { ...SMALL, agents: limit }, [1, 2]);
  const stations = new Stations(arena, {
    isGone: (pid, start) => gone.has(pid) && start === START,
  });
  const live = (pid: number): StationName => {
    const name = stations.admit(pid, START);
    expect(stations.enter(name)).toBe(true);
    return name;
  };
  return { arena, gone, stations, live };
}

describe('rows of stations', () => {
  test('a process is admitted, enters and leaves: its row is used again, in another life', () => {
    const { stations, live } = rig();
    const first = live(10);
    expect(first).toEqual({ station: 0, life: 1 });
    expect([stations.pid(0), stations.startTime(0)]).toEqual([10, START]);
    stations.free(first);
    expect(stations.knows(first)).toBe(false);
    const second = live(11);
    expect(second).toEqual({ station: 0, life: 2 });
    expect(stations.knows(first)).toBe(false);
    expect([...stations.all()]).toEqual([second]);
  });

  test('the table is full: ENFILE says what to raise', () => {
    const { stations, live } = rig(2);
    live(10);
    live(11);
    expect(() => stations.admit(12, START)).toThrow(/ENFILE.*limits\.agents.*stations, limit 2/);
  });

  test('whoever frees it twice does not free the row of who came after', () => {
    const { stations, live } = rig();
    const first = live(10);
    stations.free(first);
    const second = live(11);
    stations.free(first);
    expect(stations.knows(second)).toBe(true);
  });

  test('who was admitted and is withdrawn cannot enter; who has entered cannot be withdrawn', () => {
    const { stations, live } = rig();
    const late = stations.admit(10, START);
    expect(stations.withdraw(late)).toBe(true);
    expect(stations.enter(late)).toBe(false);
    expect([...stations.all()]).toEqual([]);
    const early = live(11);
    expect(stations.withdraw(early)).toBe(false);
    expect(stations.knows(early)).toBe(true);
  });

  test('a row that a dead broker had half given away is nobody, and is free after tidy', () => {
    const { arena, stations } = rig(1);
    stations.free(stations.admit(9, START));
    const life = arena.base(StationSection) + StationLayout.at.life;
    store(arena.words, life, (5 << 2) | StationState.TAKEN);
    expect([...stations.all()]).toEqual([]);
    expect(() => stations.admit(10, START)).toThrow(/ENFILE/);
    stations.tidy();
    expect(stations.admit(10, START)).toEqual({ station: 0, life: 6 });
  });

  test('a process is gone by its id and its start time', () => {
    const { gone, stations, live } = rig();
    const { station } = live(10);
    expect(stations.isGone(station)).toBe(false);
    gone.add(10);
    expect(stations.isGone(station)).toBe(true);
  });
});

describe('who can ring whom', () => {
  test('of two newcomers each waits for the doorbell of the other', () => {
    const { stations, live } = rig();
    const [a, b] = [live(10), live(11)];
    expect([a, b].map((name) => stations.ringsAll(name))).toEqual([false, false]);
    stations.canRing(a, b);
    expect([stations.ringsAll(a), stations.rungByAll(b)]).toEqual([true, true]);
    expect([stations.ringsAll(b), stations.rungByAll(a)]).toEqual([false, false]);
  });

  test('who is not LIVE yet keeps nobody awake', () => {
    const { stations, live } = rig();
    const a = live(10);
    const b = stations.admit(11, START);
    expect([stations.ringsAll(a), stations.rungByAll(a)]).toEqual([true, true]);
    stations.enter(b);
    expect([stations.ringsAll(a), stations.rungByAll(a)]).toEqual([false, false]);
  });

  test('the doorbell of a life before is none, on either side', () => {
    const { stations, live } = rig();
    const [a, b] = [live(10), live(11)];
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const)
      stations.canRing(own, other);
    stations.free(b);
    expect(stations.ringsAll(a)).toBe(true);
    const again = live(12);
    expect(again.station).toBe(b.station);
    expect([stations.rings(a, b), stations.rings(a, again)]).toEqual([true, false]);
    expect([stations.ringsAll(a), stations.rungByAll(a)]).toEqual([false, false]);
  });
});

describe('the broker', () => {
  function agents() {
    const made = world([StationSection], 3);
    return { ...made, stations: new Stations(made.arena, { isGone: () => false }) };
  }

  test('is the first who takes the role, and nobody else while its agent is there', () => {
    const { agents: all, stations } = agents();
    const [a, b] = all as [Agent, Agent];
    expect(stations.hasBroker(b)).toBe(false);
    expect(stations.takeOver(a)).toBe(true);
    expect(stations.hasBroker(b)).toBe(true);
    expect(stations.takeOver(b)).toBe(false);
  });

  test('may give the role back, which nobody else can', () => {
    const { agents: all, stations } = agents();
    const [a, b] = all as [Agent, Agent];
    stations.takeOver(a);
    stations.giveBack(b);
    expect(stations.hasBroker(b)).toBe(true);
    stations.giveBack(a);
    expect(stations.hasBroker(b)).toBe(false);
    expect(stations.takeOver(b)).toBe(true);
  });

  test('is succeeded when it has left, though its slot still tells its life', () => {
    const { agents: all, stations } = agents();
    const [a, b, c] = all as [Agent, Agent, Agent];
    stations.takeOver(a);
    a.leave('test');
    expect(stations.hasBroker(b)).toBe(false);
    expect(stations.takeOver(b)).toBe(true);
    expect(stations.takeOver(c)).toBe(false);
  });

  test('is succeeded when it has died, reaped or not', () => {
    const { agents: all, kill, stations } = agents();
    const [a, b, c] = all as [Agent, Agent, Agent];
    stations.takeOver(a);
    kill(a);
    expect(stations.takeOver(b)).toBe(true);
    kill(b);
    c.reapers.sweep();
    expect(stations.hasBroker(c)).toBe(false);
    expect(stations.takeOver(c)).toBe(true);
  });
});
