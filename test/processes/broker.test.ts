// SPDX-License-Identifier: MIT
/** The process that made a domain lets others in, and does nothing else for them. It may be stopped, leave, or die. */
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type DmaBuf, DmaBufError, Domain, type Share } from 'dmabuf';
import { afterEach, describe, expect, test } from 'vitest';
import { turnsUntil } from '../threads/support/turns.js';
import { withPlace } from './support/place.js';
import { resume, stop } from './support/stopping.js';
import { Stranger } from './support/stranger.js';
import { endTrade, trade } from './support/trade.js';

const MAKER = '../../processes/programs/maker.mjs';
const STAYS = new URL('programs/stays.mjs', import.meta.url);
const FRAMES = 1000;
/** As maker.mjs has it. */
const AGENTS = 8;
const DEAD = { code: 'EOWNERDEAD' };

afterEach(() => Stranger.endAll());

async function maker(place: string, scene: string): Promise<[Stranger, unknown]> {
  const made = Stranger.start(MAKER, place, scene);
  return [made, await made.hear('ready')];
}

const echo = (place: string, sync = false): Stranger =>
  Stranger.start('channels.mjs', place, 'echo', { sync });

/** As soon as somebody listens there. */
async function joinAgain(place: string): Promise<Domain> {
  for (;;) {
    try {
      return await Domain.join(place);
    } catch (error) {
      if (!DmaBufError.is(error, 'ENOENT')) throw error;
      await turn();
    }
  }
}

/** Another program comes in, and works. */
async function newcomerWorks(domain: Domain, place: string): Promise<void> {
  const second = await joinAgain(place);
  await second.close();
  const partner = echo(place);
  await trade(domain, 10, false);
  endTrade(domain);
  await partner.finished();
}

describe('the maker of a domain', () => {
  for (const sync of [true, false]) {
    test(`is stopped: two others trade ${FRAMES} frames, ${sync ? 'blocking' : 'awaiting'}`, () =>
      withPlace(async (place) => {
        const [broker] = await maker(place, 'lives');
        const partner = echo(place, sync);
        await using domain = await Domain.join(place);
        await trade(domain, 10, sync);
        await stop(broker.pid);
        await trade(domain, FRAMES, sync);
        resume(broker.pid);
        endTrade(domain);
        await partner.finished();
        broker.tell('end');
        await broker.finished();
      }));
  }

  test('is stopped: who would come in is too late, or gives up, and takes no place from others', () =>
    withPlace(async (place) => {
      const [broker] = await maker(place, 'lives');
      await using domain = await Domain.join(place);
      await stop(broker.pid);
      for (let n = 0; n < 2 * AGENTS; n++) {
        const late = Domain.join(place, { timeout: 20 });
        await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'Domain.join' });
      }
      const reason = new Error('not needed any more');
      const signal = AbortSignal.abort(reason);
      await expect(Domain.join(place, { signal })).rejects.toBe(reason);
      const control = new AbortController();
      const joining = Domain.join(place, { signal: control.signal });
      control.abort(reason);
      await expect(joining).rejects.toBe(reason);
      const failed = domain.spawn(new URL('programs/maker-child.mjs', import.meta.url), {
        as: 'process',
        timeout: 300,
      });
      await expect(failed).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'Domain.spawn' });
      resume(broker.pid);
      await newcomerWorks(domain, place);
      broker.tell('end');
      await broker.finished();
    }));

  test('is killed while another one is blocked: the third takes over', () =>
    withPlace(async (place) => {
      const [broker] = await maker(place, 'lives');
      const blocked = Stranger.start('channels.mjs', place, 'receiver', { lane: 'x', sync: true });
      await blocked.hear('ready');
      await using domain = await Domain.join(place);
      await turnsUntil(() =>
        domain.snapshot().members.some(({ waitingFor }) => waitingFor !== null),
      );
      broker.signal('SIGKILL');
      await broker.gone;
      await newcomerWorks(domain, place);
      using lane = domain.channel('x');
      lane.end();
      expect(await blocked.hear('tags')).toEqual([]);
      await blocked.finished();
    }));

  test('is killed: what it had is recovered, what it sent arrives, the others go on and let others in', () =>
    withPlace(async (place) => {
      const [broker, said] = await maker(place, 'owns');
      const shares = said as { readonly locked: Share; readonly owed: Share };
      const partner = echo(place);
      await using domain = await Domain.join(place);
      using locked = await domain.open(shares.locked);
      using owed = await domain.open(shares.owed);
      await trade(domain, 10, false);
      const waiting = [locked.resv.lock(), owed.cpuAccess('read')].map((wait) =>
        expect(wait).rejects.toMatchObject(DEAD),
      );
      broker.signal('SIGKILL');
      await Promise.all(waiting);
      await broker.gone;
      await repair(locked);
      await repair(owed);
      {
        using left = domain.channel('left');
        using job = await left.receive();
        using cpu = await job.cpuAccess('read');
        expect([job.tag, job.buf.name, cpu.bytes[4095]]).toEqual([42, 'sent', 42]);
      }
      await trade(domain, FRAMES, false);
      endTrade(domain);
      await partner.finished();
      await newcomerWorks(domain, place);
    }));

  test('leaves: the others go on, and let others in', () =>
    withPlace(async (place) => {
      const [broker] = await maker(place, 'lives');
      const partner = echo(place);
      await using domain = await Domain.join(place);
      await trade(domain, 10, false);
      broker.tell('end');
      await broker.finished();
      await trade(domain, FRAMES, false);
      endTrade(domain);
      await partner.finished();
      await newcomerWorks(domain, place);
    }));

  test('leaves, and a thread of its process stays: another process is the broker', () =>
    withPlace(async (place) => {
      const domain = await Domain.create({ processes: place });
      const thread = new Worker(STAYS, { workerData: domain.handle });
      await once(thread, 'message');
      const other = Stranger.start('members.mjs', place, 'report');
      await other.hear('report');
      const { ctimeMs: ours } = statSync(place);
      await domain.close();
      await turnsUntil(() => existsSync(place) && statSync(place).ctimeMs !== ours);
      {
        await using again = await joinAgain(place);
        expect(again.snapshot().members).toHaveLength(3);
      }
      thread.postMessage('leave');
      await once(thread, 'exit');
      {
        await using last = await joinAgain(place);
        expect(last.snapshot().members).toHaveLength(2);
      }
      other.tell('end');
      await other.finished();
    }));

  test('is killed, and so is each that follows: the last one lets others in', () =>
    withPlace(async (place) => {
      const [broker] = await maker(place, 'lives');
      const others = ['one', 'two', 'three'].map(() =>
        Stranger.start('members.mjs', place, 'report'),
      );
      for (const other of others) await other.hear('report');
      await using domain = await Domain.join(place);
      for (const one of [broker, ...others]) {
        one.signal('SIGKILL');
        await one.gone;
        await (await joinAgain(place)).close();
      }
      const { members } = domain.snapshot();
      expect(members.map(({ name }) => name)).toEqual([domain.agent]);
      await newcomerWorks(domain, place);
    }));

  test('is killed: the process that it has spawned lives on', () =>
    withPlace(async (place) => {
      const [broker, pid] = await maker(place, 'spawns');
      await using domain = await Domain.join(place);
      using frame = domain.alloc(4096);
      using ping = domain.channel('ping');
      using pong = domain.channel('pong');
      broker.signal('SIGKILL');
      await broker.gone;
      await ping.send(frame, { tag: 7 });
      {
        using job = await pong.receive();
        expect(job.tag).toBe(7);
      }
      expect(existsSync(`/proc/${String(pid)}`)).toBe(true);
      ping.end();
      await (await joinAgain(place)).close();
    }));
});

async function repair(buf: DmaBuf): Promise<void> {
  using lock = await buf.resv.lock({ recover: true });
  lock.markConsistent();
}

describe('a place', () => {
  test('where somebody lives is taken: EBUSY, and the domain goes on', () =>
    withPlace(async (place) => {
      await using domain = await Domain.create({ processes: place });
      const failed = Domain.create({ processes: place });
      await expect(failed).rejects.toMatchObject({ code: 'EBUSY', op: 'Domain.create' });
      await expect(failed).rejects.toThrow(/Domain\.join/);
      await newcomerWorks(domain, place);
    }));

  test('where nobody is, or nobody any more, is ENOENT', () =>
    withPlace(async (place) => {
      const missing = { code: 'ENOENT', op: 'Domain.join' };
      await expect(Domain.join(place)).rejects.toMatchObject(missing);
      const domain = await Domain.create({ processes: place });
      await domain.close();
      await expect(Domain.join(place)).rejects.toMatchObject(missing);
    }));

  test('whose domain was killed, to the last process, can be used again', () =>
    withPlace(async (place) => {
      const [broker] = await maker(place, 'lives');
      broker.signal('SIGKILL');
      await broker.gone;
      await expect(Domain.join(place)).rejects.toMatchObject({ code: 'ENOENT' });
      await using domain = await Domain.create({ processes: place });
      await newcomerWorks(domain, place);
    }));
});
