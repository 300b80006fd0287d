// SPDX-License-Identifier: MIT
/** Agents that reach each other's exporters by calls: their event loops turn, on the one thread they share. */
import { expect } from 'vitest';
import type { Timer } from '../../../src/agent/index.js';
import { type DmaBuf, openShare } from '../../../src/buf/index.js';
import { nth, type Rig, type Rigs, rigs } from './rig.js';

export interface Abroad {
  readonly all: Rigs;
  /** Exports. */
  readonly home: Rig;
  /** Imports. */
  readonly away: Rig;
}

/** `count` agents, of which all turn but those that are named. */
export function abroad(count = 2, ...still: readonly number[]): Abroad {
  const all = rigs(count);
  for (const [n, { agent }] of all.rigs.entries()) if (!still.includes(n)) agent.listen();
  return { all, home: nth(all, 0), away: nth(all, 1) };
}

/** The same buffer, in another agent. */
export function passed(buf: DmaBuf, to: Rig): DmaBuf {
  return openShare(to.buffers, 'Domain.open', buf.share());
}

/** Turns of the event loop until it holds; the test's own time-out is the net. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Much longer than any call may take. */
const LONG = 1_000_000;

/** The clock of an agent: time-outs come when the test says so, however slow the machine is. */
export function timersOf({ agent: { platform } }: Rig): { expire(): void } {
  const due = new Set<() => void>();
  const timer = (_ms: number, fn: () => void): Timer => {
    due.add(fn);
    return { cancel: () => void due.delete(fn) };
  };
  const { now } = platform;
  let skipped = 0;
  Object.assign(platform, { timer, now: () => now() + skipped });
  return {
    expire() {
      skipped += LONG;
      for (const fn of Array.from(due)) {
        due.delete(fn);
        fn();
      }
    },
  };
}

/** The agent has served this, and looks no more by itself. */
export async function served<T>({ agent }: Rig, asking: Promise<T>): Promise<T> {
  let over = false;
  const end = (): void => void (over = true);
  asking.then(end, end);
  await until(() => {
    agent.serve();
    return over;
  });
  await until(() => agent.slots.word(agent.slot, 'looking') === 0);
  return asking;
}

/** Nothing is under way in any of them, nothing is attached or locked, and nothing went wrong where nobody looks. */
export async function allQuiet({ all }: Abroad, ...bufs: readonly DmaBuf[]): Promise<void> {
  await until(() => all.rigs.every(({ agent }) => agent.left || agent.tasks.pending === 0));
  for (const { agent, buffers, errors } of all.rigs) {
    if (agent.left) continue;
    expect([agent.held, [...buffers.attachments.all()], errors]).toEqual([0, [], []]);
  }
  for (const { resv } of bufs) expect(resv.locked).toBe(false);
}
