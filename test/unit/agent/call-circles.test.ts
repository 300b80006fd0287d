// SPDX-License-Identifier: MIT
/** When the caller of another agent can know that it will never be answered. */
import { describe, expect, it } from 'vitest';
import { CallRows, phaseOfCall } from '../../../src/agent/call-rows.js';
import { CallWait, callKey } from '../../../src/agent/call-wait.js';
import { type Agent, objectKey } from '../../../src/agent/index.js';
import { CallPhase } from '../../../src/agent/layout.js';
import { world } from '../world.js';

const LOCK = 7;

/** A call of the first agent to the second one, which has not been answered. `holder`: of the lock, a slot. */
function calling(lock = -1, holder = -1) {
  const { arena, agents } = world([], 3);
  const [a, b, c] = agents as [Agent, Agent, Agent];
  const rows = new CallRows(arena);
  const row = a.slot * rows.each;
  const call = {
    row,
    target: b.slot,
    lock,
    patience: Infinity,
    failed: null as CallWait['call']['failed'],
    collect: () => false,
    knock() {},
  };
  const blocks = (agent: Agent, key: number): void =>
    agent.slots.setWord(agent.slot, 'blocked', key);
  return {
    wait: new CallWait(a, rows, call, () => holder),
    call,
    a,
    b,
    c,
    blocks,
    /** That agent blocks in a call to the other one. */
    blocksFor(agent: Agent, other: Agent): void {
      const own = agent.slot * rows.each;
      rows.setWord(own, 'target', other.tag);
      const state = rows.state(own);
      if (phaseOfCall(state) === CallPhase.IDLE) rows.move(own, state, CallPhase.POSTED);
      blocks(agent, callKey(own));
    },
    /** The call is a blocking one. */
    blocksItself: () => blocks(a, callKey(row)),
  };
}

describe('a call to an agent that blocks', () => {
  it('in a call to us, which block too: is refused at once, directly or around a corner', () => {
    const two = calling();
    two.blocksFor(two.b, two.a);
    two.blocksItself();
    expect([two.wait.arm(), two.call.failed]).toEqual([true, 'deadlock']);
    const three = calling();
    three.blocksFor(three.b, three.c);
    three.blocksFor(three.c, three.a);
    three.blocksItself();
    expect([three.wait.arm(), three.call.failed]).toEqual([true, 'deadlock']);
  });

  it('in a call to us, which came later: goes on, for the other one has been told', () => {
    const { wait, call, a, b, blocksFor, blocksItself } = calling();
    blocksItself();
    expect(wait.arm()).toBe(false);
    blocksFor(b, a);
    expect([wait.check(), call.failed]).toEqual([false, null]);
  });

  it('in a call to us, whose event loop turns: goes on', () => {
    const { wait, call, a, b, blocksFor } = calling();
    blocksFor(b, a);
    expect([wait.arm(), wait.check(), call.failed]).toEqual([false, false, null]);
  });

  it('in a call to us, and made by a task of a thread that blocks elsewhere: goes on', () => {
    const { wait, call, a, b, blocks, blocksFor } = calling();
    blocksFor(b, a);
    blocks(a, objectKey('queue', 1));
    expect([wait.arm(), call.failed]).toEqual([false, null]);
  });

  it('in a call to somebody else: goes on', () => {
    const { wait, call, b, c, blocksFor, blocksItself } = calling();
    blocksFor(b, c);
    blocksItself();
    expect([wait.arm(), call.failed]).toEqual([false, null]);
  });

  it('for the lock that goes along: is refused, whenever that began, and whether we block or not', () => {
    for (const sync of [false, true]) {
      const { wait, call, b, blocks, blocksItself } = calling(LOCK);
      if (sync) blocksItself();
      expect(wait.arm()).toBe(false);
      blocks(b, objectKey('lock', LOCK));
      expect([wait.check(), call.failed]).toEqual([true, 'deadlock']);
    }
  });

  it('for another lock of ours: is refused, whenever that began, if we block', () => {
    for (const sync of [false, true]) {
      const { wait, call, b, blocks, blocksItself } = calling(-1, 0);
      if (sync) blocksItself();
      expect(wait.arm()).toBe(false);
      blocks(b, objectKey('lock', LOCK));
      expect([wait.check(), call.failed]).toEqual(sync ? [true, 'deadlock'] : [false, null]);
    }
  });

  it('for a lock that nobody has, or for a message: goes on', () => {
    for (const key of [objectKey('lock', LOCK), objectKey('queue', 1)]) {
      const { wait, call, b, blocks, blocksItself } = calling();
      blocksItself();
      blocks(b, key);
      expect([wait.arm(), call.failed]).toEqual([false, null]);
    }
  });
});
