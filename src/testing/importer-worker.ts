// SPDX-License-Identifier: MIT
/**
 * testing/importer-worker — maps the buffer that it is sent, locks it, says so, and waits to be killed.
 */

import { type DmaBuf, DmaBufError, Domain } from 'dmabuf';
import { messageOf } from './conformance-error.js';
import { IMPORTER_SEED, type ImporterData, ORDERS, REPORTS, Reached } from './death-messages.js';
import { paint } from './segments.js';

/** Longer than this is cut from what went wrong. */
const MOST = 120;

const domain = await Domain.join();
const { kind } = domain.data as ImporterData;
const orders = domain.channel(ORDERS);
const { buf } = await orders.receive();
const said = await mapAndLock(buf);
await domain.channel(REPORTS).send(buf, said);
await orders.receive();

async function mapAndLock(of: DmaBuf): Promise<{ readonly tag: number; readonly meta?: string }> {
  try {
    if (kind === 'static') await mapStatic(of);
    else await mapDynamic(of);
    return { tag: Reached.MAPPED };
  } catch (error) {
    if (!DmaBufError.is(error, 'ENOTSUP')) {
      return { tag: Reached.FAILED, meta: messageOf(error).slice(0, MOST) };
    }
    await of.resv.lock();
    return { tag: Reached.LOCKED };
  }
}

async function mapStatic(of: DmaBuf): Promise<void> {
  const attachment = await of.attach('mortal');
  paint((await attachment.map('bidirectional')).segments, IMPORTER_SEED);
  await of.resv.lock();
}

async function mapDynamic(of: DmaBuf): Promise<void> {
  const attachment = await of.dynamicAttach('mortal', { moveNotify: () => undefined });
  const lock = await of.resv.lock();
  const mapping = await attachment.map(lock, 'bidirectional');
  await lock.wait('kernel');
  paint(mapping.segments, IMPORTER_SEED);
}
