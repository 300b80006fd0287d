// SPDX-License-Identifier: MIT
/** Threads of a member process: each is an agent of its own, and may die alone, or with its process. */
import type { DmaBuf, Domain } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, WAYS } from '../threads/support/actor.js';
import { DEAD, lockIsSound } from '../threads/support/mortal.js';
import { withDomain } from '../threads/support/with-domain.js';

const SCRIPT = '../../processes/programs/inside.mjs';

/** A process holds `mine`, and its thread `inner`. */
async function withBoth(
  check: (all: { domain: Domain; actor: Actor; mine: DmaBuf; inner: DmaBuf }) => Promise<void>,
): Promise<void> {
  await withDomain({}, async (domain) => {
    using mine = domain.alloc(4096, { name: 'mine' });
    using inner = domain.alloc(4096, { name: 'inner' });
    const data = { mine: mine.share(), inner: inner.share() };
    const actor = await Actor.start(domain, SCRIPT, 'both', data);
    await actor.hear('ready');
    await check({ domain, actor, mine, inner });
  });
}

async function recovered(buf: DmaBuf): Promise<void> {
  await expect(buf.resv.lock()).rejects.toMatchObject(DEAD);
  {
    using lock = await buf.resv.lock({ recover: true });
    lock.markConsistent();
  }
  await lockIsSound(buf);
}

describe('a thread inside of a member process', () => {
  test('is a member as any other', () =>
    withBoth(async ({ domain, actor }) => {
      const { members } = domain.snapshot();
      expect(members.map(({ name, as }) => [name, as])).toEqual([
        ['main', 'process'],
        [actor.name, 'process'],
        ['inner', 'thread'],
      ]);
      await actor.member.kill();
    }));

  for (const way of ['terminate', ...WAYS.slice(1)]) {
    test(`dies alone (${way}): its lock passes on, and its process goes on`, () =>
      withBoth(async ({ actor, mine, inner }) => {
        actor.tell(way);
        expect(await actor.hear('over')).toBe(2);
        expect([mine.resv.locked, inner.resv.locked]).toEqual([true, false]);
        await recovered(inner);
        actor.tell('end');
        await actor.finished();
        await lockIsSound(mine);
      }));
  }

  test('dies with its process: all that both had is recovered when that is gone', () =>
    withBoth(async ({ domain, actor, mine, inner }) => {
      await actor.member.kill();
      expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main']);
      expect([mine.resv.locked, inner.resv.locked]).toEqual([false, false]);
      await recovered(mine);
      await recovered(inner);
    }));
});
