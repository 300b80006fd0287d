// SPDX-License-Identifier: MIT
/** Two threads contend for one reservation with lockSync and unlock. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { contendWith, serveRaces } from '../lib/contend.mjs';
import { mapped } from '../lib/lanes.mjs';
import { enterDomain, startMember } from '../lib/member.mjs';

/** The lock is the buffer's, the counter its first word. */
function party({ buf, words }) {
  const section = (body) => {
    const lock = buf.resv.lockSync();
    body();
    lock.unlock();
  };
  return { section, counter: words.subarray(0, 1) };
}

export async function measure(options) {
  const domain = await Domain.create();
  const frame = mapped(domain.alloc(4096));
  const data = { cpus: options.cpus, share: frame.buf.share() };
  const worker = await startMember(domain, import.meta.url, data);
  const { section, counter } = party(frame);
  return contendWith(worker, section, counter, options);
}

if (!isMainThread) {
  const domain = await enterDomain();
  const { section, counter } = party(mapped(await domain.open(domain.data.share)));
  serveRaces(parentPort, section, counter);
}
