// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { ChannelLayout, ChannelSection } from '../../../src/heap/channel-layout.js';
import { load } from '../../../src/mem/index.js';
import { cast, codeOf, type Member, stateOf, turns } from './members.js';

/** The ring behind a channel, for parties that stop in the middle. */
const ringOf = (member: Member) => member.channels.table.ring(0);

describe('a death', () => {
  it('in the middle of receiving puts the message back', async () => {
    const { a, b, c, kill } = cast();
    const out = a.channels.open('x');
    const into = c.channels.open('x');
    b.channels.open('x');
    {
      using frame = a.heap.alloc(4096);
      await out.send(frame, { tag: 1, meta: 'one' });
      await out.send(frame, { tag: 2 });
    }
    expect(ringOf(b).take()).not.toBe(-1);
    expect(into.tryReceive()?.tag).toBe(2);
    const waiting = into.receive();
    await turns();
    kill(b);
    const got = await waiting;
    expect([got.tag, got.meta]).toEqual([1, 'one']);
    got.done();
  });

  it('in the middle of sending leaves nothing behind', async () => {
    const { a, b, c, kill } = cast();
    a.channels.open('x', { capacity: 1 });
    const out = c.channels.open('x');
    expect(ringOf(a).claim()).not.toBe(-1);
    const frame = c.heap.alloc(1);
    const waiting = out.send(frame, { tag: 7 });
    expect(await stateOf(waiting)).toBe('pending');
    kill(a);
    await waiting;
    expect(b.channels.open('x').tryReceive()?.tag).toBe(7);
  });

  it('of a waiting sender or receiver lets the others in', async () => {
    const { a, b, c, kill } = cast();
    const dying = b.channels.open('x', { capacity: 1 }).receive();
    dying.catch(() => {});
    await turns();
    const living = c.channels.open('x').receive();
    await turns();
    kill(b);
    await a.channels.open('x').send(a.heap.alloc(1), { tag: 1 });
    expect((await living).tag).toBe(1);
  });

  it('right after sending keeps the buffer for the receiver, then lets it go', async () => {
    const { a, b, kill } = cast();
    const out = a.channels.open('x');
    await out.send(a.heap.alloc(4096));
    kill(a);
    expect(b.heap.used).toBe(4096);
    b.channels.open('x').tryReceive()?.done();
    expect(b.heap.used).toBe(0);
  });

  it('of a receiver that had received lets its buffer go', async () => {
    const { a, b, kill } = cast();
    const out = a.channels.open('x');
    {
      using frame = a.heap.alloc(4096);
      await out.send(frame);
    }
    b.channels.open('x').tryReceive();
    expect(a.heap.used).toBe(4096);
    kill(b);
    expect(a.heap.used).toBe(0);
  });

  it('clears the bits of the dead, however often it is recovered', () => {
    const { a, b, kill } = cast();
    b.channels.open('x').tryReceive();
    const at = a.agent.arena.base(ChannelSection);
    const bits = () =>
      (['openers', 'senders', 'receivers'] as const).map((field) =>
        load(a.agent.arena.words, at + ChannelLayout.at[field]),
      );
    expect(bits()).toEqual([2, 0, 2]);
    kill(b);
    expect(bits()).toEqual([0, 0, 0]);
    a.agent.reapers.sweep();
    expect(codeOf(() => a.channels.open('x', { capacity: 3 }))).toBe('');
  });
});
