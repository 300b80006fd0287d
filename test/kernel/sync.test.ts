// SPDX-License-Identifier: MIT
/**
 * What Linux asks of sync files in tools/testing/selftests/sync, asked here in this project's words, under the kernel's names. A wait
 * that is given no time rejects with ETIMEDOUT where Linux returns 0 (D-11). Threads are real; rounds are fewer than in Linux, where
 * each would be a message here: who signals is known (D-43).
 */
import { Domain } from 'dmabuf';
import { SyncFile } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTED } from '../threads/support/host.js';
import { withDomain } from '../threads/support/with-domain.js';
import { consume, counts, mergeAtRandom, over, shut, takeTurns } from './sync-scenes.js';

let domain: Domain;
beforeEach(async () => {
  domain = await Domain.create({ debug: false, ...HOSTED });
});
afterEach(() => domain.close());

describe('sync', () => {
  test('alloc_timeline: a timeline can be made', () => {
    using timeline = SoftwareTimeline.create(domain);
    expect(timeline.value).toBe(0);
  });

  test('alloc_fence: a fence can be made on it', () => {
    using timeline = SoftwareTimeline.create(domain);
    using file = timeline.createFence(1, 'allocFence');
    expect([file.name, file.status]).toEqual(['allocFence', 0]);
  });

  test('alloc_fence_negative: not on what is no timeline, or none any more', () => {
    const timeline = SoftwareTimeline.create(domain);
    timeline.close();
    expect(() => timeline.createFence(1)).toThrow(/^ESTALE/);
    expect(() => SoftwareTimeline.create(-1 as never)).toThrow(/^EINVAL/);
    expect(() => SyncFile.create(domain, -1 as never)).toThrow(/^EINVAL/);
  });

  test('one_timeline_wait: over when the timeline has come to it, and ever after', async () => {
    using timeline = SoftwareTimeline.create(domain);
    using file = timeline.createFence(5);
    expect(await over(file)).toBe(false);
    timeline.inc(1);
    expect(await over(file)).toBe(false);
    timeline.inc(4);
    expect(await over(file)).toBe(true);
    timeline.inc(10);
    expect(await over(file)).toBe(true);
  });

  test('one_timeline_merge: of one timeline one fence is left, the latest', () => {
    using timeline = SoftwareTimeline.create(domain);
    const [a, b, c] = [1, 2, 3].map((value) => timeline.createFence(value)) as [
      SyncFile,
      SyncFile,
      SyncFile,
    ];
    using ab = b.merge(a, 'merged');
    using abc = c.merge(ab, 'merged');
    expect(counts(abc)).toEqual({ active: 1, signaled: 0 });
    for (const value of [1, 2]) {
      timeline.inc(1);
      expect([abc.status, timeline.value]).toEqual([0, value]);
    }
    timeline.inc(1);
    expect([a.status, b.status, c.status, abc.status]).toEqual([1, 1, 1, 1]);
    expect(counts(abc)).toEqual({ active: 0, signaled: 1 });
    shut(a, b, c);
  });

  test('merge_same_fence: with itself a fence is one', () => {
    using timeline = SoftwareTimeline.create(domain);
    using file = timeline.createFence(5);
    using merged = file.merge(file, 'same');
    expect(counts(merged)).toEqual({ active: 1, signaled: 0 });
    timeline.inc(5);
    expect(counts(merged)).toEqual({ active: 0, signaled: 1 });
  });

  test('multi_timeline_wait: of three timelines one after the other', async () => {
    const timelines = [1, 2, 3].map(() => SoftwareTimeline.create(domain));
    const files = timelines.map((timeline) => timeline.createFence(5));
    const [a, b, c] = files as [SyncFile, SyncFile, SyncFile];
    using ab = b.merge(a, 'merged');
    using merged = c.merge(ab, 'merged');
    expect(counts(merged)).toEqual({ active: 3, signaled: 0 });
    expect(await over(merged)).toBe(false);
    for (const [n, timeline] of timelines.entries()) {
      timeline.inc(5);
      expect(counts(merged)).toEqual({ active: 2 - n, signaled: n + 1 });
    }
    await merged.wait({ timeout: 100 });
    shut(...files, ...timelines);
  });

  test(
    'two_threads_shared_timeline: two threads take turns, and never meet',
    { timeout: 60_000 },
    () => withDomain({}, (shared) => takeTurns(shared, 2, 1024)),
  );

  test.each(['blocking', 'polling'] as const)(
    'multi_producer_single_consumer: five threads are all done in each round, %s',
    { timeout: 60_000 },
    (how) => withDomain({}, (shared) => consume(shared, how, 5, 256)),
  );

  test('random_merge: of each timeline one fence is left, whatever was merged in which order', () =>
    mergeAtRandom(domain, 32_768));
});
