// SPDX-License-Identifier: MIT
/** A frame through two channels and back, both parties with blocking calls. */
import { consume, DEPTH } from '../lib/frames.mjs';
import { checkTag, importer, openLanes, ownFrames } from '../lib/lanes.mjs';
import { createDomain, enterDomain, startMember } from '../lib/member.mjs';
import { isOtherParty } from '../lib/process.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus, as }) {
  const domain = await createDomain(as);
  const { there, back } = openLanes(domain);
  const frames = ownFrames(domain, size);
  await startMember(domain, import.meta.url, { cpus }, as);
  let next = 0;
  return {
    blocking: true,
    roundTrip() {
      const tag = next++;
      const { buf, words } = frames[tag % DEPTH];
      words[0] = tag;
      there.sendSync(buf, { tag });
      const returned = back.receiveSync();
      checkTag(returned, tag);
      returned.done();
    },
  };
}

async function serve() {
  const domain = await enterDomain();
  const { there, back } = openLanes(domain);
  const wordsOf = importer();
  for (;;) {
    const delivery = there.receiveSync();
    const { buf, tag } = delivery;
    consume(wordsOf(buf), tag);
    back.sendSync(buf, { tag });
    delivery.done();
  }
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
