// SPDX-License-Identifier: MIT
/** A process joins the domain and takes the frame that waits for it in a channel. */

import { once } from 'node:events';
import { measureFirstFrame } from '../lib/first-frame.mjs';
import { consume } from '../lib/frames.mjs';
import { mapped, openLanes } from '../lib/lanes.mjs';
import { createDomain, enterDomain } from '../lib/member.mjs';
import { isOtherParty } from '../lib/process.mjs';
import { sharedClock } from '../lib/timing.mjs';

export async function measure({ size, cpus, from }) {
  const domain = await createDomain('process');
  const { there } = openLanes(domain);
  const frame = mapped(domain.alloc(size));
  frame.words.fill(-1);
  const bring = async (k) => {
    frame.words[0] = k;
    await there.send(frame.buf, { tag: k });
    const member = await domain.spawn(new URL(import.meta.url), { as: 'process', data: { cpus } });
    member.host.send('when?');
    const [times] = await once(member.host, 'message');
    await member.kill();
    return times;
  };
  return measureFirstFrame(bring, { from });
}

async function serve() {
  const asked = sharedClock();
  const domain = await enterDomain();
  const { there } = openLanes(domain);
  const delivery = await there.receive();
  const { words } = mapped(delivery.buf.dup());
  consume(words, delivery.tag);
  const got = sharedClock();
  delivery.done();
  process.on('message', () => process.send({ asked, got }));
}

if (isOtherParty(import.meta.url)) await serve();
