// SPDX-License-Identifier: MIT
/**
 * testing/importer-worker — maps the buffer that it is sent, locks it, says so, and waits to be killed.
 */

import { type DmaBuf, Domain } from 'dmabuf';
import { messageOf } from './conformance-error.js';
import { IMPORTER_SEED, type ImporterData, ORDERS, REPORTS } from './death-messages.js';
import { failureOf } from './failure-of.js';
import { paint } from './segments.js';

/** Longer than this is cut from what went wrong. */
const MOST = 120;

const domain = await Domain.join();
const { kind } = domain.data as ImporterData;
const orders = domain.channel(ORDERS);
const { buf } = await orders.receive();
const error = await failureOf(kind === 'static' ? mapStatic(buf) : mapDynamic(buf));
const wrong = error === null ? null : messageOf(error).slice(0, MOST);
await domain.channel(REPORTS).send(buf, { meta: wrong });
await orders.receive();

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
