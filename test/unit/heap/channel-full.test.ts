// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { ChannelLink } from '../../../src/heap/channel-link.js';
import { Channel } from '../../../src/heap/index.js';
import { packName } from '../../../src/heap/messages.js';
import { cast, codeOf, endOf, stateOf, turns } from './members.js';

describe('a full channel', () => {
  it('makes send() wait, and trySend() say no', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 2 });
    const frame = a.heap.alloc(1);
    expect([1, 2, 3].map((tag) => out.trySend(frame, { tag }))).toEqual([true, true, false]);
    const waiting = out.send(frame, { tag: 4 });
    expect(await stateOf(waiting)).toBe('pending');
    const into = b.channels.open('x');
    expect([out.queued, out.dropped]).toEqual([2, 0]);
    expect(into.tryReceive()?.tag).toBe(1);
    await waiting;
    expect([into.tryReceive()?.tag, into.tryReceive()?.tag]).toEqual([2, 4]);
  });

  it('drops the oldest, and lets its buffer go', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 2, onFull: 'drop-oldest' });
    const into = b.channels.open('x');
    for (let tag = 0; tag < 5; tag++) {
      using frame = a.heap.alloc(4096);
      if (tag % 2 === 0) expect(out.trySend(frame, { tag })).toBe(true);
      else expect(await stateOf(out.send(frame, { tag }))).toBe('resolved');
    }
    expect([out.queued, out.dropped, a.heap.used]).toEqual([2, 3, 2 * 4096]);
    expect([into.tryReceive()?.tag, into.tryReceive()?.tag]).toEqual([3, 4]);
  });

  it('drops nothing that makes no room: somebody is at work in the oldest cell', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 3, onFull: 'drop-oldest' });
    const frame = a.heap.alloc(1);
    for (const tag of [1, 2, 3]) out.trySend(frame, { tag });
    const { ring, senders } = new ChannelLink(b.channels, 0);
    const reading = ring.take();
    expect([out.trySend(frame), out.dropped, out.queued]).toEqual([false, 0, 2]);
    const waiting = out.send(frame, { tag: 4 });
    expect(await stateOf(waiting)).toBe('pending');
    ring.release(reading);
    senders.wake();
    await waiting;
    const into = b.channels.open('x');
    expect([2, 3, 4].map(() => into.tryReceive()?.tag)).toEqual([2, 3, 4]);
  });

  it('lets a sender in when what another one was writing can be dropped', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 1, onFull: 'drop-oldest' });
    const frame = a.heap.alloc(1);
    out.trySend(frame, { tag: 1 });
    b.channels.open('x').tryReceive()?.done();
    const link = new ChannelLink(b.channels, 0);
    const position = link.claim('test', false);
    const waiting = out.send(frame, { tag: 2 });
    expect(await stateOf(waiting)).toBe('pending');
    using other = b.heap.alloc(1);
    link.messages.write(link.ring.cell(position), packName(other.row, other.generation), 0, 0);
    b.buffers.rows.nameInQueue(other.row, 0);
    link.publish(position);
    await waiting;
    expect([out.dropped, b.channels.open('x').tryReceive()?.tag]).toEqual([1, 2]);
  });

  it('drops the new one', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 2, onFull: 'drop-new' });
    const into = b.channels.open('x');
    for (let tag = 0; tag < 5; tag++) {
      using frame = a.heap.alloc(4096);
      if (tag === 3) expect(await stateOf(out.send(frame, { tag }))).toBe('resolved');
      else expect(out.trySend(frame, { tag })).toBe(tag < 2);
    }
    expect([out.queued, into.dropped, a.heap.used]).toEqual([2, 3, 2 * 4096]);
    expect([into.tryReceive()?.tag, into.tryReceive()?.tag]).toEqual([0, 1]);
  });
});

describe('channels by name', () => {
  it('are the same in every agent, and made by whoever asks first', () => {
    const { a, b } = cast();
    const one = a.channels.open('x', { capacity: 3, onFull: 'drop-new', metaBytes: 10 });
    const two = b.channels.open('x');
    expect([two.name, two.capacity]).toEqual(['x', 3]);
    b.channels.open('x', { metaBytes: 10 }).close();
    one.trySend(a.heap.alloc(1), { tag: 9 });
    expect(two.tryReceive()?.tag).toBe(9);
    expect(b.channels.open('y').tryReceive()).toBeNull();
  });

  it('refuse other options than the existing ones, and wrong ones', () => {
    const { a, b } = cast();
    a.channels.open('x');
    for (const options of [{ capacity: 7 }, { onFull: 'drop-new' }, { metaBytes: 255 }] as const) {
      expect(codeOf(() => b.channels.open('x', options))).toBe('EINVAL');
    }
    b.channels.open('x', { capacity: 8, onFull: 'wait', metaBytes: 256 });
    for (const options of [
      { capacity: 0 },
      { capacity: 4097 },
      { capacity: 1.5 },
      { metaBytes: -1 },
      { metaBytes: 1025 },
      { onFull: 'explode' as never },
      null as never,
    ]) {
      expect(codeOf(() => a.channels.open('y', options))).toBe('EINVAL');
    }
    for (const name of ['', 'x'.repeat(64), 'ä'.repeat(32), 7 as never]) {
      expect(codeOf(() => a.channels.open(name))).toBe('EINVAL');
    }
    a.channels.open('ä'.repeat(31));
  });

  it('live as long as somebody has them open or something is in them', async () => {
    const { a, b } = cast();
    const frame = a.heap.alloc(1);
    const first = a.channels.open('x', { capacity: 2 });
    const second = a.channels.open('x');
    first.close();
    first.close();
    expect(codeOf(() => first.trySend(frame))).toBe('ESTALE');
    expect(codeOf(() => b.channels.open('x', { capacity: 3 }))).toBe('EINVAL');
    second.trySend(frame, { tag: 1 });
    second.close();
    const late = b.channels.open('x');
    expect([late.capacity, late.tryReceive()?.tag]).toEqual([2, 1]);
    late.close();
    expect(a.channels.open('x', { capacity: 5 }).capacity).toBe(5);
  });

  it('are given back: many more than the table has, one after the other', () => {
    const { a } = cast({ channels: 4 });
    for (let n = 0; n < 20; n++) {
      const channel = a.channels.open(`channel ${n}`, { capacity: 1 + (n % 9) });
      expect(channel.tryReceive()).toBeNull();
      channel.close();
    }
    const open = [1, 2, 3, 4].map((n) => a.channels.open(`${n}`, { capacity: 1 }));
    expect(codeOf(() => a.channels.open('5', { capacity: 1 }))).toBe('ENFILE');
    open[0]?.close();
    a.channels.open('5', { capacity: 1 });
  });

  it('are refused when there are no cells for them', () => {
    const { a } = cast({ channels: 4 });
    expect(codeOf(() => a.channels.open('x', { capacity: 4096 }))).toBe('ENFILE');
    expect(codeOf(() => a.channels.open('x', { capacity: 8 }))).toBe('');
  });
});

describe('the end of a channel', () => {
  it('lets receivers finish, then ends their loops; senders get EPIPE', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 2 });
    const into = b.channels.open('x');
    const frame = a.heap.alloc(1);
    await out.send(frame, { tag: 1 });
    await out.send(frame, { tag: 2 });
    const blocked = out.send(frame, { tag: 3 });
    const silent = endOf(blocked);
    await turns();
    out.end();
    expect(await silent).toBe('EPIPE');
    expect(codeOf(() => b.channels.open('x').trySend(b.heap.alloc(1)))).toBe('EPIPE');
    const tags: number[] = [];
    for await (const job of into) {
      tags.push(job.tag);
      job.done();
    }
    expect(tags).toEqual([1, 2]);
    expect(codeOf(() => into.tryReceive())).toBe('EPIPE');
    expect(await stateOf(into.receive())).toBe('EPIPE');
    expect(codeOf(() => into.receiveSync())).toBe('EPIPE');
    expect(a.channels.open('x').queued).toBe(0);
  });

  it('ends loops that wait already, in every agent', async () => {
    const { a, b, c } = cast();
    const loops = [b, c, c].map(async (member) => {
      let count = 0;
      for await (const job of member.channels.open('x')) {
        count++;
        job.done();
      }
      return count;
    });
    await turns();
    const out = a.channels.open('x');
    const frame = a.heap.alloc(1);
    for (let n = 0; n < 5; n++) await out.send(frame);
    out.end();
    expect((await Promise.all(loops)).reduce((sum, n) => sum + n)).toBe(5);
  });

  it('ends waits that find nothing, and waits for what is still being sent', async () => {
    const { a, b, c } = cast();
    const [one, two] = [b.channels.open('x').receive(), c.channels.open('x').receive()].map(endOf);
    await turns();
    const link = new ChannelLink(a.channels, 0);
    const position = link.claim('test', false);
    link.end();
    expect(await Promise.race([one, two, turns()])).toBeUndefined();
    link.abort(position);
    expect(await Promise.all([one, two])).toEqual(['EPIPE', 'EPIPE']);
    const late = a.channels.open('y').receive();
    await turns();
    b.channels.open('y').end();
    expect(await endOf(late)).toBe('EPIPE');
  });

  it('is remembered until a receiver has come', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x');
    out.end();
    out.close();
    const into = b.channels.open('x');
    expect(codeOf(() => into.tryReceive())).toBe('EPIPE');
    into.close();
    expect(b.channels.open('x').tryReceive()).toBeNull();
  });

  it('of the last sender by death is EOWNERDEAD, once all is received', async () => {
    const { a, b, c, kill } = cast();
    const into = c.channels.open('x');
    const [one, two] = [a.channels.open('x'), b.channels.open('x')];
    await one.send(a.heap.alloc(1), { tag: 1 });
    await two.send(b.heap.alloc(1), { tag: 2 });
    kill(a);
    expect([into.tryReceive()?.tag, into.tryReceive()?.tag]).toEqual([1, 2]);
    const waiting = into.receive();
    expect(await stateOf(waiting)).toBe('pending');
    kill(b);
    expect(await stateOf(waiting)).toBe('EOWNERDEAD');
    await expect(
      (async () => {
        for await (const job of into) job.done();
      })(),
    ).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    await c.channels.open('x').send(c.heap.alloc(1), { tag: 3 });
    expect(into.tryReceive()?.tag).toBe(3);
    expect(into.tryReceive()).toBeNull();
  });

  it('is not what a sender that leaves says: receivers wait for the next one', async () => {
    const { a, b, c, d, kill } = cast();
    const into = c.channels.open('x');
    await a.channels.open('x').send(a.heap.alloc(1));
    into.tryReceive()?.done();
    const waiting = into.receive();
    a.agent.leave(new Error('left with everything open'));
    expect(await stateOf(waiting)).toBe('pending');
    kill(b);
    expect(await stateOf(waiting)).toBe('pending');
    await d.channels.open('x').send(d.heap.alloc(1), { tag: 4 });
    expect((await waiting).tag).toBe(4);
  });

  it('is told by how the last sender went: one that left makes up for one that died', async () => {
    const { a, b, c, kill } = cast();
    const into = c.channels.open('x');
    const [one, two] = [a.channels.open('x'), b.channels.open('x')];
    one.trySend(a.heap.alloc(1));
    two.trySend(b.heap.alloc(1));
    into.tryReceive()?.done();
    into.tryReceive()?.done();
    kill(a);
    expect(into.tryReceive()).toBeNull();
    two.close();
    expect(into.tryReceive()).toBeNull();
  });

  it('of one handle rejects what waits on it, and leaves the others alone', async () => {
    const { a } = cast();
    const [one, two] = [a.channels.open('x', { capacity: 1 }), a.channels.open('x')];
    const frame = a.heap.alloc(1);
    const [lost, kept] = [one.receive(), two.receive()];
    const silent = endOf(lost);
    await turns();
    one.close();
    expect(await silent).toBe('ESTALE');
    await two.send(frame, { tag: 1 });
    expect((await kept).tag).toBe(1);
  });

  it('of the agent’s own time ends every call: ESTALE', async () => {
    const { a } = cast();
    const channel = a.channels.open('x');
    const loop = channel[Symbol.asyncIterator]();
    const frame = a.heap.alloc(1);
    channel.trySend(frame);
    const job = channel.tryReceive();
    a.leave();
    for (const call of [
      () => channel.queued,
      () => channel.dropped,
      () => channel.trySend(frame),
      () => channel.sendSync(frame),
      () => channel.tryReceive(),
      () => channel.receiveSync(),
      () => channel.end(),
      () => channel[Symbol.asyncIterator](),
      () => job?.cpuAccessSync('read'),
      () => a.channels.open('x'),
    ]) {
      expect(codeOf(call)).toBe('ESTALE');
    }
    for (const call of [
      () => channel.send(frame),
      () => channel.receive(),
      () => loop.next(),
      () => Channel.submit([channel], frame, 'read'),
      () => job?.cpuAccess('read') ?? Promise.resolve(),
    ]) {
      expect(await endOf(call())).toBe('ESTALE');
    }
    job?.done();
    channel.close();
  });

  it('of a loop that is left takes no message', async () => {
    const { a } = cast();
    const channel = a.channels.open('x');
    const loop = channel[Symbol.asyncIterator]();
    const next = loop.next();
    await turns();
    await loop.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    await channel.send(a.heap.alloc(1), { tag: 1 });
    expect(await loop.next()).toEqual({ done: true, value: undefined });
    expect(channel.tryReceive()?.tag).toBe(1);
  });
});
