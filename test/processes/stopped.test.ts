// SPDX-License-Identifier: MIT
/** A process that is stopped is not dead: what it holds is waited for, until its time is over or somebody kills it. */
import type { Share } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { Board } from '../threads/support/board.js';
import { DEAD, holder, lockIsSound } from '../threads/support/mortal.js';
import { parked } from '../threads/support/turns.js';
import { withDomain } from '../threads/support/with-domain.js';
import { resume, stop } from './support/stopping.js';

const late = { code: 'ETIMEDOUT' };
/** Milliseconds: a time-out that is tested, and long enough for whoever blocks to look for the dead. */
const SHORT = { timeout: 250 };

describe('the holder of a lock is stopped', () => {
  test('those who wait are too late; when it is killed the lock passes on', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      const { member } = await holder(domain, 'lock', [buf]);
      await stop(member.id);
      await expect(buf.resv.lock(SHORT)).rejects.toMatchObject(late);
      expect(() => buf.resv.lockSync(SHORT)).toThrow(expect.objectContaining(late));
      expect([buf.resv.locked, buf.resv.tryLock()]).toEqual([true, null]);
      const next = buf.resv.lock({ recover: true });
      await parked();
      await member.kill();
      {
        using lock = await next;
        expect(lock.ownerDied).toBe(true);
        lock.markConsistent();
      }
      await lockIsSound(buf);
    }));

  test('and goes on: it has lost nothing, and lets go', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using owed = domain.alloc(4096);
      using kernel = domain.alloc(4096);
      const buffers = [buf, owed, kernel].map((one) => one.share());
      const actor = await Actor.start(domain, 'obstacle.mjs', 'obstacle', { buffers });
      await actor.hear('ready');
      await stop(actor.member.id);
      await expect(buf.resv.lock(SHORT)).rejects.toMatchObject(late);
      await expect(owed.cpuAccess('read', SHORT)).rejects.toMatchObject(late);
      const waits = [buf.resv.lock(), owed.cpuAccess('read')] as const;
      await parked();
      resume(actor.member.id);
      actor.tell('let go');
      await actor.hear('let go');
      const [lock, cpu] = await Promise.all(waits);
      expect(lock.ownerDied).toBe(false);
      lock.unlock();
      cpu.end();
      actor.tell('end');
      await actor.finished();
    }));
});

test('who owes a fence is stopped: those who wait are too late; when it is killed the fence fails', () =>
  withDomain({}, async (domain) => {
    using buf = domain.alloc(4096);
    const { member } = await holder(domain, 'fence', [buf], { usage: 'write' });
    await stop(member.id);
    await expect(buf.cpuAccess('read', SHORT)).rejects.toMatchObject(late);
    const pending = expect(buf.cpuAccess('read')).rejects.toMatchObject(DEAD);
    await parked();
    await member.kill();
    await pending;
    using lock = await buf.resv.lock();
    lock.markConsistent();
  }));

test('an exporter is stopped: callers are too late; when it is killed they are told', () =>
  withDomain({}, async (domain) => {
    using tally = new Board(domain);
    const data = { tally: tally.share(), callTimeout: SHORT.timeout };
    const actor = await Actor.start(domain, 'exporters.mjs', 'exporter', data);
    using there = await domain.open((await actor.hear('ready')) as Share);
    await stop(actor.member.id);
    await expect(there.attach('enc')).rejects.toMatchObject(late);
    await actor.member.kill();
    await expect(there.attach('enc')).rejects.toMatchObject(DEAD);
  }));

test('the receiver of frames is stopped: the channel fills, and is received from when it goes on', () =>
  withDomain({}, async (domain) => {
    using buf = domain.alloc(4096);
    using lane = domain.channel('lane', { capacity: 2 });
    const data = { lane: 'lane', sync: true };
    const actor = await Actor.start(domain, 'channels.mjs', 'receiver', data);
    await actor.hear('ready');
    await stop(actor.member.id);
    for (const tag of [0, 1]) expect(lane.trySend(buf, { tag })).toBe(true);
    await expect(lane.send(buf, SHORT)).rejects.toMatchObject(late);
    const sending = lane.send(buf, { tag: 2 });
    await parked();
    resume(actor.member.id);
    await sending;
    lane.end();
    expect(await actor.hear('tags')).toEqual([0, 1, 2]);
    await actor.finished();
  }));
