// SPDX-License-Identifier: MIT
/** Buffers that nobody but their maker can write to. */
import { setImmediate as turn } from 'node:timers/promises';
import { allocSealed, type DmaBuf, Domain, MiB, type Share } from 'dmabuf';
import { afterEach, describe, expect, test } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { withDomain } from '../threads/support/with-domain.js';
import { footprint, sealedFiles } from './support/footprint.mjs';
import { withPlace } from './support/place.js';
import { resume, stop } from './support/stopping.js';
import { Stranger } from './support/stranger.js';

const SCENES = new URL('./programs/sealed.mjs', import.meta.url);
const FROM_WORKERS = '../../processes/programs/sealed.mjs';
const SIZE = MiB + 5000;
/** What a reader is answered. */
const RIGHT = { read: null, write: 'EACCES', map: 'EACCES' };

afterEach(() => Stranger.endAll());

async function filled(domain: Domain): Promise<DmaBuf> {
  const buf = await allocSealed(domain, SIZE, { name: 'sealed' });
  using cpu = buf.cpuAccessSync('write');
  cpu.bytes.fill(7);
  return buf;
}

/** A process, or a thread, that has the buffer, and has not opened its memory. */
async function reader(
  domain: Domain,
  share: Share,
  { as = 'process', sync = false }: { as?: 'process' | 'thread'; sync?: boolean } = {},
): Promise<{ actor: Actor; descriptors: number }> {
  const actor = await Actor.start(domain, SCENES, 'reader', { share, sync }, as);
  return { actor, descriptors: (await actor.hear('ready')) as number };
}

/** What it finds when it looks for a buffer that is full of this byte. */
async function tries(actor: Actor | Stranger, byte: number): Promise<unknown> {
  actor.tell(byte);
  return actor.hear('tried');
}

async function ends(...actors: readonly (Actor | Stranger)[]): Promise<void> {
  for (const actor of actors) {
    actor.tell('end');
    await actor.finished();
  }
}

describe('a sealed buffer', () => {
  for (const as of ['process', 'thread'] as const) {
    for (const sync of [false, true]) {
      test(`is read by a ${as}, which may not write, and sees what its maker writes later: ${sync ? 'blocking' : 'awaiting'}`, () =>
        withDomain({}, async (domain) => {
          using buf = await filled(domain);
          const { actor, descriptors } = await reader(domain, buf.share(), { as, sync });
          // One that blocks in this process waits for this very thread, which is the broker: it has to be free.
          expect(await tries(actor, 7)).toMatchObject({ ...RIGHT, descriptors });
          {
            using cpu = await buf.cpuAccess('write');
            cpu.bytes.fill(9);
          }
          expect(await tries(actor, 9)).toMatchObject(RIGHT);
          await ends(actor);
        }));
    }
  }

  test('one that writes to it all the same is ended by the system, and has changed nothing', () =>
    withDomain({}, async (domain) => {
      using buf = await filled(domain);
      const { actor } = await reader(domain, buf.share());
      actor.tell('write');
      expect(await actor.member.gone).toMatchObject({ clean: false });
      using cpu = await buf.cpuAccess('read');
      expect(cpu.bytes.every((byte) => byte === 7)).toBe(true);
    }));

  test('nothing is left of those that are closed, here and there', () =>
    withDomain({}, async (domain) => {
      const keeper = await filled(domain);
      const { actor, descriptors } = await reader(domain, keeper.share());
      await tries(actor, 7);
      const before = footprint().descriptors;
      for (let n = 0; n < 20; n++) (await filled(domain)).close();
      await domain.idle();
      expect(footprint().descriptors).toBe(before);
      expect(await tries(actor, 7)).toMatchObject({ descriptors });
      await ends(actor);
      keeper.close();
      await domain.idle();
      // Its own, and the broker's.
      expect(footprint().descriptors).toBeLessThan(before - 1);
    }));

  test('its maker is killed: who has read it goes on, and nobody else can begin', () =>
    withDomain({}, async (domain) => {
      const maker = await Actor.start(
        domain,
        SCENES,
        'maker',
        { size: SIZE, shares: 2 },
        'process',
      );
      const [opened, late] = (await maker.hear('ready')) as [Share, Share];
      using mine = await domain.open(opened);
      using cpu = await mine.cpuAccess('read');
      const { actor } = await reader(domain, late);
      expect(sealedFiles()).toBe(1);
      await maker.die();
      expect(cpu.bytes.every((byte) => byte === 7)).toBe(true);
      expect(await tries(actor, 7)).toMatchObject({ read: 'EOWNERDEAD', write: 'EACCES' });
      // As soon as the broker has seen its end.
      while (sealedFiles() > 0) await turn();
      await ends(actor);
    }));

  test('a thread cannot make one, and is told who can', () =>
    withDomain({}, async (domain) => {
      const actor = await Actor.start(domain, SCENES, 'maker', { size: SIZE, shares: 0 }, 'thread');
      await actor.gone;
      expect(String(actor.error)).toMatch('ENOTSUP');
    }));
});

test('a domain of threads has no sealed buffers', async () => {
  await using domain = await Domain.create({ heap: MiB });
  await expect(allocSealed(domain, SIZE)).rejects.toMatchObject({ code: 'ENOTSUP' });
});

describe('the broker', () => {
  test('is stopped: who reads the buffer already goes on, and who would begin is too late', () =>
    withPlace(async (place) => {
      const broker = Stranger.start('../../processes/programs/maker.mjs', place, 'lives');
      await broker.hear('ready');
      const domain = await Domain.join(place);
      const buf = await filled(domain);
      const early = Stranger.start(FROM_WORKERS, place, 'reader', { share: buf.share() });
      await early.hear('ready');
      expect(await tries(early, 7)).toMatchObject(RIGHT);
      const second = buf.share();
      await stop(broker.pid);
      expect(await tries(early, 7)).toMatchObject(RIGHT);
      await expect(allocSealed(domain, 1, { timeout: 50 })).rejects.toMatchObject({
        code: 'ETIMEDOUT',
      });
      resume(broker.pid);
      const late = Stranger.start(FROM_WORKERS, place, 'reader', { share: second, sync: true });
      await late.hear('ready');
      expect(await tries(late, 7)).toMatchObject(RIGHT);
      await ends(early, late);
      buf.close();
      broker.tell('end');
      await broker.finished();
      await domain.close();
    }));

  test('is killed: its successor hands out what was published to it', () =>
    withPlace(async (place) => {
      const broker = Stranger.start('../../processes/programs/maker.mjs', place, 'lives');
      await broker.hear('ready');
      const maker = Stranger.start(FROM_WORKERS, place, 'maker', { size: SIZE, shares: 2 });
      const [first, second] = (await maker.hear('ready')) as [Share, Share];
      const domain = await Domain.join(place);
      broker.signal('SIGKILL');
      await broker.gone;
      // One of the two is the broker from now on: both ways to reach it.
      using here = await domain.open(first);
      using cpu = await here.cpuAccess('read');
      expect(cpu.bytes.every((byte) => byte === 7)).toBe(true);
      const late = Stranger.start(FROM_WORKERS, place, 'reader', { share: second });
      await late.hear('ready');
      expect(await tries(late, 7)).toMatchObject(RIGHT);
      await ends(late, maker);
      cpu.end();
      here.close();
      await domain.close();
    }));
});
