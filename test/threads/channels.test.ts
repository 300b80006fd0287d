// SPDX-License-Identifier: MIT
/** Channels between real threads: order, sharing, ends, back-pressure, drops, many messages. */
import { Channel, type DmaBuf, type Domain, type Fence } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { parked, turnsUntil, untilBlocked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

const MESSAGES = 2000;
const PING_PONGS = 10_000;

const upTo = (end: number, first = 0): number[] => Array.from({ length: end }, (_, n) => first + n);

/** Ends a blocking call that would hang the whole run, and decides nothing. */
const NET = { timeout: 15_000 };

async function receiveAll(lane: Channel, sync: boolean): Promise<number[]> {
  const tags: number[] = [];
  if (!sync) {
    for await (using job of lane) {
      if (job.meta !== null) expect(job.meta).toEqual({ tag: job.tag });
      tags.push(job.tag);
    }
    return tags;
  }
  for (;;) {
    try {
      using job = lane.receiveSync(NET);
      tags.push(job.tag);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EPIPE' });
      return tags;
    }
  }
}

describe('order', () => {
  for (const sender of ['blocking', 'awaiting']) {
    for (const receiver of ['blocking', 'awaiting']) {
      test(`${MESSAGES} messages of a ${sender} sender reach a ${receiver} receiver in order`, () =>
        withDomain({}, async (domain) => {
          using buf = domain.alloc(4096);
          using lane = domain.channel('lane', { capacity: 4 });
          const actor = await Actor.start(domain, 'channels.mjs', 'sender', {
            lane: 'lane',
            first: 0,
            messages: MESSAGES,
            end: true,
            sync: sender === 'blocking',
            buffers: [buf.share()],
          });
          expect(await receiveAll(lane, receiver === 'blocking')).toEqual(upTo(MESSAGES));
          await actor.finished();
        }));

      test(`${MESSAGES} messages from us reach a ${receiver} thread in order (${sender})`, () =>
        withDomain({}, async (domain) => {
          using buf = domain.alloc(4096);
          using lane = domain.channel('lane', { capacity: 4 });
          const data = { lane: 'lane', sync: receiver === 'blocking' };
          const actor = await Actor.start(domain, 'channels.mjs', 'receiver', data);
          await actor.hear('ready');
          for (let tag = 0; tag < MESSAGES; tag++) {
            if (sender === 'blocking') lane.sendSync(buf, { ...NET, tag });
            else await lane.send(buf, { tag });
          }
          lane.end();
          expect(await actor.hear('tags')).toEqual(upTo(MESSAGES));
          await actor.finished();
        }));
    }
  }
});

describe('several parties', () => {
  test('three receivers share: each message reaches one of them, in order', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using lane = domain.channel('lane', { capacity: 8 });
      const kinds = [true, false, true];
      const actors = await Promise.all(
        kinds.map((sync) =>
          Actor.start(domain, 'channels.mjs', 'receiver', { lane: 'lane', sync }),
        ),
      );
      for (const actor of actors) await actor.hear('ready');
      for (let tag = 0; tag < MESSAGES; tag++) await lane.send(buf, { tag });
      lane.end();
      const received: number[][] = [];
      for (const actor of actors) received.push((await actor.hear('tags')) as number[]);
      for (const tags of received) expect(tags).toEqual(tags.toSorted((a, b) => a - b));
      expect(received.flat().toSorted((a, b) => a - b)).toEqual(upTo(MESSAGES));
      for (const actor of actors) await actor.finished();
    }));

  test('three senders: nothing is lost or twice, and each keeps its order', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using lane = domain.channel('lane', { capacity: 4 });
      const senders = [0, 1, 2].map((n) =>
        Actor.start(domain, 'channels.mjs', 'sender', {
          lane: 'lane',
          first: n * 1_000_000,
          messages: MESSAGES / 2,
          end: false,
          sync: n !== 1,
          buffers: [buf.share()],
        }),
      );
      const tags: number[] = [];
      while (tags.length < 3 * (MESSAGES / 2)) {
        using job = await lane.receive();
        tags.push(job.tag);
      }
      for (const [n, sender] of senders.entries()) {
        const own = tags.filter((tag) => Math.floor(tag / 1_000_000) === n);
        expect(own).toEqual(upTo(MESSAGES / 2, n * 1_000_000));
        await (await sender).finished();
      }
      expect(lane.tryReceive()).toBe(null);
    }));
});

describe('ping-pong', () => {
  for (const sync of [true, false]) {
    const title = `${PING_PONGS} round trips, ${sync ? 'blocking' : 'awaiting'}, lose nothing`;
    test(title, { timeout: 60_000 }, () =>
      withDomain({}, async (domain) => {
        using frame = domain.alloc(4096);
        using ping = domain.channel('ping');
        using pong = domain.channel('pong');
        const actor = await Actor.start(domain, 'channels.mjs', 'echo', { sync });
        for (let tag = 0; tag < PING_PONGS; tag++) {
          if (sync) ping.sendSync(frame, { ...NET, tag });
          else await ping.send(frame, { tag });
          using job = sync ? pong.receiveSync(NET) : await pong.receive();
          using cpu = sync ? job.cpuAccessSync('read', NET) : await job.cpuAccess('read');
          const [trips] = cpu.as(Int32Array, { length: 4 });
          if (job.tag !== tag || trips !== tag + 1) throw new Error(`${tag}: ${job.tag}, ${trips}`);
        }
        ping.end();
        await actor.finished();
        expect([ping.queued, pong.queued]).toEqual([0, 0]);
      }),
    );
  }
});

describe('the end', () => {
  test('comes after what is queued; then receiving and sending is EPIPE, in every thread', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using lane = domain.channel('lane');
      for (const tag of [1, 2, 3]) lane.sendSync(buf, { ...NET, tag });
      lane.end();
      lane.end();
      const late = await Actor.start(domain, 'channels.mjs', 'lateSender', {
        lane: 'lane',
        sync: false,
        buffers: [buf.share()],
      });
      await late.hear('waiting');
      expect(await late.hear('refused')).toBe('EPIPE');
      await late.finished();
      const receiver = await Actor.start(domain, 'channels.mjs', 'receiver', {
        lane: 'lane',
        sync: false,
      });
      await receiver.hear('ready');
      expect(await receiver.hear('tags')).toEqual([1, 2, 3]);
      await receiver.finished();
      const epipe = { code: 'EPIPE' };
      await expect(lane.send(buf)).rejects.toMatchObject(epipe);
      await expect(lane.receive()).rejects.toMatchObject(epipe);
      await expect(Channel.submit([lane], buf, 'write')).rejects.toMatchObject(epipe);
      expect(() => lane.trySend(buf)).toThrow(expect.objectContaining(epipe));
      for await (using job of lane) throw new Error(`${job.tag} came after the end`);
    }));

  for (const sync of [true, false]) {
    test(`wakes those who wait to ${sync ? 'send, blocked' : 'send, awaiting'}, with EPIPE`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(4096);
        using lane = domain.channel('lane', { capacity: 1 });
        lane.sendSync(buf, { tag: 1 });
        const data = { lane: 'lane', sync, buffers: [buf.share()] };
        const sender = await Actor.start(domain, 'channels.mjs', 'lateSender', data);
        await sender.waits(sync);
        lane.end();
        expect(await sender.hear('refused')).toBe('EPIPE');
        await sender.finished();
        expect(await receiveAll(lane, false)).toEqual([1]);
      }));

    test(`ends the loops of those who wait to ${sync ? 'receive, blocked' : 'receive, awaiting'}`, () =>
      withDomain({}, async (domain) => {
        using lane = domain.channel('lane');
        const data = { lane: 'lane', sync };
        const receiver = await Actor.start(domain, 'channels.mjs', 'receiver', data);
        await receiver.hear('ready');
        if (sync) await untilBlocked(domain, receiver.name);
        lane.end();
        expect(await receiver.hear('tags')).toEqual([]);
        await receiver.finished();
      }));
  }
});

describe('a full channel', () => {
  test('makes senders wait until there is room', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using lane = domain.channel('lane', { capacity: 2 });
      const taker = await Actor.start(domain, 'channels.mjs', 'onDemand', { lane: 'lane' });
      await taker.hear('ready');
      expect([0, 1, 2].map((tag) => lane.trySend(buf, { tag }))).toEqual([true, true, false]);
      const sender = await Actor.start(domain, 'channels.mjs', 'lateSender', {
        lane: 'lane',
        sync: true,
        buffers: [buf.share()],
      });
      await sender.waits(true);
      let over = false;
      const ours = lane.send(buf, { tag: 3 }).then(() => {
        over = true;
      });
      await parked();
      expect([lane.queued, over]).toEqual([2, false]);
      taker.tell('take');
      expect(await taker.hear('took')).toBe(0);
      // First come, first served: the blocked thread has waited for longer.
      await sender.hear('sent');
      await sender.finished();
      expect(lane.queued).toBe(2);
      taker.tell('take');
      expect(await taker.hear('took')).toBe(1);
      await ours;
      for (const tag of [99, 3]) {
        taker.tell('take');
        expect(await taker.hear('took')).toBe(tag);
      }
      taker.tell('stop');
      await taker.finished();
      expect(lane).toMatchObject({ queued: 0, dropped: 0, capacity: 2 });
    }));

  for (const [onFull, kept] of [
    ['drop-oldest', [3, 4]],
    ['drop-new', [0, 1]],
  ] as const) {
    test(`with ${onFull} never waits, and counts what is gone`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(4096);
        using lane = domain.channel('view', { capacity: 2, onFull });
        const taker = await Actor.start(domain, 'channels.mjs', 'onDemand', { lane: 'view' });
        await taker.hear('ready');
        const fences: Fence[] = [];
        for (let tag = 0; tag < 5; tag++) {
          fences.push(...(await Channel.submit([lane], buf, 'read', { tag })));
        }
        expect(lane).toMatchObject({ queued: 2, dropped: 3 });
        for (const tag of kept) {
          taker.tell('take');
          expect(await taker.hear('took')).toBe(tag);
        }
        for (const [tag, fence] of fences.entries()) {
          if (kept.some((one) => one === tag)) await fence.wait();
          else await expect(fence.wait()).rejects.toMatchObject({ code: 'ECANCELED' });
        }
        lane.sendSync(buf, { tag: 5 });
        taker.tell('take');
        expect(await taker.hear('took')).toBe(5);
        taker.tell('stop');
        await taker.finished();
      }));
  }
});

describe('submit', () => {
  async function filters(domain: Domain, count: number): Promise<readonly [Channel[], Actor[]]> {
    const lanes = upTo(count).map((n) => domain.channel(`filter ${n}`, { capacity: 2 }));
    const actors = await Promise.all(
      lanes.map(({ name }, bit) =>
        Actor.start(domain, 'channels.mjs', 'filter', { lane: name, bit }),
      ),
    );
    for (const actor of actors) await actor.hear('ready');
    return [lanes, actors];
  }

  async function firstWord(buf: DmaBuf): Promise<number> {
    using cpu = await buf.cpuAccess('read');
    return cpu.as(Int32Array, { length: 4 })[0] ?? -1;
  }

  test('lets three threads write side by side, and readers wait for all of them', () =>
    withDomain({}, async (domain) => {
      const [lanes, actors] = await filters(domain, 3);
      using pool = domain.pool({ name: 'frames', count: 2, size: 4096 });
      for (let tag = 0; tag < 100; tag++) {
        using frame = await pool.acquire();
        {
          using cpu = await frame.cpuAccess('write');
          cpu.bytes.fill(0);
        }
        const done = await Channel.submit(lanes, frame, 'write', { tag });
        expect(done).toHaveLength(3);
        expect(await firstWord(frame)).toBe(0b111);
        expect(done.map(({ signaled, error }) => [signaled, error])).toEqual(
          done.map(() => [true, null]),
        );
      }
      for (const lane of lanes) lane.end();
      for (const actor of actors) await actor.finished();
      for (const lane of lanes) lane.close();
    }));

  for (const [how, usage, outcome] of [
    ['done', 'write', null],
    ['fail', 'write', 'EIO'],
    ['dispose', 'write', 'ECANCELED'],
    ['dispose', 'read', null],
  ] as const) {
    test(`for "${usage}" and ${how}: the fence says ${outcome ?? 'success'}`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(4096);
        using lane = domain.channel('lane');
        const data = { lane: 'lane', how };
        const actor = await Actor.start(domain, 'channels.mjs', 'ending', data);
        await actor.hear('ready');
        const [fence] = await Channel.submit([lane], buf, usage);
        const outcomes = await fence.wait().catch((error: unknown) => error);
        if (outcome === null) expect(outcomes).toBe(undefined);
        else expect(outcomes).toMatchObject({ code: outcome });
        expect(fence.error).toBe(outcome);
        if (usage === 'write' && outcome !== null) {
          await expect(buf.cpuAccess('read')).rejects.toMatchObject({ code: outcome });
        }
        actor.tell('end');
        await actor.finished();
      }));
  }

  test('that is aborted or comes too late has sent nothing to anybody', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using open = domain.channel('open', { capacity: 2 });
      using full = domain.channel('full', { capacity: 1 });
      full.sendSync(buf);
      const lanes = [open, full] as const;
      await expect(Channel.submit(lanes, buf, 'write', { timeout: 20 })).rejects.toMatchObject({
        code: 'ETIMEDOUT',
      });
      const control = new AbortController();
      const { signal } = control;
      const pending = Channel.submit(lanes, buf, 'write', { signal });
      const ended = expect(pending).rejects.toBe('changed my mind');
      await parked();
      control.abort('changed my mind');
      await ended;
      expect([open.queued, full.queued]).toEqual([0, 1]);
      expect(buf.resv.fences('bookkeep')).toEqual([]);
      expect(buf.resv.locked).toBe(false);
      full.tryReceive()?.done();
    }));
});

test('a message outlives its sender, who has left', () =>
  withDomain({}, async (domain) => {
    const source = domain.alloc(4096, { name: 'gift' });
    const sender = await Actor.start(domain, 'channels.mjs', 'sender', {
      lane: 'lane',
      first: 7,
      messages: 1,
      end: false,
      sync: true,
      buffers: [source.share()],
    });
    source.close();
    await sender.finished();
    await turnsUntil(() => domain.snapshot().members.length === 1);
    expect(domain.snapshot().buffers).toMatchObject([{ name: 'gift' }]);
    using lane = domain.channel('lane');
    using job = await lane.receive();
    expect(job).toMatchObject({ tag: 7, buf: { name: 'gift', size: 4096 } });
  }));
