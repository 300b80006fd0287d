// SPDX-License-Identifier: MIT
/** A fence signalled by one thread wakes another: `blocking` in the options says how it waits. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { fenceLink } from '../lib/fence-link.mjs';
import { enterDomain, startMember } from '../lib/member.mjs';
import { measureWake, serveWakes } from '../lib/wake.mjs';

export async function measure(options) {
  const { cpus, blocking } = options;
  const domain = await Domain.create();
  const worker = await startMember(domain, import.meta.url, { cpus, blocking });
  return measureWake(worker, fenceLink(domain, 'here', blocking), options);
}

if (!isMainThread) {
  const domain = await enterDomain();
  serveWakes(parentPort, fenceLink(domain, 'there', domain.data.blocking));
}
