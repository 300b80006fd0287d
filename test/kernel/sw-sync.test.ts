// SPDX-License-Identifier: MIT
/**
 * What IGT asks of software timelines in tests/sw_sync.c, asked here in this project's words, under its names. A wait that is given
 * no time rejects with ETIMEDOUT where IGT expects -ETIME (D-11). What is forked there is an agent with a timeline of its own
 * here, a thread or a process. They are real; rounds are fewer than there, where each is a message here (D-43).
 */
import { Domain } from 'dmabuf';
import { SyncFile, type SyncShare } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { Board } from '../threads/support/board.js';
import { HOSTED } from '../threads/support/host.js';
import { turnsUntil } from '../threads/support/turns.js';
import { withDomain } from '../threads/support/with-domain.js';
import { consume, counts, mergeAtRandom, over, shut, takeTurns } from './sync-scenes.js';

const SLOW = { timeout: 60_000 };

let domain: Domain;
let timeline: SoftwareTimeline;
beforeEach(async () => {
  domain = await Domain.create({ debug: false, ...HOSTED });
  timeline = SoftwareTimeline.create(domain);
});
afterEach(() => domain.close());

/** A thread moves its timeline on, and we wait; `pass` is the way that the share takes. */
const forked = (pass: (share: SyncShare) => SyncShare): Promise<void> =>
  withDomain({}, async (shared) => {
    const child = await Actor.start(shared, 'sync-files.mjs', 'child');
    const [share] = (await child.hear('points')) as [SyncShare];
    const file = SyncFile.open(shared, pass(share));
    expect(await over(file)).toBe(false);
    child.tell('go');
    file.waitSync({ timeout: 2000 });
    expect(file.status).toBe(1);
    file.close();
    child.tell('go');
    await child.finished();
  });

describe('sw_sync', () => {
  test('alloc_timeline: a timeline stands at 0, and can be closed', () => {
    expect(timeline.value).toBe(0);
    timeline.close();
  });

  test('alloc_fence: a fence of a value that is still to come is active', () => {
    expect(timeline.createFence(1).status).toBe(0);
  });

  test('alloc_fence_invalid_timeline: not on what is none', () => {
    timeline.close();
    expect(() => timeline.createFence(0)).toThrow(/^ESTALE/);
    expect(() => SoftwareTimeline.create({} as never)).toThrow(/^EINVAL/);
  });

  test('alloc_merge_fence: fences of two timelines merge', () => {
    const other = SoftwareTimeline.create(domain);
    const merged = timeline.createFence(1).merge(other.createFence(1));
    expect(counts(merged)).toEqual({ active: 2, signaled: 0 });
  });

  test('timeline_closed: what is open is over, with ENOENT', async () => {
    const file = timeline.createFence(1);
    timeline.close();
    expect([await over(file), file.status]).toEqual([true, 'ENOENT']);
  });

  test('timeline_closed_signaled: what was over stays so', async () => {
    const file = timeline.createFence(1);
    timeline.inc(1);
    timeline.close();
    expect([await over(file), file.status]).toEqual([true, 1]);
  });

  test('sync_busy: busy until the timeline has come to it, in steps of any size', async () => {
    const file = timeline.createFence(5);
    expect(await over(file)).toBe(false);
    timeline.inc(1);
    expect(await over(file)).toBe(false);
    timeline.inc(4);
    expect(await over(file)).toBe(true);
    timeline.inc(5);
    expect(await over(file)).toBe(true);
    let value = 10;
    for (let prime = 2; prime < 100; prime++) {
      if (Array.from({ length: prime }, (_, n) => n).some((n) => n > 1 && prime % n === 0))
        continue;
      value += prime;
      const next = timeline.createFence(value);
      expect(await over(next)).toBe(false);
      timeline.inc(prime);
      expect([await over(next), timeline.value]).toEqual([true, value]);
    }
  });

  test('sync_busy_fork: another thread moves it on, and we wake', () => forked((share) => share));

  test('sync_busy_fork_unixsocket: the same, and the sync file comes as a text', () =>
    forked((share) => JSON.parse(JSON.stringify(share)) as SyncShare));

  test('sync_merge_invalid: not with what is no sync file', () => {
    const file = timeline.createFence(1);
    for (const wrong of [-1, domain, domain.alloc(1), timeline]) {
      expect(() => file.merge(wrong as never)).toThrow(/^ENOENT/);
    }
    expect(file.status).toBe(0);
  });

  test('sync_merge: of one timeline the latest is left', () => {
    const [a, b, c] = [1, 2, 3].map((value) => timeline.createFence(value)) as [
      SyncFile,
      SyncFile,
      SyncFile,
    ];
    const merged = a.merge(b, 'ab').merge(c, 'abc');
    expect(counts(merged)).toEqual({ active: 1, signaled: 0 });
    for (const status of [0, 0, 1]) {
      timeline.inc(1);
      expect(merged.status).toBe(status);
    }
    expect([a.status, b.status, c.status]).toEqual([1, 1, 1]);
  });

  test('sync_merge_same: with itself a fence is one', () => {
    const file = timeline.createFence(1);
    const merged = file.merge(file);
    expect(counts(merged)).toEqual({ active: 1, signaled: 0 });
    timeline.inc(1);
    expect(counts(merged)).toEqual({ active: 0, signaled: 1 });
  });

  test('multi_timeline_wait: of three timelines one after the other', async () => {
    const timelines = [timeline, SoftwareTimeline.create(domain), SoftwareTimeline.create(domain)];
    const [a, b, c] = timelines.map((each) => each.createFence(5)) as [
      SyncFile,
      SyncFile,
      SyncFile,
    ];
    const merged = a.merge(b).merge(c);
    expect([counts(merged), await over(merged)]).toEqual([{ active: 3, signaled: 0 }, false]);
    for (const [n, each] of timelines.entries()) {
      each.inc(5);
      expect(counts(merged)).toEqual({ active: 2 - n, signaled: n + 1 });
    }
    merged.waitSync({ timeout: 100 });
  });

  test('multi_consumer: eight threads wake for every point of one timeline', SLOW, () =>
    withDomain({}, async (shared) => {
      const [threads, rounds] = [8, 256];
      using source = SoftwareTimeline.create(shared);
      using board = new Board(shared);
      const actors = await Promise.all(
        Array.from({ length: threads }, () => Actor.start(shared, 'sync-files.mjs', 'counts')),
      );
      for (const actor of actors) {
        const shares = Array.from({ length: rounds }, (_, n) => {
          using file = source.createFence(n + 1);
          return file.share();
        });
        actor.tell({ board: board.share(), shares });
      }
      for (let round = 1; round <= rounds; round++) {
        expect(Atomics.load(board.words, 0)).toBe(threads * (round - 1));
        source.inc(1);
        await turnsUntil(() => Atomics.load(board.words, 0) >= threads * round);
      }
      await Promise.all(actors.map((actor) => actor.finished()));
      expect(board.words[0]).toBe(threads * rounds);
    }),
  );

  test('multi_consumer_producer: eight threads wait, count and ask for the next step', SLOW, () =>
    withDomain({}, (shared) => takeTurns(shared, 8, 256)),
  );

  test('multi_producer_single_consumer: all are done in each round', SLOW, () =>
    withDomain({}, (shared) => consume(shared, 'blocking', 8, 64)),
  );

  test('expired_merge: of what is over nothing is left, as often as it is merged', () => {
    const [a, b] = [timeline.createFence(1), SoftwareTimeline.create(domain).createFence(0)];
    timeline.inc(1);
    for (let n = 0; n < 4096; n++) {
      const merged = a.merge(b);
      expect([merged.status, merged.info().count]).toEqual([1, 1]);
      merged.close();
    }
    expect(domain.snapshot().buffers).toEqual([]);
    shut(a, b);
  });

  test('random_merge: of each timeline one fence is left', () => mergeAtRandom(domain, 1024));
});
