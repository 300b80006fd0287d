// SPDX-License-Identifier: MIT
/** A frame through two channels and back, both threads with blocking calls. */
import { isMainThread } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { consume, DEPTH } from '../lib/frames.mjs';
import { checkTag, importer, openLanes, ownFrames } from '../lib/lanes.mjs';
import { enterDomain, startMember } from '../lib/member.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus }) {
  const domain = await Domain.create();
  const { there, back } = openLanes(domain);
  const frames = ownFrames(domain, size);
  await startMember(domain, import.meta.url, { cpus });
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
if (!isMainThread) await serve();
