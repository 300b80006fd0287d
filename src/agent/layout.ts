// SPDX-License-Identifier: MIT
/**
 * agent/layout — slots, wait rows, and the names of the objects one can wait for.
 */

import { record, section, textWords, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes of a member's name. */
export const AGENT_NAME_BYTES = 44;

export const ControlLayout = record(
  'control',
  {
    used: u32('slots below this index have been in use at some time'),
    reaper: u32('tag of the agent that reaps; 0 = nobody'),
    stations: u32('stations below this index have been in use at some time'),
    broker: u32('tag of the agent that lets processes in; 0 = nobody'),
  },
  LINE,
);

export const SlotLayout = record(
  'slot',
  {
    // identity: written by the joiner, read by everybody
    claim: u32('OS thread id of the agent; 0 = free. The claim is the identity'),
    life: u32('incarnation << 3 | SlotState'),
    startHigh: u32('start time of that thread, so that a reused id is not taken for it'),
    startLow: u32('start time of that thread'),
    pid: u32('process id'),
    kind: u32('0 thread, 1 process'),
    member: u32('number that spawn() or adopt() gave it; 0 = joined by itself'),
    lostLife: u32('the life whose reaping the three counts below describe'),
    lostLocks: u32('locks that were taken from the dead agent'),
    lostFences: u32('fences that failed with it'),
    lostBuffers: u32('references that were dropped for it'),
    lostClean: u32('1 when that life ended by leaving'),
    watched: u32("1 when somebody will notice this agent's death: it was spawned or adopted"),
    station: u32('row of its station + 1; 0 = the domain is of threads'),
    pad0: words(2, 'to the end of the line'),
    // bell: written by ringers and the owner
    bell: u32('grows with every ring; the only word this agent ever waits on'),
    parked: u32('Parked bits: how the owner may sleep on the bell'),
    summary: u32('bit per word of `dirty`'),
    blocked: u32('object that a blocking call of this agent waits for; 0 = its tasks run'),
    waiting: u32('wait rows in use'),
    overflow: u32('waits that found no row: every waker rings this agent'),
    everything: u32('1 = it was rung for all of its waits'),
    inbox: u32('bit (slot & 31) of agents that have posted a call, or given one up'),
    looking: u32('1 while the owner looks into its inbox by itself: nobody need ring for that'),
    pad1: words(7, 'to the end of the line'),
    dirty: words(32, 'bit per bucket of objects that were rung'),
    name: words(textWords(AGENT_NAME_BYTES), 'text'),
  },
  LINE,
);

/** Most stations of a domain: as many as agents. */
export const STATIONS = 256;

/** A process in a domain of processes: to be exact, who came by the socket, and the threads it started. */
export const StationLayout = record(
  'station',
  {
    life: u32('incarnation << 2 | StationState: whether the row is free, and whose it is'),
    pid: u32('process id'),
    startHigh: u32('start time of that process, so that a reused id is not taken for it'),
    startLow: u32('start time of that process'),
    rings: words(
      STATIONS,
      'per station that can ring this one: life of this one 16 | life of that one 16',
    ),
  },
  LINE,
);

export const WaitRowLayout = record(
  'waitRow',
  {
    ver: u32('odd while the row is being written'),
    obj: u32('object waited for; 0 = free'),
    ticket: u32('place in the queue, compared by signed difference'),
    stampHigh: u32('stamp of the waiting context'),
    stampLow: u32('stamp of the waiting context'),
    flags: u32('RowFlag bits'),
  },
  8,
);

/** Words of a call's message: what is asked, then what is answered. */
export const MESSAGE_WORDS = 232;
/** Calls that an agent can have under way. */
const CALLS = 8;

export const CallLayout = record(
  'call',
  {
    state: u32('serial << 3 | CallPhase'),
    target: u32('tag of the agent that is asked'),
    kind: u32('what it shall do'),
    lockRow: u32('row of the lock that goes with the call'),
    lockTag: u32("the caller's tag in that lock's word; 0 = no lock goes with it"),
    ping: u32('grows when the caller asks whether the target still turns'),
    pong: u32('the ping that the target has seen'),
    error: u32('0 = answered, else the number of an error'),
    message: words(MESSAGE_WORDS, 'texts and numbers, one after the other'),
  },
  LINE,
);

export const ControlSection = section('control', ControlLayout, () => 1);
export const SlotSection = section('slots', SlotLayout, (limits) => limits.agents);
export const StationSection = section('stations', StationLayout, (limits) => limits.agents);
export const WaitRowSection = section(
  'waitRows',
  WaitRowLayout,
  (limits) => limits.agents * limits.waitRows,
);

export const CallSection = section('calls', CallLayout, (limits) => limits.agents * CALLS);

/** FREE → JOINING → LIVE → (LEAVING) → DEAD → FREE. */
export const SlotState = { FREE: 0, JOINING: 1, LIVE: 2, LEAVING: 3, DEAD: 4 } as const;

/** FREE → TAKEN → ADMITTED → LIVE → FREE; from all of them back to FREE. */
export const StationState = { FREE: 0, TAKEN: 1, ADMITTED: 2, LIVE: 3 } as const;

/** Its event loop listens: notify, or its station's doorbell, wakes it · the thread blocks: only who ends `block` does. */
export const Parked = { LISTENS: 1, BLOCKS: 2 } as const;

/**
 * IDLE → POSTED → RUNNING → DONE → IDLE. POSTED → IDLE: withdrawn, it never ran. RUNNING → ABANDONED → IDLE: the target has the lock, and undoes it.
 * POSTED, RUNNING → LOST → IDLE: the target has died.
 */
export const CallPhase = {
  IDLE: 0,
  POSTED: 1,
  RUNNING: 2,
  DONE: 3,
  ABANDONED: 4,
  LOST: 5,
} as const;

/** A waiter with a context · one that holds locks and may have to die. */
export const RowFlag = { CONTEXT: 1, KILLABLE: 2 } as const;

const KIND = { lock: 1, fence: 2, queue: 3, space: 4, pool: 5, buffer: 6, agent: 7 } as const;

export type ObjectKind = keyof typeof KIND;

const KINDS = Object.keys(KIND) as readonly ObjectKind[];

/** The name of something to wait for: a ww lock, a fence, messages in or space in a channel, a pool, a buffer, an agent's life. */
export function objectKey(kind: ObjectKind, row: number): number {
  return (KIND[kind] << 29) | row;
}

export function keyKind(key: number): ObjectKind | undefined {
  return KINDS[(key >>> 29) - 1];
}

export function keyRow(key: number): number {
  return key & 0x1fff_ffff;
}
