// SPDX-License-Identifier: MIT
/** What IGT asks in tests/vc4_dmabuf_poll.c: poll of a buffer that is rendered to answers when rendering is over, and not before. */
import { describe, expect, test } from 'vitest';
import { DmaBufFile, POLLIN, POLLOUT } from '../../src/file/index.js';
import { type Rig, rigs } from '../unit/file/rig.js';

/** A render job that is under way. */
async function rendering() {
  const [rig] = rigs() as [Rig];
  const target = rig.heap.alloc(4096);
  const queue = rig.fences.timeline('render');
  const job = queue.next();
  using lock = await target.resv.lock();
  lock.reserve(1);
  lock.add(job, 'write');
  return { file: DmaBufFile.open(target), job, finish: () => queue.signal(job) };
}

async function pollWaits(events: number): Promise<void> {
  const { file, job, finish } = await rendering();
  expect(await file.poll(events, 0)).toBe(0);
  let over = false;
  const polled = file.poll(events).then((bits) => {
    over = job.signaled;
    return bits;
  });
  finish();
  expect([await polled, over]).toEqual([events, true]);
  // A wait for the job succeeds at once.
  await job.wait({ timeout: 0 });
}

describe('vc4_dmabuf_poll', () => {
  test('poll-write-waits-until-write-done: POLLOUT comes when rendering is over', () =>
    pollWaits(POLLOUT));
  test('poll-read-waits-until-write-done: so does POLLIN', () => pollWaits(POLLIN));
});
