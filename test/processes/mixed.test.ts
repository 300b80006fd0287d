// SPDX-License-Identifier: MIT
/** Threads of the process that made the domain, and processes, and threads of those: all in one domain. */
import { type DmaBuf, type Domain, MiB } from 'dmabuf';
import { expect, test } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { changers, closeAll, counts, makeBuffers } from '../threads/support/changers.js';
import type { Host } from '../threads/support/host.js';
import { DEAD } from '../threads/support/mortal.js';
import { withDomain } from '../threads/support/with-domain.js';

const HOSTS: readonly Host[] = ['thread', 'process'];

/** Agents of either kind change the buffers, all at once. */
async function bothChange(domain: Domain, buffers: readonly DmaBuf[], data: { how: string }) {
  const rounds = 500;
  await Promise.all(
    HOSTS.map((as) => changers(domain, buffers, 2, { ...data, rounds, algorithm: 'wait-die' }, as)),
  );
  expect(await counts(buffers)).toEqual(buffers.map(() => 4 * rounds));
}

for (const how of ['lockSync', 'lock', 'lockAllSync', 'lockAll']) {
  test(`locks keep threads and processes apart: ${how}`, () =>
    withDomain({}, async (domain) => {
      const buffers = makeBuffers(domain, how.startsWith('lockAll') ? 4 : 1);
      await bothChange(domain, buffers, { how });
      closeAll(buffers);
    }));
}

for (const sync of [true, false]) {
  for (const [from, to] of [
    ['thread', 'process'],
    ['process', 'thread'],
  ] as const) {
    test(`frames go from a ${from} to a ${to}, ${sync ? 'blocking' : 'awaiting'}`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(MiB);
        const lane = { lane: 'lane', sync };
        const receiver = await Actor.start(domain, 'channels.mjs', 'receiver', lane, to);
        await receiver.hear('ready');
        const more = { first: 0, messages: 1000, end: true, buffers: [buf.share()] };
        const data = { ...lane, ...more };
        const sender = await Actor.start(domain, 'channels.mjs', 'sender', data, from);
        expect(await receiver.hear('tags')).toEqual(Array.from({ length: 1000 }, (_, n) => n));
        await sender.finished();
        await receiver.finished();
      }));
  }
}

for (const [dies, waits] of [
  ['thread', 'process'],
  ['process', 'thread'],
] as const) {
  test(`a ${dies} dies with a lock: the ${waits} that is blocked for it gets it`, () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      const has = { what: 'lock', buffers: [buf.share()] };
      const holder = await Actor.start(domain, 'death.mjs', 'holder', has, dies);
      await holder.hear('ready');
      const wants = { sync: true, buffers: [buf.share()] };
      const heir = await Actor.start(domain, 'death.mjs', 'heir', wants, waits);
      await heir.waits(true);
      await holder.member.kill();
      expect(await heir.hear('got')).toBe(true);
      await heir.finished();
    }));
}

test('a process that a thread has spawned is killed: its lock passes on, and the thread goes on', () =>
  withDomain({}, async (domain) => {
    using buf = domain.alloc(4096);
    const script = '../../processes/programs/nested.mjs';
    const data = { buffers: [buf.share()] };
    const thread = await Actor.start(domain, script, 'parent', data, 'thread');
    const pid = Number(await thread.hear('ready'));
    const { members } = domain.snapshot();
    expect(members.map(({ name }) => name)).toEqual(['main', thread.name, 'nested']);
    process.kill(pid, 'SIGKILL');
    await expect(buf.resv.lock()).rejects.toMatchObject(DEAD);
    {
      using lock = await buf.resv.lock({ recover: true });
      lock.markConsistent();
    }
    thread.tell('end');
    await thread.finished();
  }));
