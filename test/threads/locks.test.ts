// SPDX-License-Identifier: MIT
/** Reservation locks between real threads: mutual exclusion, and many locks at once without deadlock. */
import type { DmaBuf, Domain } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { changers, closeAll, counts, makeBuffers } from './support/changers.js';
import { withDomain } from './support/with-domain.js';

const THREADS = 4;

/** As often as it takes for threads to meet within the lock, over and over. */
const ROUNDS = { lockSync: 20_000, lock: 5000, tryLock: 2000, lockAllSync: 20_000, lockAll: 5000 };

describe('one lock', () => {
  for (const [how, rounds] of Object.entries(ROUNDS)) {
    test(`keeps ${THREADS} threads apart that take it by ${how}`, () =>
      withDomain({}, async (domain) => {
        const buffers = makeBuffers(domain, 1);
        await changers(domain, buffers, THREADS, { how, rounds });
        expect(await counts(buffers)).toEqual([THREADS * rounds]);
        closeAll(buffers);
      }));
  }

  test('keeps blocking, awaiting and trying threads apart from each other', () =>
    withDomain({}, async (domain) => {
      const buffers = makeBuffers(domain, 1);
      const rounds = 2000;
      const hows = Object.keys(ROUNDS);
      await Promise.all(hows.map((how) => changers(domain, buffers, 1, { how, rounds })));
      expect(await counts(buffers)).toEqual([hows.length * rounds]);
      closeAll(buffers);
    }));

  test('shared by two buffers is one lock', () =>
    withDomain({}, async (domain) => {
      const resv = domain.reservation();
      using one = domain.alloc(4096, { resv });
      using two = domain.alloc(4096, { resv });
      const rounds = 300;
      const both = [one, two];
      await Promise.all([
        changers(domain, [one], 2, { how: 'lockSync', rounds }),
        changers(domain, both, 2, { how: 'lockAllSync', rounds }),
      ]);
      expect(await counts(both)).toEqual([4 * rounds, 2 * rounds]);
    }));
});

describe(`${THREADS} threads, 8 locks in random orders`, () => {
  for (const how of ['lockAllSync', 'lockAll']) {
    test(`by ${how}: everybody finishes, nothing is torn`, () =>
      withDomain({}, async (domain) => {
        const buffers = makeBuffers(domain, 8);
        const rounds = 200;
        await changers(domain, buffers, THREADS, { how, rounds });
        expect(await counts(buffers)).toEqual(buffers.map(() => THREADS * rounds));
        closeAll(buffers);
      }));
  }

  for (const algorithm of ['wait-die', 'wound-wait']) {
    for (const sync of [true, false]) {
      test(`by hand, ${algorithm}, ${sync ? 'blocking' : 'awaiting'}: everybody finishes, nothing is torn`, () =>
        withDomain({}, async (domain) => {
          const buffers = makeBuffers(domain, 8);
          const rounds = 200;
          const data = { how: 'byHand', strategy: 'inorder', algorithm, sync, rounds };
          await changers(domain, buffers, THREADS, data);
          expect(await counts(buffers)).toEqual(buffers.map(() => THREADS * rounds));
          closeAll(buffers);
        }));
    }
  }
});

describe('a ring of threads', () => {
  for (const algorithm of ['wait-die', 'wound-wait']) {
    for (const size of [2, 3, 4]) {
      test(`of ${size}, each owns one lock and wants the next (${algorithm}): all get both`, () =>
        withDomain({}, async (domain) => {
          const buffers = makeBuffers(domain, size);
          const actors = await Promise.all(
            buffers.map((_, n) => ringMember(domain, buffers, n, algorithm)),
          );
          for (const actor of actors) await actor.hear('has one');
          for (const actor of actors) actor.tell('go on');
          await Promise.all(actors.map((actor) => actor.finished()));
          expect(await counts(buffers)).toEqual(buffers.map(() => 2));
          closeAll(buffers);
        }));
    }
  }
});

async function ringMember(
  domain: Domain,
  buffers: readonly DmaBuf[],
  n: number,
  algorithm: string,
): Promise<Actor> {
  const pair = [buffers[n], buffers[(n + 1) % buffers.length]];
  const shares = pair.flatMap((buf) => (buf === undefined ? [] : [buf.share()]));
  return Actor.start(domain, 'locks.mjs', 'cycle', { buffers: shares, algorithm });
}
