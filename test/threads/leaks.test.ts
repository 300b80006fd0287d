// SPDX-License-Identifier: MIT
/** What a test leaves behind fails it: the helper that all tests here stand on, and the leak events behind it. */
import { setImmediate as turn } from 'node:timers/promises';
import { Domain, type DomainEventMap } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { withDomain } from './support/with-domain.js';

const collect = globalThis.gc;

describe('a test', () => {
  test('control: that closes what it opened passes', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      using lock = await buf.resv.lock();
      expect(lock.held).toBe(true);
    }));

  for (const [what, leave] of [
    ['buffer', async (domain: Domain) => void domain.alloc(4096, { name: 'lost' })],
    [
      'lock',
      async (domain: Domain) => {
        using buf = domain.alloc(4096, { name: 'lost' });
        await buf.resv.lock();
      },
    ],
    [
      'mapping',
      async (domain: Domain) => {
        using buf = domain.alloc(4096, { name: 'lost' });
        const attachment = await buf.attach('screen');
        await attachment.map('to-device');
      },
    ],
    [
      'message',
      async (domain: Domain) => {
        using buf = domain.alloc(4096, { name: 'lost' });
        using lane = domain.channel('lane');
        await lane.send(buf);
      },
    ],
    [
      'ticket',
      async (domain: Domain) => {
        using buf = domain.alloc(4096, { name: 'lost' });
        buf.share();
      },
    ],
  ] as const) {
    test(`that leaves a ${what} behind fails, and says which and where it was made`, async () => {
      const failed = await withDomain({}, leave).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(Error);
      const { message } = failed as Error;
      expect(message).toContain('lost');
      if (what !== 'message' && what !== 'ticket') expect(message).toContain('leaks.test.ts');
    });
  }

  test('that leaves a member behind fails', async () => {
    const left = withDomain({}, async (domain) => {
      await Actor.start(domain, 'members.mjs', 'live');
    });
    await expect(left).rejects.toThrow(/member live/);
  });

  test('that fails says why, and not what it left behind', async () => {
    const failed = withDomain({}, async (domain) => {
      domain.alloc(4096);
      throw new TypeError('the reason');
    });
    await expect(failed).rejects.toThrow(new TypeError('the reason'));
  });
});

describe('a handle that is collected while open', () => {
  /** Collects until something was told, or nothing comes of it. */
  async function untilTold(told: readonly unknown[]): Promise<void> {
    for (let round = 0; round < 200 && told.length === 0; round++) {
      collect?.();
      await turn();
    }
  }

  for (const debug of [true, false]) {
    test(`is told as a leak, ${debug ? 'with the stack that made it' : 'without a stack'}`, async () => {
      await using domain = await Domain.create({ heap: 2 ** 20, debug });
      const leaks: DomainEventMap['leak'][] = [];
      domain.on('leak', (leak) => leaks.push(leak));
      const id = (() => domain.alloc(4096).id)();
      await untilTold(leaks);
      expect(leaks).toHaveLength(1);
      expect(leaks[0]?.id).toBe(id);
      if (debug) expect(leaks[0]?.stack).toContain('leaks.test.ts');
      else expect(leaks[0]?.stack).toBe(undefined);
    });
  }

  test('gives its memory back', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    const leaks: DomainEventMap['leak'][] = [];
    domain.on('leak', (leak) => leaks.push(leak));
    (() => void domain.alloc(4096))();
    await untilTold(leaks);
    await domain.idle();
    expect(domain.snapshot().buffers).toEqual([]);
    expect(domain.heap('system').used).toBe(0);
  });

  test('and is a lock passes it on, and tells the next holder', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    const leaks: DomainEventMap['leak'][] = [];
    domain.on('leak', (leak) => leaks.push(leak));
    using buf = domain.alloc(4096);
    (() => void buf.resv.lockSync())();
    const next = buf.resv.lock({ recover: true });
    await untilTold(leaks);
    expect(leaks).toMatchObject([{ kind: 'ResvLock' }]);
    using lock = await next;
    expect(lock.ownerDied).toBe(true);
  });

  test('that was closed is no leak', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    const leaks: DomainEventMap['leak'][] = [];
    domain.on('leak', (leak) => leaks.push(leak));
    (() => domain.alloc(4096).close())();
    await untilTold(leaks);
    expect(leaks).toEqual([]);
  });
});
