// SPDX-License-Identifier: MIT
/** Somebody at the socket of a domain that should not be let in, while the domain works; and users who were named. */
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { DmaBufError, Domain, type DomainEventMap, type DomainOptions, MiB } from 'dmabuf';
import { afterEach, describe, expect, test } from 'vitest';
import { encode } from '../../dist/host/broker/messages.js';
import { PacketSocket } from '../../dist/host/linux/packet-socket.js';
import { turnsUntil } from '../threads/support/turns.js';
import { withDomain } from '../threads/support/with-domain.js';
import { withPlace } from './support/place.js';
import { Stranger } from './support/stranger.js';
import { endTrade, trade } from './support/trade.js';

const NOBODY = 65_534;
const asNobody = { uid: NOBODY, gid: NOBODY };

afterEach(() => Stranger.endAll());

/** A domain at a place that everybody reaches, if its socket lets him. */
const withReachable = (
  options: DomainOptions,
  check: (domain: Domain, place: string) => Promise<void>,
): Promise<void> =>
  withPlace(async (place) => {
    chmodSync(path.dirname(place), 0o711);
    await withDomain({ processes: place, ...options }, (domain) => check(domain, place));
  });

test('who sends what no member sends is refused, the domain is told, and its members notice nothing', () =>
  withReachable({}, async (domain, place) => {
    const refused: DomainEventMap['refused'][] = [];
    domain.on('refused', (event) => refused.push(event));
    const stranger = Stranger.start('channels.mjs', place, 'echo', { sync: false });
    await trade(domain, 10, false);
    const bye = encode({ type: 'BYE' });
    const sent = [Uint8Array.of(1, 2, 3), new Uint8Array(65_536), bye, bye.subarray(1)];
    for (const packet of sent) {
      const socket = PacketSocket.connect(place);
      socket.send(packet);
      await turnsUntil(() => socket.receive() !== 'later');
      socket.close();
    }
    await turnsUntil(() => refused.length === sent.length);
    const us = { pid: process.pid, user: process.geteuid?.() };
    for (const event of refused) expect(event).toMatchObject({ ...us, why: /^EPROTO: / as never });
    await trade(domain, 10, false);
    endTrade(domain);
    await stranger.finished();
  }));

describe.runIf(process.geteuid?.() === 0)('another user', () => {
  test('who was not named does not get in', () =>
    withReachable({}, async (domain, place) => {
      const stranger = Stranger.start('members.mjs', place, 'report', {}, asNobody);
      await expect(stranger.finished()).rejects.toThrow('ended: 1');
      expect(stranger.error).toMatchObject({
        message: expect.stringMatching(/EACCES: Domain.join: this user may not/) as never,
      });
      expect(domain.snapshot().members).toHaveLength(1);
    }));

  test('who was named trades frames, and is missed when killed', () =>
    withReachable({ users: [NOBODY] }, async (domain, place) => {
      const lost: string[] = [];
      domain.on('member-lost', ({ member }) => lost.push(member));
      const stranger = Stranger.start('channels.mjs', place, 'echo', { sync: false }, asNobody);
      await trade(domain, 10, false);
      endTrade(domain);
      await stranger.finished();
      const second = Stranger.start('members.mjs', place, 'report', {}, asNobody);
      const { agent } = (await second.hear('report')) as { readonly agent: string };
      second.signal('SIGKILL');
      await turnsUntil(() => lost.length === 1);
      expect(lost).toEqual([agent]);
      await turnsUntil(() => domain.snapshot().members.length === 1);
    }));

  test('who was named does not become the broker: a process of the domain’s own user does', () =>
    withPlace(async (place) => {
      chmodSync(path.dirname(place), 0o711);
      const users = [NOBODY];
      const domain = await Domain.create({ processes: place, users, heap: 4 * MiB });
      const named = Stranger.start('members.mjs', place, 'report', {}, asNobody);
      await named.hear('report');
      const ours = Stranger.start('members.mjs', place, 'report');
      await ours.hear('report');
      await domain.close();
      await using again = await joinAgain(place);
      expect(again.snapshot().members).toHaveLength(3);
      const late = Stranger.start('members.mjs', place, 'report', {}, asNobody);
      await late.hear('report');
      for (const one of [named, late, ours]) {
        one.tell('end');
        await one.finished();
      }
    }));
});

/** As soon as somebody listens there. */
async function joinAgain(place: string): Promise<Domain> {
  for (;;) {
    try {
      return await Domain.join(place);
    } catch (error) {
      if (!DmaBufError.is(error, 'ENOENT')) throw error;
      await turnsUntil(() => true);
    }
  }
}
