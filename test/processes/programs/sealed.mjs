// SPDX-License-Identifier: MIT
/** Makes a sealed buffer, or reads one that it is sent, and does what it may not do. */
import { allocSealed } from 'dmabuf';
import { hear, keep, play, say } from '../../threads/workers/actor.mjs';
import { footprint } from '../support/footprint.mjs';

/** The code of what a call throws, or rejects with. */
async function codeOf(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return error.code;
  }
}

/** All bytes are this one. */
function only(bytes, byte) {
  return bytes.every((each) => each === byte);
}

await play({
  /** Makes one, fills it, sends it, and lives. */
  async maker(domain, { size, shares }) {
    const buf = keep(await allocSealed(domain, size, { name: 'sealed' }));
    const cpu = buf.cpuAccessSync('write');
    cpu.bytes.fill(7);
    cpu.end();
    say(
      'ready',
      Array.from({ length: shares }, () => buf.share()),
    );
    for (let told = await hear(); told !== 'end'; told = await hear()) {
      const access = buf.cpuAccessSync('write');
      access.bytes.fill(told);
      access.end();
      say('filled');
    }
    buf.close();
  },

  /** Opens what it is sent, when it is told to. */
  async reader(domain, { share, sync }) {
    const buf = keep(await domain.open(share));
    say('ready', footprint().descriptors);
    for (let told = await hear(); told !== 'end'; told = await hear()) {
      if (told === 'write') {
        const cpu = buf.cpuAccessSync('read');
        cpu.bytes[0] = 1;
        say('survived');
      }
      const read = async () => {
        const cpu = sync ? buf.cpuAccessSync('read') : await buf.cpuAccess('read');
        const found = only(cpu.bytes, told);
        cpu.end();
        if (!found) throw new Error('it has other bytes');
      };
      const attach = async () => {
        const attached = await buf.attach('display');
        try {
          await attached.map('bidirectional');
        } finally {
          attached[Symbol.dispose]();
        }
      };
      say('tried', {
        read: await codeOf(read),
        write: await codeOf(() => buf.cpuAccess('write')),
        map: await codeOf(attach),
        descriptors: footprint().descriptors,
      });
    }
    buf.close();
  },
});
