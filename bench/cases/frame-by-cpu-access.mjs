// SPDX-License-Identifier: MIT
/**
 * A frame there and back the way the first page of the manual does it: CPU access begun and ended
 * around every write and every read, nothing kept from one frame to the next.
 */
import { consume, DEPTH } from '../lib/frames.mjs';
import { checkTag, openLanes } from '../lib/lanes.mjs';
import { createDomain, enterDomain, startMember } from '../lib/member.mjs';
import { isOtherParty } from '../lib/process.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus, as }) {
  const domain = await createDomain(as);
  const { there, back } = openLanes(domain);
  const frames = Array.from({ length: DEPTH }, () => domain.alloc(size));
  for (const frame of frames) {
    const cpu = await frame.cpuAccess('write');
    cpu.bytes.fill(255);
    cpu.end();
  }
  await startMember(domain, import.meta.url, { cpus }, as);
  let next = 0;
  return {
    async roundTrip() {
      const tag = next++;
      const frame = frames[tag % DEPTH];
      const cpu = await frame.cpuAccess('write');
      cpu.as(Int32Array)[0] = tag;
      cpu.end();
      await there.send(frame, { tag });
      const returned = await back.receive();
      checkTag(returned, tag);
      returned.done();
    },
  };
}

async function serve() {
  const domain = await enterDomain();
  const { there, back } = openLanes(domain);
  for (;;) {
    const delivery = await there.receive();
    const { buf, tag } = delivery;
    const cpu = await delivery.cpuAccess('read');
    consume(cpu.as(Int32Array), tag);
    await back.send(buf, { tag });
    delivery.done();
  }
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
