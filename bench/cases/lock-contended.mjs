// SPDX-License-Identifier: MIT
/** Two threads, or processes, contend for one reservation with lockSync and unlock. */
import { contendWith, serveRaces } from '../lib/contend.mjs';
import { mapped } from '../lib/lanes.mjs';
import { createDomain, enterDomain, portToStarter, startMember } from '../lib/member.mjs';
import { isOtherParty } from '../lib/process.mjs';

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
  const { cpus, as } = options;
  const domain = await createDomain(as);
  const frame = mapped(domain.alloc(4096));
  const data = { cpus, share: frame.buf.share() };
  const other = await startMember(domain, import.meta.url, data, as);
  const { section, counter } = party(frame);
  return contendWith(other, section, counter, options);
}

if (isOtherParty(import.meta.url)) {
  const domain = await enterDomain();
  const { section, counter } = party(mapped(await domain.open(domain.data.share)));
  serveRaces(portToStarter(), section, counter);
}
