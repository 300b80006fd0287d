// SPDX-License-Identifier: MIT
/** Several agents of one arena on one thread, each with its fences. */
import { type AnyFence, Fence, Fences, fenceSections } from '../../../src/fence/index.js';
import type { Limits } from '../../../src/mem/index.js';
import { world } from '../world.js';

export interface Rooms {
  /** One per agent. */
  readonly rooms: readonly Fences[];
  /** From now on that agent counts as dead. */
  kill(room: Fences): void;
}

export function fenceRooms(count: number, limits: Partial<Limits> = {}): Rooms {
  const { agents, kill } = world(fenceSections, count, limits);
  const rooms = agents.map((agent) => new Fences(agent));
  return { rooms, kill: (room) => kill(room.agent) };
}

/** What an agent names itself by in `Fence.from`. */
export const domainOf = (fences: Fences) => ({ name: 'test', agent: 'test', fences });

/** What another agent has, given the name of a fence. */
export const seenIn = <T extends AnyFence>(room: Fences, fence: T): T =>
  Fence.from(domainOf(room), fence.toJSON()) as T;

/** Three agents: the last one finds out when another one dies. */
export function mourners(): {
  readonly rooms: readonly [Fences, Fences, Fences];
  bury(room: Fences): void;
} {
  const { rooms, kill } = fenceRooms(3);
  const [a, b, c] = rooms as [Fences, Fences, Fences];
  const bury = (room: Fences): void => {
    kill(room);
    c.agent.reapers.sweep();
  };
  return { rooms: [a, b, c], bury };
}

/** The error's code, of a call or of a promise. */
export async function codeOf(run: (() => unknown) | Promise<unknown>): Promise<unknown> {
  try {
    await (typeof run === 'function' ? run() : run);
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'no error';
}

/** A full turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Turns until something is so; the test's own time-out ends it otherwise. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
