// SPDX-License-Identifier: MIT
/**
 * What IGT's prime_vgem says of an object of vgem that another driver has imported, under its names. The other driver is one of
 * ours: its jobs are points of a timeline.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type DmaBuf,
  DmaBufError,
  Domain,
  type Reservation,
  type Timeline,
} from '../../src/index.js';
import { HOSTED } from '../threads/support/host.js';
import { rejected } from '../unit/buf/rig.js';
import { begin, peek, poke, type Vgem, vgem } from '../unit/prime/vgem.js';

type Client = ReturnType<Vgem['device']['open']>;

let domain: Domain;
let native: Client;
let gpu: Client;
let buf: DmaBuf;
let jobs: Timeline;
/** The object in either driver. */
const bo = { native: 0, gpu: 0 };

beforeEach(async () => {
  domain = await Domain.create(HOSTED);
  const card = vgem(domain, domain);
  native = card.device.open();
  gpu = vgem(domain, domain, { name: 'gpu' }).device.open();
  jobs = domain.timeline('jobs');
  bo.native = await native.createHandle(card.create());
  buf = await native.handleToBuf(bo.native);
  bo.gpu = await gpu.bufToHandle(buf);
});
afterEach(() => domain.close());

/** The reservation, as the driver that imported has it. */
function resvOfGpu(): Reservation {
  const { imported } = gpu.lookup(bo.gpu);
  if (imported === null) throw new Error('it was not imported');
  return imported.resv;
}

/** Whether a promise has settled, by the time everything else has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  promise.then(end, end);
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  return over;
}

describe('prime_vgem', () => {
  test('basic-read: what vgem wrote, the importer reads', async () => {
    await poke(native.lookup(bo.native), 0x5a);
    expect(await peek(gpu.lookup(bo.gpu))).toBe(0x5a);
  });

  test('basic-write: what the importer wrote, vgem reads', async () => {
    await poke(gpu.lookup(bo.gpu), 0xa5);
    expect(await peek(native.lookup(bo.native))).toBe(0xa5);
  });

  test('shrink: imports while memory runs out end, and leave nothing', async () => {
    const press = async (): Promise<void> => {
      const taken: DmaBuf[] = [];
      try {
        for (;;) taken.push(domain.alloc(1 << 20));
      } catch (error) {
        expect(DmaBufError.is(error, 'ENOMEM') || DmaBufError.is(error, 'ENFILE')).toBe(true);
      }
      await new Promise((resolve) => setImmediate(resolve));
      for (const one of taken) one.close();
    };
    const importing = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const handle = await gpu.bufToHandle(buf);
        await gpu.closeHandle(handle).catch((error: unknown) => {
          if (!DmaBufError.is(error, 'EINVAL')) throw error;
        });
      }
    };
    await Promise.all([press(), importing(), press(), importing()]);
    expect(gpu.handles).toEqual([]);
    expect(await gpu.bufToHandle(buf)).toBe(1);
  });

  test('sync: CPU access to the vgem side waits for the work of the importer', async () => {
    const end = await begin(jobs, resvOfGpu(), 'write');
    expect(buf.tryCpuAccess('read')).toBeNull();
    const access = buf.cpuAccess('read');
    expect(await settled(access)).toBe(false);
    end();
    (await access).end();
  });

  test('busy: the work of the importer shows in the readiness of the vgem side', async () => {
    const endReading = await begin(jobs, resvOfGpu(), 'read');
    expect([buf.resv.test('write'), buf.resv.test('read')]).toEqual([true, false]);
    endReading();
    const endWriting = await begin(jobs, resvOfGpu(), 'write');
    expect([buf.resv.test('write'), buf.resv.test('read')]).toEqual([false, false]);
    endWriting();
    expect([buf.resv.test('write'), buf.resv.test('read')]).toEqual([true, true]);
  });

  test('wait: who waits for the vgem side goes on when the importer has finished', async () => {
    const end = await begin(jobs, resvOfGpu(), 'write');
    const ready = buf.writable();
    expect(await settled(ready)).toBe(false);
    end();
    await ready;
  });

  test('basic-fence-read: the importer reads after a fence of vgem', async () => {
    const end = await begin(jobs, buf.resv, 'write');
    const reads = resvOfGpu().wait('write');
    expect(await settled(reads)).toBe(false);
    await poke(native.lookup(bo.native), 3);
    end();
    await reads;
    expect(await peek(gpu.lookup(bo.gpu))).toBe(3);
  });

  test('basic-fence-mmap: CPU access through the importer waits for a fence of vgem', async () => {
    const end = await begin(jobs, buf.resv, 'write');
    const imported = await gpu.handleToBuf(bo.gpu);
    const access = imported.cpuAccess('read');
    expect(await settled(access)).toBe(false);
    end();
    (await access).end();
  });

  test('fence-wait: a job of the importer, put behind a fence of vgem, shows on both sides', async () => {
    const endNative = await begin(jobs, buf.resv, 'write');
    const endJob = await begin(jobs, resvOfGpu(), 'write');
    const waits = buf.resv.wait('write');
    endNative();
    expect(await settled(waits)).toBe(false);
    endJob();
    await waits;
  });

  test('fence-read-hang: a fence that never comes ends the wait by its time limit, and with its owner', async () => {
    await begin(jobs, buf.resv, 'write');
    expect((await rejected(resvOfGpu().wait('write', { timeout: 0 }))).code).toBe('ETIMEDOUT');
    const waits = resvOfGpu().wait('write');
    jobs.close();
    await waits;
    expect((await rejected(buf.cpuAccess('read'))).code).toBe('ECANCELED');
  });

  test('fence-write-hang: a writer waits for a reader that never comes no longer than it wants to', async () => {
    await begin(jobs, buf.resv, 'read');
    expect((await rejected(resvOfGpu().wait('read', { timeout: 0 }))).code).toBe('ETIMEDOUT');
    const waits = resvOfGpu().wait('read');
    jobs.close();
    await waits;
  });
});
