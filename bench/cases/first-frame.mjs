// SPDX-License-Identifier: MIT
/** A process joins the domain and takes the frame that waits for it in a channel. */

import { measureFirstFrame } from '../lib/first-frame.mjs';
import { consume } from '../lib/frames.mjs';
import { mapped, openLanes } from '../lib/lanes.mjs';
import { createDomain, enterDomain } from '../lib/member.mjs';
import { isOtherParty } from '../lib/process.mjs';
import { sharedClock } from '../lib/timing.mjs';

/** Of the words, where the other party says when it began and when it was done. */
const ASKED = 1;
const GOT = 2;
const timesIn = ({ mapping }) => mapping.as(Float64Array);

export async function measure({ size, cpus, from }) {
  const domain = await createDomain('process');
  const { there, back } = openLanes(domain);
  const frame = mapped(domain.alloc(size));
  frame.words.fill(-1);
  const bring = async (k) => {
    frame.words[0] = k;
    await there.send(frame.buf, { tag: k });
    const member = await domain.spawn(new URL(import.meta.url), { as: 'process', data: { cpus } });
    const returned = await back.receive();
    returned.done();
    const times = timesIn(frame);
    const seen = { asked: times[ASKED], got: times[GOT] };
    await member.kill();
    return seen;
  };
  return measureFirstFrame(bring, { from });
}

async function serve() {
  const asked = sharedClock();
  const domain = await enterDomain();
  const { there, back } = openLanes(domain);
  const delivery = await there.receive();
  const frame = mapped(delivery.buf.dup());
  consume(frame.words, delivery.tag);
  const got = sharedClock();
  timesIn(frame).set([asked, got], ASKED);
  await back.send(delivery.buf, { tag: delivery.tag });
  delivery.done();
}

if (isOtherParty(import.meta.url)) await serve();
