// SPDX-License-Identifier: MIT
/** map and unmap through an exporter in another thread, whose callbacks do next to nothing. */
import { isMainThread } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { exportRange } from '../lib/exporter.mjs';
import { keepAlive } from '../lib/keep-alive.mjs';
import { enterDomain, startMember } from '../lib/member.mjs';
import { sink } from '../lib/sink.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus }) {
  const domain = await Domain.create();
  await startMember(domain, import.meta.url, { cpus, size });
  const delivery = await domain.channel('exported').receive();
  const attachment = await delivery.buf.dup().attach('bench');
  return {
    async roundTrip() {
      const mapping = await attachment.map('bidirectional');
      sink.object = mapping;
      mapping.unmap();
    },
  };
}

async function serve() {
  const domain = await enterDomain();
  const { buf } = exportRange(domain, domain.data.size);
  await domain.channel('exported').send(buf);
  keepAlive();
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) await serve();
