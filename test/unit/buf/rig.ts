// SPDX-License-Identifier: MIT
/**
 * Agents with the rooms up to the system heap, on one thread; see world.ts.
 */
import type { Agent } from '../../../src/agent/index.js';
import { type BufferPorts, Buffers, bufferSections, type Leak } from '../../../src/buf/index.js';
import { Fences, fenceSections } from '../../../src/fence/index.js';
import {
  type HeapMemory,
  oneSlab,
  PAGE,
  SystemHeap,
  systemHeapSections,
} from '../../../src/heap/index.js';
import type { Limits, Section } from '../../../src/mem/index.js';
import { Reservations, reservationSections } from '../../../src/resv/index.js';
import { SMALL, type World, world } from '../world.js';

const SECTIONS = [
  ...fenceSections,
  ...reservationSections,
  ...bufferSections,
  ...systemHeapSections,
];

/** One agent with its rooms. */
export interface Rig {
  readonly agent: Agent;
  readonly fences: Fences;
  readonly reservations: Reservations;
  readonly buffers: Buffers;
  readonly heap: SystemHeap;
  readonly leaks: Leak[];
  readonly errors: unknown[];
}

export interface Rigs extends World {
  readonly rigs: readonly Rig[];
  /** Kills an agent; a living one recovers what it had. */
  bury(rig: Rig): void;
}

/** `more`: tables of rooms above. `memory`: default one slab. */
export function rigs(
  count = 2,
  limits: Partial<Limits> = {},
  ports: BufferPorts = {},
  more: readonly Section[] = [],
  memory: HeapMemory = oneSlab(new SharedArrayBuffer((limits.pages ?? SMALL.pages) * PAGE)),
): Rigs {
  const made = world([...SECTIONS, ...more], count, limits);
  const all = made.agents.map((agent): Rig => {
    const [leaks, errors]: [Leak[], unknown[]] = [[], []];
    const fences = new Fences(agent);
    const reservations = new Reservations(agent, fences);
    const buffers = new Buffers(agent, fences, reservations, {
      onLeak: (leak) => leaks.push(leak),
      onError: (error) => errors.push(error),
      ...ports,
    });
    const heap = new SystemHeap(agent, buffers, memory);
    return { agent, fences, reservations, buffers, heap, leaks, errors };
  });
  const bury = (rig: Rig): void => {
    made.kill(rig.agent);
    const survivor = all.find(
      ({ agent }) => agent !== rig.agent && !agent.slots.isDead(agent.slot),
    );
    survivor?.agent.reapers.sweep();
  };
  return { ...made, rigs: all, bury };
}

/** The nth agent. */
export function nth({ rigs: all }: Rigs, n: number): Rig {
  const rig = all[n];
  if (rig === undefined) throw new RangeError(`there is no agent ${n}`);
  return rig;
}

/** What a call threw. */
export function thrown(call: () => unknown): { readonly code?: string; readonly message: string } {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  return { message: 'nothing was thrown' };
}

/** The outcome of a promise that must reject. */
export async function rejected(
  promise: Promise<unknown>,
): Promise<{ readonly code?: string; readonly message: string; readonly cause?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  return { message: 'it did not reject' };
}
