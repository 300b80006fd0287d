// SPDX-License-Identifier: MIT
/**
 * Several agents of one arena on one thread: what unit tests stand on. Blocking calls of one agent cannot be ended by another
 * one here, since all share a thread; use the promise forms, or test/threads.
 */
import {
  Agent,
  CallSection,
  ControlSection,
  SlotSection,
  WaitRowSection,
} from '../../src/agent/index.js';
import { nodePlatform } from '../../src/host/node-platform.js';
import { Arena, type Limits, type Section } from '../../src/mem/index.js';

export const SMALL: Limits = {
  agents: 8,
  buffers: 64,
  timelines: 16,
  channels: 8,
  pages: 256,
  waitRows: 16,
};

export interface World {
  readonly arena: Arena;
  readonly agents: readonly Agent[];
  /** From now on this agent counts as dead for everybody; nothing of it runs any more. */
  kill(agent: Agent): void;
}

/** `count` agents; `sections` are those of the rooms under test, in any order, beside the agent room's own. */
export function world(
  sections: readonly Section[],
  count = 2,
  limits: Partial<Limits> = {},
): World {
  const all = [ControlSection, SlotSection, WaitRowSection, CallSection, ...sections];
  const arena = Arena.create(all, { ...SMALL, ...limits }, [1, 2]);
  const dead = new Set<number>();
  const agents = Array.from({ length: count }, (_, n) => {
    const platform = { ...nodePlatform(), isGone: (thread: number) => dead.has(thread) };
    const who = {
      thread: n + 1,
      startTime: 0,
      pid: 1,
      station: 0,
      kind: 'thread' as const,
      member: n,
    };
    return new Agent(arena, platform, { ...who, name: `agent-${n}` });
  });
  const kill = (agent: Agent): void => {
    dead.add(agent.slots.word(agent.slot, 'claim'));
  };
  return { arena, agents, kill };
}
