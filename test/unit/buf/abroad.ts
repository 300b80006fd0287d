// SPDX-License-Identifier: MIT
/** Agents that reach each other's exporters by calls: their event loops turn, on the one thread they share. */
import { expect } from 'vitest';
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

/** Nothing is under way in any of them, nothing is attached or locked, and nothing went wrong where nobody looks. */
export async function allQuiet({ all }: Abroad, ...bufs: readonly DmaBuf[]): Promise<void> {
  await until(() => all.rigs.every(({ agent }) => agent.left || agent.tasks.pending === 0));
  for (const { agent, buffers, errors } of all.rigs) {
    if (agent.left) continue;
    expect([agent.held, [...buffers.attachments.all()], errors]).toEqual([0, [], []]);
  }
  for (const { resv } of bufs) expect(resv.locked).toBe(false);
}
