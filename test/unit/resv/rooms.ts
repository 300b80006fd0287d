// SPDX-License-Identifier: MIT
/** Several agents of one arena on one thread, each with its fences and its reservations. */
import { Fences, fenceSections } from '../../../src/fence/index.js';
import type { Limits } from '../../../src/mem/index.js';
import { Reservations, reservationSections } from '../../../src/resv/index.js';
import { world } from '../world.js';

export interface Rooms {
  /** One per agent. */
  readonly rooms: readonly [Reservations, Reservations, ...Reservations[]];
  /** From now on that agent counts as dead. */
  kill(room: Reservations): void;
}

export function resvRooms(count = 2, limits: Partial<Limits> = {}): Rooms {
  const { agents, kill } = world([...fenceSections, ...reservationSections], count, limits);
  const rooms = agents.map((agent) => new Reservations(agent, new Fences(agent)));
  return { rooms: rooms as unknown as Rooms['rooms'], kill: (room) => kill(room.agent) };
}

/** The error's code, of a call or of a promise. */
export async function codeOf(run: (() => unknown) | Promise<unknown>): Promise<unknown> {
  try {
    await (typeof run === 'function' ? run() : run);
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
  return 'no error';
}

/** A full turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** So many turns that every wait has polled enough, and sleeps. */
export async function asleep(): Promise<void> {
  for (let turns = 0; turns < 30; turns++) await turn();
}

/** How a promise stands: settled is true as soon as it is. */
export function watch<T>(promise: Promise<T>): { settled: boolean; readonly promise: Promise<T> } {
  const seen = { settled: false, promise };
  const settle = (): void => void (seen.settled = true);
  promise.then(settle, settle);
  return seen;
}
