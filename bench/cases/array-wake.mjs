// SPDX-License-Identifier: MIT
/** Sixteen fences signalled by one thread wake another, which waits for all of them as one. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { arrayLink } from '../lib/array-link.mjs';
import { enterDomain, startMember } from '../lib/member.mjs';
import { measureWake, serveWakes } from '../lib/wake.mjs';

export async function measure(options) {
  const { cpus } = options;
  const domain = await Domain.create();
  const worker = await startMember(domain, import.meta.url, { cpus });
  return measureWake(worker, arrayLink(domain, 'here'), options);
}

if (!isMainThread) {
  const domain = await enterDomain();
  serveWakes(parentPort, arrayLink(domain, 'there'));
}
