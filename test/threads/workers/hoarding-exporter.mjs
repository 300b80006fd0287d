// SPDX-License-Identifier: MIT
/** An exporter whose spare memory queues in a channel, where it survives whoever put it there. */
import { makeExporter as makeRight } from './right-exporter.mjs';

export async function makeExporter(domain) {
  const spare = domain.alloc(4096, { name: 'spare' });
  await domain.channel('spare').send(spare);
  spare.close();
  return makeRight(domain);
}
