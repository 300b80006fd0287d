// SPDX-License-Identifier: MIT
/**
 * What IGT asks of sync files of buffers in tests/dmabuf_sync_file.c, asked here in this project's words, under its names. Points of
 * timelines stand for the fences of a driver.
 */
import { type DmaBuf, Domain, type Fence, type Timeline } from 'dmabuf';
import { exportSyncFile, importSyncFile, type SyncFile } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTED } from '../threads/support/host.js';

const NONE = { read: false, write: false, 'read-write': false };
const WRITES = { read: false, write: true, 'read-write': true };
const ALL = { read: true, write: true, 'read-write': true };
const ACCESSES = ['read', 'write', 'read-write'] as const;

let domain: Domain;
let buf: DmaBuf;
beforeEach(async () => {
  domain = await Domain.create({ debug: false, ...HOSTED });
  buf = domain.alloc(4096);
});
afterEach(() => domain.close());

/** Would this access have to wait: POLLIN, POLLOUT, and both? */
async function busy(): Promise<typeof NONE> {
  const waits = async (ready: Promise<void>): Promise<boolean> => {
    const code = await ready.then(
      () => null,
      (error: unknown) => (error as { readonly code: string }).code,
    );
    expect([null, 'ETIMEDOUT']).toContain(code);
    return code !== null;
  };
  const read = await waits(buf.readable({ timeout: 0 }));
  const write = await waits(buf.writable({ timeout: 0 }));
  return { read, write, 'read-write': read || write };
}

/** The same, said by sync files that are exported now. */
function exported(): Record<(typeof ACCESSES)[number], SyncFile> {
  const [read, write, both] = ACCESSES.map((access) => exportSyncFile(buf, access));
  return { read, write, 'read-write': both } as ReturnType<typeof exported>;
}

const states = (files: ReturnType<typeof exported>): typeof NONE => ({
  read: !files.read.poll(),
  write: !files.write.poll(),
  'read-write': !files['read-write'].poll(),
});

/** Both ways of asking agree. */
async function expectBusy(pattern: typeof NONE): Promise<void> {
  expect(await busy()).toEqual(pattern);
  expect(states(exported())).toEqual(pattern);
}

/** A driver's fence. */
async function attach(usage: 'read' | 'write'): Promise<{ signal(): void }> {
  const timeline: Timeline = domain.timeline('driver');
  const fence: Fence = timeline.next();
  using lock = await buf.resv.lock();
  lock.reserve(1);
  lock.add(fence, usage);
  return { signal: () => timeline.signal(fence) };
}

describe('dmabuf_sync_file', () => {
  test('export-basic: sync files are as busy as the buffer is', async () => {
    await expectBusy(NONE);
    const reader = await attach('read');
    await expectBusy(WRITES);
    reader.signal();
    await expectBusy(NONE);
    const writer = await attach('write');
    await expectBusy(ALL);
    writer.signal();
    await expectBusy(NONE);
  });

  test('export-before-signal: what was exported while it was busy is idle with the fence', async () => {
    const reader = await attach('read');
    const read = exported();
    expect(states(read)).toEqual(WRITES);
    reader.signal();
    expect(states(read)).toEqual(NONE);
    const writer = await attach('write');
    const written = exported();
    expect(states(written)).toEqual(ALL);
    writer.signal();
    expect(states(written)).toEqual(NONE);
  });

  test('export-multiwait: busy until all of its fences are over, and not for a later one', async () => {
    const [one, two] = [await attach('read'), await attach('read')];
    const files = exported();
    const three = await attach('read');
    one.signal();
    expect(states(files)).toEqual(WRITES);
    two.signal();
    expect(states(files)).toEqual(NONE);
    await expectBusy(WRITES);
    three.signal();
    await expectBusy(NONE);
  });

  test('export-wait-after-attach: a fence shows in what is exported after it, only', async () => {
    const before = exported();
    const reader = await attach('read');
    const between = exported();
    const writer = await attach('write');
    const after = exported();
    expect([before, between, after].map(states)).toEqual([NONE, WRITES, ALL]);
    reader.signal();
    expect([before, between, after].map(states)).toEqual([NONE, NONE, ALL]);
    writer.signal();
    expect(states(after)).toEqual(NONE);
  });

  test('import-basic: an imported point makes busy as a fence of a driver does', async () => {
    for (const [access, pattern] of [
      ['read', WRITES],
      ['write', ALL],
      ['read-write', ALL],
    ] as const) {
      using timeline = SoftwareTimeline.create(domain);
      using point = timeline.createFence(1);
      await importSyncFile(buf, point, access);
      await expectBusy(pattern);
      timeline.inc(1);
      await expectBusy(NONE);
    }
  });

  /** 32 readers, imported; they signal in reverse. */
  async function readers(rest: () => Promise<void>, pattern: typeof NONE): Promise<void> {
    const timelines = Array.from({ length: 32 }, () => SoftwareTimeline.create(domain));
    for (const timeline of timelines) await importSyncFile(buf, timeline.createFence(1), 'read');
    await rest();
    const files = exported();
    for (const timeline of timelines.toReversed()) {
      await expectBusy(pattern);
      expect(states(files)).toEqual(pattern);
      timeline.inc(1);
    }
    if (pattern === WRITES) {
      await expectBusy(NONE);
      expect(states(files)).toEqual(NONE);
    }
  }

  test('import-multiple-read-only: readers may read on, writers wait for the last of them', () =>
    readers(() => Promise.resolve(), WRITES));

  test('import-multiple-read-write: with a writer among them all wait for him', async () => {
    using writer = SoftwareTimeline.create(domain);
    await readers(() => importSyncFile(buf, writer.createFence(1), 'write'), ALL);
    await expectBusy(ALL);
    writer.inc(1);
    await expectBusy(NONE);
  });
});
