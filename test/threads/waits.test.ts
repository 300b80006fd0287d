// SPDX-License-Identifier: MIT
/** Every call that may have to wait for another thread: it can be aborted, and it can be too late, and leaves nothing behind. */
import {
  type Attachment,
  Channel,
  type Delivery,
  type DmaBuf,
  type Domain,
  Fence,
  type Pool,
  type SyncWaitOptions,
  type WaitOptions,
} from 'dmabuf';
import { DMA_BUF_SYNC_READ, DmaBufFile, importSyncFile, SyncFile } from 'dmabuf/file';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { parked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

/** What another thread has, and we want. */
interface Scene {
  readonly domain: Domain;
  readonly locked: DmaBuf;
  /** Its WRITE fence pends. */
  readonly owed: DmaBuf;
  /** Its KERNEL fence pends. */
  readonly kernel: DmaBuf;
  readonly fence: Fence;
  readonly pool: Pool;
  readonly full: Channel;
  readonly empty: Channel;
  readonly attachment: Attachment;
  /** Its `after` is the WRITE fence; its own READ fence pends until it is done. */
  readonly job: Delivery;
}

interface Row {
  readonly wait: (scene: Scene, options?: WaitOptions) => Promise<unknown>;
  readonly sync?: (scene: Scene, options?: SyncWaitOptions) => unknown;
  /** What has to happen beside the other thread's letting go. */
  readonly finish?: (scene: Scene) => void;
}

const importer = { moveNotify: () => undefined };

const ROWS: Readonly<Record<string, Row>> = {
  'Reservation.lock': {
    wait: ({ locked }, o) => locked.resv.lock(o),
    sync: ({ locked }, o) => locked.resv.lockSync(o),
  },
  'Domain.lockAll': {
    wait: ({ domain, owed, locked }, o) => domain.lockAll([owed, locked], o),
    sync: ({ domain, owed, locked }, o) => domain.lockAllSync([owed, locked], o),
  },
  'Reservation.wait': {
    wait: ({ owed }, o) => owed.resv.wait('write', o),
    sync: ({ owed }, o) => owed.resv.waitSync('write', o),
  },
  'HeldLock.wait': {
    wait: async ({ owed }, o) => {
      using lock = await owed.resv.lock();
      await lock.wait('write', o);
    },
  },
  'Fence.wait': {
    wait: ({ fence }, o) => fence.wait(o),
    sync: ({ fence }, o) => fence.waitSync(o),
  },
  'FenceSet.wait, all': {
    wait: ({ fence }, o) => Fence.all([Fence.done, fence]).wait(o),
    sync: ({ fence }, o) => Fence.all([Fence.done, fence]).waitSync(o),
  },
  'FenceSet.wait, any': {
    wait: ({ fence }, o) => Fence.any([fence, fence]).wait(o),
    sync: ({ fence }, o) => Fence.any([fence, fence]).waitSync(o),
  },
  'Fence.waitAny': { wait: ({ fence }, o) => Fence.waitAny([fence], o) },
  'DmaBuf.cpuAccess': {
    wait: ({ owed }, o) => owed.cpuAccess('read', o),
    sync: ({ owed }, o) => owed.cpuAccessSync('read', o),
  },
  'DmaBuf.readable': { wait: ({ owed }, o) => owed.readable(o) },
  'DmaBuf.writable': {
    wait: ({ owed }, o) => owed.writable(o),
    finish: ({ job }) => job.done(),
  },
  'DmaBuf.readiness': {
    wait: async ({ owed }, o) => {
      for await (const { readable } of owed.readiness(o)) if (readable) return;
    },
  },
  'DmaBufFile.sync': {
    wait: async ({ owed }, o) => {
      using file = DmaBufFile.open(owed);
      await file.sync(DMA_BUF_SYNC_READ, o);
    },
  },
  'DmaBufFile.setName': {
    wait: async ({ locked }, o) => {
      using file = DmaBufFile.open(locked);
      await file.setName('other', o);
    },
  },
  'DmaBuf.setName': { wait: ({ locked }, o) => locked.setName('other', o) },
  'DmaBuf.attach': {
    wait: ({ locked }, o) => locked.attach('screen', o),
    sync: ({ locked }, o) => locked.attachSync('screen', o),
  },
  'DmaBuf.dynamicAttach': {
    wait: ({ locked }, o) => locked.dynamicAttach('screen', importer, o),
    sync: ({ locked }, o) => locked.dynamicAttachSync('screen', importer, o),
  },
  'Attachment.map': {
    wait: ({ attachment }, o) => attachment.map('to-device', o),
    sync: ({ attachment }, o) => attachment.mapSync('to-device', o),
  },
  'Pool.acquire': {
    wait: ({ pool }, o) => pool.acquire(o),
    sync: ({ pool }, o) => pool.acquireSync(o),
  },
  'Channel.send': {
    wait: ({ full, kernel }, o) => full.send(kernel, o),
    sync: ({ full, kernel }, o) => full.sendSync(kernel, o),
  },
  'Channel.receive': {
    wait: ({ empty }, o) => empty.receive(o),
    sync: ({ empty }, o) => empty.receiveSync(o),
    finish: ({ empty, kernel }) => empty.sendSync(kernel),
  },
  'Channel.submit, full': {
    wait: ({ full, kernel }, o) => Channel.submit([full], kernel, 'read', o),
  },
  'Channel.submit, locked': {
    wait: ({ empty, locked }, o) => Channel.submit([empty], locked, 'read', o),
  },
  'Delivery.cpuAccess': {
    wait: ({ job }, o) => job.cpuAccess('read', o),
    sync: ({ job }, o) => job.cpuAccessSync('read', o),
  },
  'SyncFile.wait': {
    wait: async ({ domain, fence }, o) => {
      using file = SyncFile.create(domain, fence);
      await file.wait(o);
    },
    sync: ({ domain, fence }, o) => {
      using file = SyncFile.create(domain, fence);
      file.waitSync(o);
    },
  },
  importSyncFile: {
    wait: async ({ domain, fence, locked }, o) => {
      using file = SyncFile.create(domain, fence);
      await importSyncFile(locked, file, 'read', o);
    },
  },
  'Domain.bufinfo': { wait: ({ domain }, o) => domain.bufinfo(o) },
};

/** Plays `test` against a thread that has everything; afterwards it lets go, and nothing may be left. */
async function obstructed(
  play: (scene: Scene, letGo: () => Promise<void>) => Promise<void>,
): Promise<void> {
  await withDomain({}, async (domain) => {
    using locked = domain.alloc(4096, { name: 'locked' });
    using owed = domain.alloc(4096, { name: 'owed' });
    using kernel = domain.alloc(4096, { name: 'kernel' });
    using pool = domain.pool({ name: 'one', count: 1, size: 4096 });
    using full = domain.channel('full', { capacity: 1 });
    using empty = domain.channel('empty');
    using lane = domain.channel('lane');
    await using attachment = await kernel.attach('screen');
    const buffers = [locked, owed, kernel].map((buf) => buf.share());
    const actor = await Actor.start(domain, 'obstacle.mjs', 'obstacle', { buffers });
    await actor.hear('ready');
    const [fence] = owed.resv.fences('write');
    if (fence === undefined) throw new Error('no fence');
    await Channel.submit([lane], owed, 'read');
    using job = await lane.receive();
    const scene = { domain, locked, owed, kernel, fence, pool, full, empty, attachment, job };
    const letGo = async (): Promise<void> => {
      actor.tell('let go');
      await actor.hear('let go');
    };
    await play(scene, letGo);
    drain([full, empty]);
    actor.tell('end');
    await actor.finished();
  });
}

function drain(lanes: readonly Channel[]): void {
  for (const lane of lanes) while (lane.queued > 0) lane.tryReceive()?.done();
}

/** What a call gave is closed in the way it asks for. */
async function close(got: unknown): Promise<void> {
  const given = got as Partial<Disposable & AsyncDisposable> | null | undefined;
  const end = given?.[Symbol.asyncDispose] ?? given?.[Symbol.dispose];
  const ended: unknown = end?.call(given as Disposable & AsyncDisposable);
  await ended;
}

const late = { code: 'ETIMEDOUT' };

describe.each(Object.entries(ROWS))('%s', (name, row) => {
  test('is too late after its time-out, is aborted with the reason, and leaves nothing behind', () =>
    obstructed(async (scene, letGo) => {
      for (const timeout of [0, 15]) {
        await expect(row.wait(scene, { timeout })).rejects.toMatchObject(late);
      }
      const before = new Error('before');
      await expect(row.wait(scene, { signal: AbortSignal.abort(before) })).rejects.toBe(before);
      const control = new AbortController();
      const during = new Error('during');
      const { signal } = control;
      const ended = expect(row.wait(scene, { signal })).rejects.toBe(during);
      await parked();
      control.abort(during);
      await ended;
      await letGo();
      row.finish?.(scene);
      await close(await row.wait(scene, { timeout: 0 }));
    }));

  test('waits until the other thread lets go', () =>
    obstructed(async (scene, letGo) => {
      const { signal } = new AbortController();
      const waiting = row.wait(scene, { signal, timeout: 60_000 });
      await parked();
      await letGo();
      row.finish?.(scene);
      await close(await waiting);
    }));

  const { sync } = row;
  if (sync === undefined) return;
  test(`its blocking twin is too late, and works when there is nothing to wait for`, () =>
    obstructed(async (scene, letGo) => {
      for (const timeout of [0, 15]) {
        expect(() => sync(scene, { timeout }), name).toThrow(expect.objectContaining(late));
      }
      await letGo();
      row.finish?.(scene);
      await close(sync(scene, { timeout: 0 }));
    }));
});

describe('try', () => {
  test('says no where the others would wait', () =>
    obstructed(async ({ locked, owed, kernel, pool, full, empty, attachment }, letGo) => {
      expect(locked.resv.tryLock()).toBe(null);
      expect(owed.tryCpuAccess('read')).toBe(null);
      expect(pool.tryAcquire()).toBe(null);
      expect(full.trySend(kernel)).toBe(false);
      expect(empty.tryReceive()).toBe(null);
      expect(owed.resv.test('write')).toBe(false);
      expect(attachment.tryMap('to-device')).toBe(null);
      await letGo();
      locked.resv.tryLock()?.unlock();
      owed.tryCpuAccess('read')?.end();
      pool.tryAcquire()?.close();
      expect(full.trySend(kernel)).toBe(true);
      expect(owed.resv.test('write')).toBe(true);
    }));
});

describe('Domain.idle', () => {
  test('waits for a detach in the background whose lock another thread has', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      await domain.idle({ timeout: 0 });
      const attachment = await buf.attach('screen');
      const data = { what: 'lock', buffers: [buf.share()] };
      const holder = await Actor.start(domain, 'death.mjs', 'holder', data);
      await holder.hear('ready');
      attachment[Symbol.dispose]();
      await expect(domain.idle({ timeout: 15 })).rejects.toMatchObject(late);
      const reason = new Error('enough');
      await expect(domain.idle({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const control = new AbortController();
      const given = expect(domain.idle({ signal: control.signal })).rejects.toBe(reason);
      await parked();
      control.abort(reason);
      await given;
      const idle = domain.idle();
      await holder.die();
      await idle;
      expect(domain.snapshot().buffers).toMatchObject([{ id: buf.id, attachments: [] }]);
      using lock = await buf.resv.lock({ recover: true });
      lock.markConsistent();
    }));
});
