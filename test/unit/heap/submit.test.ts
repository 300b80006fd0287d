// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { DmaBuf } from '../../../src/buf/index.js';
import { type ErrorCode, fail } from '../../../src/errors.js';
import type { Fence } from '../../../src/fence/index.js';
import { Channel, type Delivery } from '../../../src/heap/index.js';
import { cast, codeOf, endOf, type Member, stateOf, turns } from './members.js';

/** A channel with that name, as sender and receiver see it; the receiver has looked once. */
function lane(from: Member, to: Member, name: string, options = {}): [Channel, Channel] {
  const out = from.channels.open(name, options);
  const into = to.channels.open(name);
  expect(into.tryReceive()).toBeNull();
  return [out, into];
}

function taken(into: Channel): Delivery {
  const job = into.tryReceive();
  if (job === null) throw new Error('nothing there');
  return job;
}

const pending = (buf: DmaBuf, usage: 'write' | 'read'): number => buf.resv.fences(usage).length;
const states = (fences: readonly Fence[]): (ErrorCode | boolean)[] =>
  fences.map((fence) => fence.error ?? fence.signaled);

describe('submit', () => {
  it('gives every receiver the buffer at once, and a fence that signals at done()', async () => {
    const { a, b, c } = cast();
    const [x, fromX] = lane(a, b, 'x');
    const [y, fromY] = lane(a, c, 'y');
    const frame = a.heap.alloc(64);
    const fences = await Channel.submit([x, y], frame, 'write', { tag: 5, meta: ['m'] });
    expect(pending(frame, 'write')).toBe(2);
    const jobs = [taken(fromX), taken(fromY)];
    for (const job of jobs) {
      expect([job.tag, job.meta, job.after.signaled]).toEqual([5, ['m'], true]);
      using cpu = await job.cpuAccess('read-write');
      cpu.bytes.fill(1);
    }
    expect(states(fences)).toEqual([false, false]);
    jobs[1]?.done();
    expect(states(fences)).toEqual([false, true]);
    jobs[0]?.done();
    expect(states(fences)).toEqual([true, true]);
    using cpu = await frame.cpuAccess('read');
    expect(cpu.bytes[63]).toBe(1);
  });

  it('lets the next user wait for all of them', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    await Channel.submit([x], frame, 'read');
    await Channel.submit([x], frame, 'read');
    const reader = await frame.cpuAccess('read', { timeout: 0 });
    reader.end();
    const writer = frame.cpuAccess('write');
    expect(await stateOf(writer)).toBe('pending');
    const [one, two] = [taken(into), taken(into)];
    expect([one.after.signaled, two.after.signaled]).toEqual([true, true]);
    one.done();
    expect(await stateOf(writer)).toBe('pending');
    two.done();
    (await writer).end();
  });

  it('makes receivers wait for what is in the way, as their usage demands', async () => {
    const { a, b, c } = cast();
    const [x, fromX] = lane(a, b, 'x');
    const [y, fromY] = lane(a, c, 'y');
    const frame = a.heap.alloc(1);
    const [reading] = await Channel.submit([y], frame, 'read');
    const [first] = await Channel.submit([x], frame, 'write');
    const [second] = await Channel.submit([x], frame, 'read');
    const reader = taken(fromY);
    const writer = taken(fromX);
    const last = taken(fromX);
    expect([reader, writer, last].map((job) => job.after.signaled)).toEqual([true, false, false]);
    const begun = writer.cpuAccess('write');
    const late = last.cpuAccess('read');
    expect(await stateOf(begun)).toBe('pending');
    reader.done();
    expect(reading.signaled).toBe(true);
    await begun;
    expect(await stateOf(late)).toBe('pending');
    writer.done();
    await late;
    last.done();
    expect(states([first, second])).toEqual([true, true]);
  });

  it('tells a reader that the write before it failed; one who only writes need not care', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const [bad] = await Channel.submit([x], frame, 'write');
    await Channel.submit([x], frame, 'read');
    await Channel.submit([x], frame, 'write');
    const [failing, reader, writer] = [taken(into), taken(into), taken(into)];
    failing.fail('EIO');
    expect(bad.error).toBe('EIO');
    expect(await endOf(reader.cpuAccess('read'))).toBe('EIO');
    reader.done();
    expect(await endOf(writer.cpuAccess('read-write'))).toBe('EIO');
    expect(await endOf(writer.cpuAccess('write'))).toBe('resolved');
    writer.done();
    // Whether that write covered the other one nobody knows: it had been submitted before.
    expect(await endOf(frame.cpuAccess('read'))).toBe('EIO');
    await Channel.submit([x], frame, 'write');
    taken(into).done();
    expect(await endOf(frame.cpuAccess('read'))).toBe('resolved');
  });

  it('lets a later submission learn of a write that failed before it', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    await Channel.submit([x], frame, 'write');
    taken(into).fail('ENOMEM');
    await Channel.submit([x], frame, 'read');
    const reader = taken(into);
    expect(reader.after.error).toBe('ENOMEM');
    expect(await endOf(reader.cpuAccess('read'))).toBe('ENOMEM');
  });

  it('treats a delivery that is not done as failed, if it was to write', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const fences: Fence[] = [];
    for (const usage of ['write', 'read', 'write'] as const) {
      fences.push(...(await Channel.submit([x], frame, usage)));
    }
    const jobs = [taken(into), taken(into), taken(into)];
    for (const job of jobs.slice(0, 2)) job[Symbol.dispose]();
    jobs[2]?.done();
    for (const job of jobs) {
      job.done();
      job.fail('EIO');
      job[Symbol.dispose]();
    }
    expect(states(fences)).toEqual(['ECANCELED', true, true]);
    expect(codeOf(() => jobs[0]?.fail('ENOPE' as never))).toBe('EINVAL');
    expect(await endOf(jobs[0]?.cpuAccess('read') ?? Promise.resolve())).toBe('ESTALE');
  });

  it('fails what is owed when a delivery is lost without being finished, and only then', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const [one] = await Channel.submit([x], frame, 'read');
    const [two] = await Channel.submit([x], frame, 'read');
    const done = taken(into);
    const lost = taken(into);
    b.buffers.leaks.settle();
    done.done();
    expect(lost.closed).toBe(false);
    b.buffers.leaks.close();
    expect(states([one, two])).toEqual([true, 'ECANCELED']);
  });

  it('ends the accesses of a delivery before its fence signals', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const [fence] = await Channel.submit([x], frame, 'write');
    const job = taken(into);
    const cpu = await job.cpuAccess('write');
    let open = true;
    fence.onSignal(() => {
      open = codeOf(() => cpu.bytes) !== 'ESTALE';
      return undefined;
    });
    job.done();
    await turns();
    expect(open).toBe(false);
    expect(codeOf(() => cpu.bytes)).toBe('ESTALE');
  });

  it('fails what a receiver owes when it dies; other receivers go on', async () => {
    const { a, b, c, kill } = cast();
    const [x, fromX] = lane(a, b, 'x');
    const [y, fromY] = lane(a, c, 'y');
    const frame = a.heap.alloc(1);
    const fences = await Channel.submit([x, y], frame, 'write');
    taken(fromX);
    const other = taken(fromY);
    kill(b);
    expect(states(fences)).toEqual(['EOWNERDEAD', false]);
    other.done();
    expect(await endOf(frame.cpuAccess('read'))).toBe('EOWNERDEAD');
  });

  it('fails what queues when the last receiver dies, not before; and then answers EPIPE', async () => {
    const { a, b, c, d, kill } = cast();
    const [x] = lane(a, b, 'x');
    const [, third] = lane(a, c, 'x');
    const frame = a.heap.alloc(4096);
    const fences = [
      ...(await Channel.submit([x], frame, 'read')),
      ...(await Channel.submit([x], frame, 'write')),
    ];
    await x.send(frame, { tag: 8 });
    kill(b);
    expect(states(fences)).toEqual([false, false]);
    expect(third.queued).toBe(3);
    kill(c);
    expect(states(fences)).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
    expect(x.queued).toBe(1);
    expect(await endOf(Channel.submit([x], frame, 'read'))).toBe('EPIPE');
    const next = d.channels.open('x');
    expect(taken(next).tag).toBe(8);
    await Channel.submit([x], frame, 'read');
    taken(next).done();
  });

  it('fails what queues when the last receiver leaves', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const [fence] = await Channel.submit([x], frame, 'read');
    into.close();
    expect(fence.error).toBe('EOWNERDEAD');
    expect(x.queued).toBe(0);
  });

  it('answers EPIPE when the last receiver of a full channel leaves or dies, also to who waits for room', async () => {
    for (const goes of ['leaves', 'dies']) {
      const { a, b, c, kill } = cast();
      const [x, into] = lane(a, b, 'x', { capacity: 1 });
      const y = c.channels.open('x');
      const frame = a.heap.alloc(1);
      await x.send(frame, { tag: 1 });
      const [waiting, theirs] = [
        Channel.submit([x], frame, 'read'),
        Channel.submit([y], c.heap.alloc(1), 'read'),
      ].map(endOf);
      const plain = x.send(frame, { tag: 2 });
      await turns();
      if (goes === 'leaves') into.close();
      else kill(b);
      expect(await Promise.all([waiting, theirs])).toEqual(['EPIPE', 'EPIPE']);
      expect(await endOf(Channel.submit([x], frame, 'read'))).toBe('EPIPE');
      // What was sent, not submitted, waits for the next receiver.
      expect(await stateOf(plain)).toBe('pending');
      const late = c.channels.open('x');
      taken(late).done();
      await plain;
      expect(taken(late).tag).toBe(2);
    }
  });

  it('answers EPIPE when it would wait for one channel and another one has no receivers any more', async () => {
    const { a, b } = cast();
    const [x] = lane(a, b, 'x', { capacity: 1 });
    const [y, fromY] = lane(a, b, 'y');
    const frame = a.heap.alloc(1);
    await x.send(frame);
    fromY.close();
    expect(await stateOf(Channel.submit([x, y], frame, 'read'))).toBe('EPIPE');
  });

  it('waits in a channel that has had no receiver yet', async () => {
    const { a, b } = cast();
    const x = a.channels.open('x');
    const frame = a.heap.alloc(1);
    const [fence] = await Channel.submit([x], frame, 'write');
    expect(fence.signaled).toBe(false);
    taken(b.channels.open('x')).done();
    expect(states([fence])).toEqual([true]);
  });

  it('outlives its submitter: fences signal for others, and the buffer stays', async () => {
    const { a, b, c, kill } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(4096);
    const { row, generation } = frame;
    const theirs = c.buffers.adopt(row, generation);
    if (theirs === null) throw new Error('gone');
    await Channel.submit([x], frame, 'write');
    await Channel.submit([x], frame, 'write');
    const first = taken(into);
    kill(a);
    first.done();
    const second = taken(into);
    expect((await second.cpuAccess('read-write')).size).toBe(4096);
    second.done();
    (await theirs.cpuAccess('read')).end();
    theirs.close();
    expect(b.heap.used).toBe(0);
  });

  it('redelivers what a receiver was taking when it died, with its fence unharmed', async () => {
    const { a, b, c, kill } = cast();
    const [x] = lane(a, b, 'x');
    const [, into] = lane(a, c, 'x');
    const frame = a.heap.alloc(1);
    const [fence] = await Channel.submit([x], frame, 'write');
    b.channels.table.ring(0).take();
    b.fences.setOwner(fence.row, fence.generation, b.agent.tag);
    kill(b);
    expect(fence.signaled).toBe(false);
    taken(into).done();
    expect(states([fence])).toEqual([true]);
  });

  it('waits until every channel has room, and sends nothing before', async () => {
    const { a, b, c } = cast();
    const [x, fromX] = lane(a, b, 'x', { capacity: 1 });
    const [y, fromY] = lane(a, c, 'y', { capacity: 1 });
    const frame = a.heap.alloc(1);
    await y.send(frame, { tag: 1 });
    const waiting = Channel.submit([x, y], frame, 'write');
    expect(await stateOf(waiting)).toBe('pending');
    expect([fromX.queued, pending(frame, 'write'), frame.resv.locked]).toEqual([0, 0, false]);
    await x.send(frame, { tag: 2 });
    taken(fromY).done();
    expect(await stateOf(waiting)).toBe('pending');
    expect(fromY.queued).toBe(0);
    taken(fromX).done();
    expect((await waiting).length).toBe(2);
    expect([fromX.queued, fromY.queued]).toEqual([1, 1]);
  });

  it('leaves room that it cannot use to others', async () => {
    const { a, b, c } = cast();
    const [x, fromX] = lane(a, b, 'x', { capacity: 1 });
    const [y, fromY] = lane(a, b, 'y', { capacity: 1 });
    const frame = a.heap.alloc(1);
    await x.send(frame, { tag: 1 });
    await y.send(frame, { tag: 1 });
    const submitted = Channel.submit([x, y], frame, 'read');
    await turns();
    const plain = c.channels.open('x').send(c.heap.alloc(1), { tag: 2 });
    await turns();
    taken(fromX).done();
    await plain;
    taken(fromX).done();
    taken(fromY).done();
    expect((await submitted).length).toBe(2);
  });

  it('sends nothing when it times out, waiting for room, for the lock, or for fences in excess', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x', { capacity: 32 });
    const [full] = lane(a, b, 'full', { capacity: 1 });
    const frame = a.heap.alloc(1);
    const other = a.heap.alloc(1);
    await full.send(other);
    expect(await endOf(Channel.submit([x, full], frame, 'write', { timeout: 1 }))).toBe(
      'ETIMEDOUT',
    );
    const lock = await frame.resv.lock();
    expect(await endOf(Channel.submit([x], frame, 'write', { timeout: 1 }))).toBe('ETIMEDOUT');
    lock.unlock();
    expect([into.queued, pending(frame, 'read'), frame.resv.locked]).toEqual([0, 0, false]);
    for (let n = 0; n < 17; n++) await Channel.submit([x], frame, 'read');
    expect(await endOf(Channel.submit([x], frame, 'write', { timeout: 1 }))).toBe('ETIMEDOUT');
    expect([into.queued, frame.resv.locked]).toEqual([17, false]);
    const late = Channel.submit([x], frame, 'write');
    expect(await stateOf(late)).toBe('pending');
    const jobs = Array.from({ length: 17 }, () => taken(into));
    for (const job of jobs) job.done();
    await late;
  });

  it('names up to 16 fences for a receiver to wait for', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x', { capacity: 32 });
    const frame = a.heap.alloc(1);
    for (let n = 0; n < 16; n++) await Channel.submit([x], frame, 'read');
    await Channel.submit([x], frame, 'write', { meta: 'still there' });
    const jobs = Array.from({ length: 17 }, () => taken(into));
    const [writer] = jobs.splice(16);
    expect(writer?.meta).toBe('still there');
    for (const job of jobs) {
      expect(writer?.after.signaled).toBe(false);
      job.done();
    }
    expect(writer?.after.signaled).toBe(true);
  });

  it('sends to one channel as often as it is named', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x', { capacity: 3 });
    const frame = a.heap.alloc(1);
    expect((await Channel.submit([x, x, x], frame, 'write')).length).toBe(3);
    const waiting = Channel.submit([x, x], frame, 'write');
    taken(into).done();
    expect(await stateOf(waiting)).toBe('pending');
    taken(into).done();
    await waiting;
    expect(into.queued).toBe(3);
    expect(await endOf(Channel.submit([x, x, x, x], frame, 'write'))).toBe('EINVAL');
  });

  it('keeps its place in line while there is room, but not enough', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x', { capacity: 2 });
    const frame = a.heap.alloc(1);
    await x.send(frame, { tag: 1 });
    await x.send(frame, { tag: 1 });
    const both = Channel.submit([x, x], frame, 'read', { tag: 2 });
    await turns();
    const later = x.send(frame, { tag: 3 });
    await turns();
    const tags: number[] = [];
    for (let n = 0; n < 5; n++) {
      const job = taken(into);
      tags.push(job.tag);
      job.done();
      await turns();
    }
    await Promise.all([both, later]);
    expect(tags).toEqual([1, 1, 2, 2, 3]);
  });

  it('follows what a full channel does with the surplus', async () => {
    const { a, b } = cast();
    const [old, fromOld] = lane(a, b, 'old', { capacity: 1, onFull: 'drop-oldest' });
    const [young, fromYoung] = lane(a, b, 'young', { capacity: 1, onFull: 'drop-new' });
    const frame = a.heap.alloc(1);
    const first = await Channel.submit([old, young], frame, 'read', { tag: 1 });
    const second = await Channel.submit([old, young], frame, 'read', { tag: 2 });
    expect(states([...first, ...second])).toEqual(['ECANCELED', false, false, 'ECANCELED']);
    expect([taken(fromOld).tag, taken(fromYoung).tag]).toEqual([2, 1]);
    expect([old.dropped, young.dropped]).toEqual([1, 1]);
  });

  it('refuses to drop its own message: a channel that drops the oldest may be named as often as it has room', async () => {
    const { a, b } = cast();
    const [old, into] = lane(a, b, 'old', { capacity: 2, onFull: 'drop-oldest' });
    const [young] = lane(a, b, 'young', { capacity: 2, onFull: 'drop-new' });
    const frame = a.heap.alloc(1);
    await old.send(frame, { tag: 1 });
    const often = Channel.submit([old, old, old], frame, 'read');
    await expect(often).rejects.toMatchObject({
      code: 'EINVAL',
      at: { channel: 'old', capacity: 2 },
    });
    expect([old.dropped, into.queued, pending(frame, 'write')]).toEqual([0, 1, 0]);
    await Channel.submit([old, old], frame, 'read', { tag: 2 });
    expect([old.dropped, taken(into).tag, taken(into).tag]).toEqual([1, 2, 2]);
    expect((await Channel.submit([young, young, young], frame, 'read')).length).toBe(3);
    expect(young.dropped).toBe(1);
  });

  it('drops nothing before there is room in all channels', async () => {
    const { a, b } = cast();
    const [old, fromOld] = lane(a, b, 'old', { capacity: 2, onFull: 'drop-oldest' });
    const [full, fromFull] = lane(a, b, 'full', { capacity: 1 });
    const frame = a.heap.alloc(1);
    for (const tag of [1, 2]) await old.send(frame, { tag });
    // The room there is when it has waited is gone when it has the lock.
    const lock = await frame.resv.lock();
    const waiting = Channel.submit([old, full], frame, 'read', { tag: 3 });
    await turns();
    await full.send(frame);
    lock.unlock();
    expect(await stateOf(waiting)).toBe('pending');
    expect([old.dropped, fromOld.queued]).toEqual([0, 2]);
    taken(fromFull).done();
    await waiting;
    expect([old.dropped, taken(fromOld).tag, taken(fromOld).tag]).toEqual([1, 2, 3]);
  });

  it('drops nothing before all that drop their oldest can', async () => {
    const { a, b } = cast();
    const [x] = lane(a, b, 'x', { capacity: 1, onFull: 'drop-oldest' });
    const [y] = lane(a, b, 'y', { capacity: 1, onFull: 'drop-oldest' });
    const frame = a.heap.alloc(1);
    for (const full of [x, y]) await full.send(frame);
    const lock = await frame.resv.lock();
    const waiting = Channel.submit([x, y], frame, 'read');
    await turns();
    b.channels.table.ring(1).take();
    lock.unlock();
    expect(await stateOf(waiting)).toBe('pending');
    expect([x.dropped, x.queued, y.dropped, y.queued]).toEqual([0, 1, 0, 0]);
    y.close();
    expect(await endOf(waiting)).toBe('ESTALE');
  });

  it('drops nothing when there are no fences left', async () => {
    const { a, b } = cast();
    const [old, into] = lane(a, b, 'old', { capacity: 1, onFull: 'drop-oldest' });
    const [free] = lane(a, b, 'free', { capacity: 1 });
    const frame = a.heap.alloc(1);
    await old.send(frame, { tag: 1 });
    const { create } = a.fences;
    a.fences.create = () => {
      throw fail('ENFILE', 'test');
    };
    expect(await endOf(Channel.submit([old, free], frame, 'read'))).toBe('ENFILE');
    expect([old.dropped, free.queued, frame.resv.locked]).toEqual([0, 0, false]);
    a.fences.create = create;
    expect((await Channel.submit([free], frame, 'read')).length).toBe(1);
    expect(taken(into).tag).toBe(1);
  });

  it('drops nothing while somebody is at work in a cell that would have to go', async () => {
    const { a, b } = cast();
    const [old, into] = lane(a, b, 'old', { capacity: 2, onFull: 'drop-oldest' });
    const frame = a.heap.alloc(1);
    for (const tag of [1, 2]) await old.send(frame, { tag });
    const ring = b.channels.table.ring(0);
    const reading = ring.take();
    const waiting = Channel.submit([old, old], frame, 'read', { tag: 3 });
    expect(await stateOf(waiting)).toBe('pending');
    expect([old.dropped, into.queued]).toEqual([0, 1]);
    ring.release(reading);
    old.close();
    expect(await endOf(waiting)).toBe('ESTALE');
  });

  it('answers EPIPE after the end, EOWNERDEAD after a death with the lock held, unless told to recover', async () => {
    const { a, b, c, kill } = cast();
    const [x, into] = lane(a, b, 'x');
    const [y] = lane(a, b, 'y');
    const frame = a.heap.alloc(1);
    const theirs = c.buffers.adopt(frame.row, frame.generation);
    await theirs?.resv.lock();
    kill(c);
    expect(await endOf(Channel.submit([x], frame, 'read'))).toBe('EOWNERDEAD');
    expect([into.queued, frame.resv.locked]).toEqual([0, false]);
    expect(await endOf(Channel.submit([x], frame, 'read', { recover: true }))).toBe('resolved');
    y.end();
    expect(await endOf(Channel.submit([x, y], frame, 'read', { recover: true }))).toBe('EPIPE');
    expect([into.queued, frame.resv.locked]).toEqual([1, false]);
  });

  it('refuses what makes no sense', async () => {
    const { a, b } = cast();
    const [x] = lane(a, b, 'x', { metaBytes: 4 });
    const [y] = lane(a, b, 'y');
    const frame = a.heap.alloc(1);
    const readOnly = a.buffers.adopt(frame.row, frame.generation, true);
    for (const [call, code] of [
      [() => Channel.submit([], frame, 'read'), 'EINVAL'],
      [() => Channel.submit('x' as never, frame, 'read'), 'EINVAL'],
      [() => Channel.submit([{}] as never, frame, 'read'), 'EINVAL'],
      [() => Channel.submit([x], frame, 'kernel' as never), 'EINVAL'],
      [() => Channel.submit([x], {} as never, 'read'), 'EINVAL'],
      [() => Channel.submit([x], b.heap.alloc(1), 'read'), 'EXDEV'],
      [() => Channel.submit([y, x], frame, 'read', { meta: 'long' }), 'ENOSPC'],
      [() => Channel.submit([x], frame, 'read', { tag: 1.5 }), 'EINVAL'],
      [() => Channel.submit([x], frame, 'read', { timeout: -1 }), 'EINVAL'],
      [() => Channel.submit([x], readOnly as DmaBuf, 'write'), 'EACCES'],
    ] as const) {
      expect(await endOf(call())).toBe(code);
    }
    readOnly?.close();
    expect(await endOf(Channel.submit([x], readOnly as DmaBuf, 'read'))).toBe('ESTALE');
    y.close();
    expect(await endOf(Channel.submit([x, y], frame, 'read'))).toBe('ESTALE');
    expect(x.queued).toBe(0);
  });

  it('leaves fences whose messages queue alone when the submitter leaves', async () => {
    const { a, b } = cast();
    const [x, into] = lane(a, b, 'x');
    const frame = a.heap.alloc(1);
    const theirs = b.buffers.adopt(frame.row, frame.generation);
    await Channel.submit([x], frame, 'write');
    a.leave();
    expect(theirs?.resv.fences('write').length).toBe(1);
    taken(into).done();
    expect(theirs?.resv.fences('write').length).toBe(0);
    expect(theirs?.resv.writeError()).toBeNull();
  });
});
