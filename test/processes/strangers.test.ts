// SPDX-License-Identifier: MIT
/** Programs that nobody here has started join a domain by its place. */
import { rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { Domain, type DomainSnapshot } from 'dmabuf';
import { afterEach, describe, expect, test } from 'vitest';
import { DEAD, lockIsSound } from '../threads/support/mortal.js';
import { turnsUntil } from '../threads/support/turns.js';
import { withDomain } from '../threads/support/with-domain.js';
import { withPlace } from './support/place.js';
import { Stranger } from './support/stranger.js';
import { endTrade, trade } from './support/trade.js';

afterEach(() => Stranger.endAll());

/** Of a member that we have not started. */
const strangersOf = (domain: Domain): DomainSnapshot['members'] =>
  domain.snapshot().members.filter(({ name }) => name !== domain.agent);

const withOpenDomain = (check: (domain: Domain, place: string) => Promise<void>): Promise<void> =>
  withPlace((place) => withDomain({ processes: place }, (domain) => check(domain, place)));

describe('a program that joins by a path', () => {
  test('is a member, though none of ours, and leaves again', () =>
    withOpenDomain(async (domain, place) => {
      const stranger = Stranger.start('members.mjs', place, 'report');
      const report = (await stranger.hear('report')) as { agent: string; name: string; id: number };
      expect(report).toMatchObject({ name: domain.name, id: stranger.pid });
      expect(strangersOf(domain)).toMatchObject([
        { name: report.agent, as: 'process', id: stranger.pid },
      ]);
      expect(domain.members).toEqual([]);
      stranger.tell('end');
      await stranger.finished();
      expect(strangersOf(domain)).toEqual([]);
    }));

  test('trades frames with who made the domain', () =>
    withOpenDomain(async (domain, place) => {
      for (const sync of [true, false]) {
        const stranger = Stranger.start('channels.mjs', place, 'echo', { sync });
        // Whoever blocks lets nobody in.
        await trade(domain, 1, false);
        await trade(domain, 100, sync);
        endTrade(domain);
        await stranger.finished();
      }
    }));

  test('is killed: its lock passes on', () =>
    withOpenDomain(async (domain, place) => {
      using buf = domain.alloc(4096);
      const data = { what: 'lock', buffers: [buf.share()] };
      const stranger = Stranger.start('death.mjs', place, 'holder', data);
      await stranger.hear('ready');
      const next = buf.resv.lock();
      stranger.signal('SIGKILL');
      await expect(next).rejects.toMatchObject(DEAD);
      {
        using lock = await buf.resv.lock({ recover: true });
        lock.markConsistent();
      }
      await lockIsSound(buf);
      await turnsUntil(() => strangersOf(domain).length === 0);
    }));

  test('is killed while we are blocked on its lock: we recover without our event loop', () =>
    withOpenDomain(async (domain, place) => {
      using buf = domain.alloc(4096);
      const data = { what: 'lock', buffers: [buf.share()] };
      const stranger = Stranger.start('death.mjs', place, 'ambush', data);
      await stranger.hear('ready');
      expect(() => buf.resv.lockSync({ timeout: 15_000 })).toThrow(expect.objectContaining(DEAD));
      using lock = await buf.resv.lock({ recover: true });
      lock.markConsistent();
    }));

  test('finds it in a directory that is its user’s alone, made for it', () =>
    withPlace(async (beside) => {
      const place = path.join(`${beside}.d`, 'domain.sock');
      const domain = await Domain.create({ processes: place });
      expect(statSync(path.dirname(place)).mode & 0o777).toBe(0o700);
      const stranger = Stranger.start('members.mjs', place, 'live');
      await turnsUntil(() => strangersOf(domain).length === 1);
      stranger.tell('end');
      await stranger.finished();
      await domain.close();
      // The next one finds it there, and nothing in it.
      rmdirSync(path.dirname(place));
    }));
});

test('a domain without a path cannot be joined by one, and leaves nothing in the file system', () =>
  withDomain({}, async () => {
    await expect(Domain.join('/nowhere/dmabuf.sock')).rejects.toMatchObject({ code: 'ENOENT' });
  }));
