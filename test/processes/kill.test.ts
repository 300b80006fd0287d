// SPDX-License-Identifier: MIT
/** kill() resolves when everything that the process had is free: what is looked at next needs no waiting. */
import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { type DomainEventMap, type Share } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { DEAD, holder } from '../threads/support/mortal.js';
import { withDomain } from '../threads/support/with-domain.js';

describe('when kill() of a process resolves', () => {
  test('its locks are free, its fences have failed, it is no member, and is told as lost', () =>
    withDomain({}, async (domain) => {
      using locked = domain.alloc(4096);
      using owed = domain.alloc(4096);
      const lost: DomainEventMap['member-lost'][] = [];
      domain.on('member-lost', (event) => lost.push(event));
      const one = await holder(domain, 'lock', [locked]);
      const two = await holder(domain, 'fence', [owed], { usage: 'write' });
      const [fence] = owed.resv.fences('write');
      await Promise.all([one.member.kill(), two.member.kill()]);
      // From here on nothing is awaited.
      expect(locked.resv.locked).toBe(false);
      expect(() => locked.resv.tryLock()).toThrow(expect.objectContaining(DEAD));
      expect(fence).toMatchObject({ signaled: true, error: 'EOWNERDEAD' });
      expect(domain.members).toEqual([]);
      expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main']);
      expect(new Set(lost.map(({ member }) => member))).toEqual(new Set([one.name, two.name]));
    }));

  test('its references and buffers are gone', () =>
    withDomain({}, async (domain) => {
      using one = domain.alloc(4096);
      using two = domain.alloc(4096);
      using pool = domain.pool({ name: 'frames', count: 3, size: 4096 });
      const actor = await holder(domain, 'references', [one, two]);
      await actor.member.kill();
      expect(pool.free).toBe(3);
      for (const { refs, attachments } of domain.snapshot().buffers) {
        expect(Object.keys(refs).filter((name) => name !== 'main')).toEqual([]);
        expect(attachments).toEqual([]);
      }
      using lane = domain.channel('unread');
      lane.tryReceive()?.done();
    }));

  test('the ticket that it has never opened is released', () =>
    withDomain({}, async (domain) => {
      const actor = await holder(domain, 'nothing');
      const buf = domain.alloc(4096);
      const share: Share = buf.share({ to: actor.member });
      buf.close();
      await actor.member.kill();
      await domain.idle();
      expect(domain.snapshot().buffers).toEqual([]);
      await expect(domain.open(share)).rejects.toMatchObject({ code: 'ESTALE' });
    }));
});

test('processes that come and go leave no descriptor behind', () =>
  withDomain({}, async (domain) => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const life = async (way: 'SIGKILL' | 'process.exit'): Promise<void> => {
      await (await holder(domain, 'nothing')).die(way);
    };
    // The place of a doorbell is kept for the next one.
    const most = open() + 1;
    for (let n = 0; n < 4; n++) await life(n % 2 === 0 ? 'SIGKILL' : 'process.exit');
    // The broker hears of an end by itself, maybe a moment later.
    while (open() > most) await turn();
  }));

test('data of any size reach a process', () =>
  withDomain({}, async (domain) => {
    const text = 'x'.repeat(2 ** 20);
    const actor = await Actor.start(domain, 'members.mjs', 'report', { text });
    expect(await actor.hear('report')).toMatchObject({ data: { text } });
    actor.tell('end');
    await actor.finished();
  }));
