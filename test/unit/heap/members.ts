// SPDX-License-Identifier: MIT
/**
 * Agents with all rooms up to pools and channels, on one thread; see world.ts.
 */
import type { Agent } from '../../../src/agent/index.js';
import { Buffers, bufferSections, type DmaBuf, phaseOf } from '../../../src/buf/index.js';
import { DmaBufError } from '../../../src/errors.js';
import { Fences, fenceSections } from '../../../src/fence/index.js';
import {
  Channels,
  type HeapMemory,
  Heaps,
  heapSections,
  oneSlab,
  PAGE,
  Pools,
  SystemHeap,
} from '../../../src/heap/index.js';
import type { Limits } from '../../../src/mem/index.js';
import { Reservations, reservationSections } from '../../../src/resv/index.js';
import { SMALL, world } from '../world.js';

/** One agent with its rooms. */
export class Member {
  readonly fences: Fences;
  readonly reservations: Reservations;
  readonly buffers: Buffers;
  readonly heap: SystemHeap;
  readonly heaps: Heaps;
  readonly pools: Pools;
  readonly channels: Channels;

  constructor(
    readonly agent: Agent,
    memory: HeapMemory,
  ) {
    this.fences = new Fences(agent);
    this.reservations = new Reservations(agent, this.fences);
    this.buffers = new Buffers(agent, this.fences, this.reservations);
    this.heap = new SystemHeap(agent, this.buffers, memory);
    this.heaps = new Heaps(this.heap);
    this.pools = new Pools(agent, this.buffers, (size, options) => this.heap.alloc(size, options));
    this.channels = new Channels(agent, this.buffers, this.reservations, this.fences);
    agent.listen();
  }

  /** As its domain closes: what is open first, then the slot. */
  leave(): void {
    this.channels.close();
    this.pools.close();
    this.heaps.close();
    this.fences.close();
    this.buffers.close();
    this.agent.leave(new Error('left'));
  }

  /** Phase of a buffer row, as number. */
  phase(buf: DmaBuf): number {
    return phaseOf(this.buffers.life.of(buf.row));
  }
}

export interface Members {
  readonly all: readonly Member[];
  /** Dies without a word; somebody who lives recovers what it had, unless nobody has noticed yet. */
  kill(member: Member, noticed?: boolean): void;
}

export function members(count: number, limits: Partial<Limits> = {}): Members {
  const made = world(
    [...fenceSections, ...reservationSections, ...bufferSections, ...heapSections],
    count,
    limits,
  );
  const memory = oneSlab(new SharedArrayBuffer((limits.pages ?? SMALL.pages) * PAGE));
  const all = made.agents.map((agent) => new Member(agent, memory));
  const dead = new Set<Member>();
  const kill = (member: Member, noticed = true): void => {
    made.kill(member.agent);
    dead.add(member);
    if (!noticed) return;
    all.find((other) => !dead.has(other) && !other.agent.left)?.agent.reapers.sweep();
  };
  return { all, kill };
}

/** Two, three or four members by name. */
export function cast(limits: Partial<Limits> = {}): {
  readonly a: Member;
  readonly b: Member;
  readonly c: Member;
  readonly d: Member;
  readonly kill: Members['kill'];
} {
  const { all, kill } = members(4, limits);
  const [a, b, c, d] = all;
  if (a === undefined || b === undefined || c === undefined || d === undefined) {
    throw new RangeError('four members');
  }
  return { a, b, c, d, kill };
}

/** The code of what a call throws; '' = nothing. */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return '';
  } catch (error) {
    return DmaBufError.is(error) ? error.code : String(error);
  }
}

/** How a promise ends: 'resolved', or the code it rejects with. */
export async function endOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    return DmaBufError.is(error) ? error.code : String(error);
  }
}

/** What became of a promise so far; 'pending' once nothing more happens in this turn and the next ones. */
export async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = 'pending';
  void endOf(promise).then((end) => {
    state = end;
  });
  await turns();
  return state;
}

/** Every job that is ready, and polling, has run. */
export async function turns(count = 40): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
