// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Fence } from '../../../src/fence/index.js';
import { cast, codeOf, endOf, stateOf, turns } from './members.js';

describe('channel', () => {
  it('hands buffers to another agent in order, with tag and meta', async () => {
    const { a, b } = cast();
    const [out, into] = [a.channels.open('x'), b.channels.open('x')];
    const frame = a.heap.alloc(4096);
    for (let n = 0; n < 3; n++) await out.send(frame, { tag: n - 1, meta: { n, text: 'ä€😀' } });
    expect(into.queued).toBe(3);
    for (let n = 0; n < 3; n++) {
      const got = await into.receive();
      expect([got.tag, got.meta]).toEqual([n - 1, { n, text: 'ä€😀' }]);
      expect(got.buf.id).toBe(frame.id);
      expect(got.after).toBe(Fence.done);
      got.done();
      expect(got.buf.closed).toBe(true);
    }
    expect(into.tryReceive()).toBeNull();
    expect(frame.closed).toBe(false);
  });

  it('shares the bytes', async () => {
    const { a, b } = cast();
    const frame = a.heap.alloc(16);
    using write = await frame.cpuAccess('write');
    write.bytes.fill(7);
    a.channels.open('x').sendSync(frame);
    using got = b.channels.open('x').receiveSync();
    using read = await got.cpuAccess('read');
    expect(read.bytes[15]).toBe(7);
  });

  it('wakes one who waits for a message, and one who waits for room', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 1 });
    const into = b.channels.open('x');
    const frame = a.heap.alloc(1);
    const first = into.receive();
    expect(await stateOf(first)).toBe('pending');
    await out.send(frame, { tag: 1 });
    expect((await first).tag).toBe(1);
    await out.send(frame, { tag: 2 });
    const waiting = out.send(frame, { tag: 3 });
    expect(await stateOf(waiting)).toBe('pending');
    expect((await into.receive()).tag).toBe(2);
    await waiting;
    expect((await into.receive()).tag).toBe(3);
  });

  it('delivers each message to one receiver, first come, first served', async () => {
    const { a, b, c, d } = cast();
    const out = a.channels.open('x');
    const frame = a.heap.alloc(1);
    const order: string[] = [];
    const waits = [];
    for (const [name, member] of [
      ['b', b],
      ['c', c],
      ['d', d],
      ['b2', b],
    ] as const) {
      waits.push(
        member.channels
          .open('x')
          .receive()
          .then(({ tag }) => order.push(`${name}${tag}`)),
      );
      await turns();
    }
    for (let tag = 0; tag < 4; tag++) {
      await out.send(frame, { tag });
      await turns();
    }
    await Promise.all(waits);
    expect(order).toEqual(['b0', 'c1', 'd2', 'b23']);
  });

  it('wakes as many receivers as there are messages', async () => {
    const { a, b, c, d } = cast();
    const waits = [b, c, d].map((member) => member.channels.open('x').receive());
    await turns();
    const out = a.channels.open('x');
    const frame = a.heap.alloc(1);
    for (let tag = 0; tag < 3; tag++) out.trySend(frame, { tag });
    expect((await Promise.all(waits)).map(({ tag }) => tag).toSorted((x, y) => x - y)).toEqual([
      0, 1, 2,
    ]);
  });

  it('rings all whom it has something for at once, and nobody else', async () => {
    const { a, b, c, d } = cast();
    const waits = [b, c, d].map((member) => member.channels.open('x').receive());
    await turns();
    const out = a.channels.open('x');
    const frame = a.heap.alloc(1);
    const rung = () => [b, c, d].map(({ agent }) => agent.bells.rung(agent.slot));
    out.trySend(frame);
    expect(rung()).toEqual([true, false, false]);
    out.trySend(frame);
    expect(rung()).toEqual([true, true, false]);
    out.trySend(frame);
    await Promise.all(waits);
  });

  it('is not taken by one who happens to look before the first in line', async () => {
    const { a, b, c } = cast();
    const first = b.channels.open('x').receive();
    await turns();
    const second = c.channels.open('x').receive();
    const third = c.channels.open('x').receive();
    await turns();
    const out = a.channels.open('x');
    const frame = a.heap.alloc(1);
    out.trySend(frame, { tag: 1 });
    c.agent.tasks.look(-1);
    out.trySend(frame, { tag: 2 });
    expect((await first).tag).toBe(1);
    expect((await second).tag).toBe(2);
    out.trySend(frame, { tag: 3 });
    expect((await third).tag).toBe(3);
  });

  it('lets senders in by their turn', async () => {
    const { a, b, c } = cast();
    const into = c.channels.open('x', { capacity: 1 });
    const [one, two] = [a.channels.open('x'), b.channels.open('x')];
    const [frame, other] = [a.heap.alloc(1), b.heap.alloc(1)];
    one.trySend(frame, { tag: 0 });
    const sends = [];
    for (const [tag, [channel, buf]] of [
      [one, frame],
      [two, other],
      [one, frame],
    ].entries() as IterableIterator<[number, [typeof one, typeof frame]]>) {
      sends.push(channel.send(buf, { tag: tag + 1 }));
      await turns();
    }
    const tags: number[] = [];
    for (let n = 0; n < 4; n++) tags.push((await into.receive()).tag);
    await Promise.all(sends);
    expect(tags).toEqual([0, 1, 2, 3]);
  });

  it('a running receiver overtakes a waiting one only once', async () => {
    const { a, b, c } = cast();
    const out = a.channels.open('x');
    const [slow, fast] = [b.channels.open('x'), c.channels.open('x')];
    const frame = a.heap.alloc(1);
    const waiting = slow.receive();
    await turns();
    for (let tag = 0; tag < 4; tag++) {
      out.trySend(frame, { tag });
      fast.tryReceive()?.done();
      await turns();
    }
    expect((await waiting).tag).toBe(1);
  });

  it('keeps a buffer alive while it queues, and no longer', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x');
    const into = b.channels.open('x');
    const frame = a.heap.alloc(8192);
    await out.send(frame);
    frame.close();
    expect(a.heap.used).toBe(8192);
    out.close();
    a.leave();
    expect(b.heap.used).toBe(8192);
    const got = await into.receive();
    const { row } = got.buf;
    expect(b.heap.used).toBe(8192);
    got.done();
    expect(b.heap.used).toBe(0);
    expect(b.buffers.life.of(row) & 7).toBe(0);
  });

  it('keeps what it queues when the sender dies, and redelivers nothing that was received', async () => {
    const { a, b, kill } = cast();
    const out = a.channels.open('x');
    const into = b.channels.open('x');
    const frame = a.heap.alloc(4096);
    for (const tag of [1, 2]) await out.send(frame, { tag });
    (await into.receive()).done();
    kill(a);
    expect(b.heap.used).toBe(4096);
    const got = await into.receive();
    expect(got.tag).toBe(2);
    got.done();
    expect(b.heap.used).toBe(0);
    expect(codeOf(() => into.tryReceive())).toBe('EOWNERDEAD');
  });

  it('refuses what it cannot say', async () => {
    const { a, b } = cast();
    const channel = a.channels.open('x', { metaBytes: 8 });
    const frame = a.heap.alloc(1);
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const [options, code] of [
      [{ meta: 'seven x' }, 'ENOSPC'],
      [{ meta: 'ää€' }, 'ENOSPC'],
      [{ meta: cyclic as never }, 'EINVAL'],
      [{ meta: (() => {}) as never }, 'EINVAL'],
      [{ tag: 0.5 }, 'EINVAL'],
      [{ tag: '1' as never }, 'EINVAL'],
    ] as const) {
      expect(codeOf(() => channel.trySend(frame, options))).toBe(code);
      expect(codeOf(() => channel.sendSync(frame, options))).toBe(code);
      expect(await stateOf(channel.send(frame, options))).toBe(code);
    }
    expect(channel.trySend(frame, { meta: 'sixsix', tag: -(2 ** 53) + 1 })).toBe(true);
    expect(channel.tryReceive()).toMatchObject({ meta: 'sixsix', tag: -(2 ** 53) + 1 });
    expect(channel.trySend(frame, { meta: null })).toBe(true);
    expect(channel.tryReceive()?.meta).toBeNull();
    expect(codeOf(() => channel.trySend(b.heap.alloc(1)))).toBe('EXDEV');
    expect(codeOf(() => channel.trySend({} as never))).toBe('EINVAL');
    expect(codeOf(() => channel.trySend(undefined as never))).toBe('EINVAL');
    expect(await stateOf(channel.send(frame, { timeout: -1 }))).toBe('EINVAL');
    expect(await stateOf(channel.receive({ timeout: Number.NaN }))).toBe('EINVAL');
    frame.close();
    expect(codeOf(() => channel.trySend(frame))).toBe('ESTALE');
    expect(channel.queued).toBe(0);
  });

  it('hands a read-only reference on as one', async () => {
    const { a, b } = cast();
    const frame = a.heap.alloc(1);
    const { row, generation } = frame;
    const readOnly = b.buffers.adopt(row, generation, true);
    if (readOnly === null) throw new Error('gone');
    b.channels.open('x').sendSync(readOnly);
    const got = a.channels.open('x').receiveSync();
    expect(got.buf.readOnly).toBe(true);
    expect(await stateOf(got.cpuAccess('write'))).toBe('EACCES');
  });

  it('times out and aborts without having sent or taken anything', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 1 });
    const into = b.channels.open('x');
    const frame = a.heap.alloc(1);
    await expect(into.receive({ timeout: 0 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await expect(into.receive({ timeout: 1 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      at: { channel: 'x' },
    });
    await out.send(frame, { tag: 1 });
    const stop = new AbortController();
    const aborted = out.send(frame, { tag: 2, signal: stop.signal });
    const late = out.send(frame, { tag: 3, timeout: 1 });
    await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    stop.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    expect(codeOf(() => out.sendSync(frame, { timeout: 0 }))).toBe('ETIMEDOUT');
    expect(() => out.sendSync(frame, { timeout: 1 })).toThrow('ETIMEDOUT');
    expect((await into.receive()).tag).toBe(1);
    expect(into.tryReceive()).toBeNull();
    await expect(out.send(frame, { signal: stop.signal })).rejects.toBe('enough');
    await expect(into.receive({ signal: stop.signal })).rejects.toBe('enough');
  });

  it('one who gives up lets the next one in', async () => {
    const { a, b, c } = cast();
    const frame = a.heap.alloc(1);
    const stop = new AbortController();
    const first = b.channels.open('x').receive({ signal: stop.signal });
    await turns();
    const second = c.channels.open('x').receive();
    await turns();
    stop.abort('enough');
    a.channels.open('x').trySend(frame, { tag: 5 });
    await expect(first).rejects.toBe('enough');
    expect((await second).tag).toBe(5);
  });

  it('one whose handle is closed when its turn has come lets the next one in', async () => {
    const { a, b, c } = cast();
    const channel = b.channels.open('x');
    const first = endOf(channel.receive());
    await turns();
    const second = c.channels.open('x').receive();
    await turns();
    a.channels.open('x').trySend(a.heap.alloc(1), { tag: 5 });
    channel.close();
    expect(await first).toBe('ESTALE');
    expect((await second).tag).toBe(5);
  });

  it('a blocked agent lets others take what its tasks wait for', async () => {
    const { a, b, c } = cast();
    const frame = a.heap.alloc(1);
    const out = a.channels.open('x');
    const asleep = b.channels.open('x').receive();
    await turns();
    const awake = c.channels.open('x').receive();
    await turns();
    b.agent.slots.setWord(b.agent.slot, 'blocked', 0x7ffff);
    out.trySend(frame, { tag: 1 });
    expect((await awake).tag).toBe(1);
    b.agent.slots.setWord(b.agent.slot, 'blocked', 0);
    b.agent.tasks.look(-1);
    out.trySend(frame, { tag: 2 });
    expect((await asleep).tag).toBe(2);
  });

  it('needs no place for a sender whose handle is closed meanwhile: the buffer stays', async () => {
    const { a, b } = cast();
    const out = a.channels.open('x', { capacity: 1 });
    const into = b.channels.open('x');
    const [one, two] = [a.heap.alloc(1), a.heap.alloc(1)];
    await out.send(one);
    const late = out.send(two, { tag: 2 });
    two.close();
    (await into.receive()).done();
    await late;
    expect((await into.receive()).tag).toBe(2);
  });
});
