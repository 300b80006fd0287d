// SPDX-License-Identifier: MIT
/** A frame through two channels and back, both parties with promises. */
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
  let sent = 0;
  let returned = 0;
  const send = async () => {
    const tag = sent++;
    const { buf, words } = frames[tag % DEPTH];
    words[0] = tag;
    await there.send(buf, { tag });
  };
  const receive = async () => {
    const delivery = await back.receive();
    checkTag(delivery, returned++);
    delivery.done();
  };
  return {
    async roundTrip() {
      await send();
      await receive();
    },
    async pipeline(ms) {
      const end = performance.now() + ms;
      const first = returned;
      while (performance.now() < end) {
        if (sent - returned === DEPTH) await receive();
        await send();
      }
      for (let left = sent - returned; left > 0; left--) await receive();
      return returned - first;
    },
  };
}

async function serve() {
  const domain = await enterDomain();
  const { there, back } = openLanes(domain);
  const wordsOf = importer();
  for (;;) {
    const delivery = await there.receive();
    const { buf, tag } = delivery;
    consume(wordsOf(buf), tag);
    await back.send(buf, { tag });
    delivery.done();
  }
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
