// SPDX-License-Identifier: MIT
// 4. Processes: a filter in a process of its own, and viewers that anybody may start. kill -9 of the filter loses one picture.
import { Channel, DmaBufError, Domain } from 'dmabuf';
import { source } from './helpers.js';

// A path, so that programs that we do not start can join: see 4-viewer.ts.
await using domain = await Domain.create({ processes: process.argv[2] as string });
domain.on('member-lost', (e) => console.log(`${e.member} died: ${e.buffers} buffers recovered`));

let lives = 0;
async function start() {
  const data = `blur ${++lives}`; // a channel for each: what is left in the old one is nobody's
  const script = new URL('./4-filter.ts', import.meta.url);
  const filter = await domain.spawn(script, { as: 'process', name: 'filter', data });
  console.log(`filter ${filter.id}`);
  return { filter, blur: domain.channel(data) };
}

let { filter, blur } = await start();
const view = domain.channel('view', { onFull: 'drop-oldest', capacity: 1 });
using pool = domain.pool({ name: 'frames', count: 4, size: source.frameBytes });
const ctrlC = new AbortController();
process.on('SIGINT', () => ctrlC.abort());

while (!ctrlC.signal.aborted) {
  let tag = 0;
  for await (const picture of source) {
    using frame = await pool.acquire({ timeout: 5000 });
    {
      using cpu = await frame.cpuAccess('write');
      picture.writeTo(cpu.bytes);
    }
    try {
      const [done] = await Channel.submit([blur], frame, 'write', { tag });
      await done.wait({ timeout: 5000 });
      view.trySend(frame, { tag }); // nobody looks? the older one makes room
    } catch (error) {
      if (!DmaBufError.is(error)) throw error; // it died (EOWNERDEAD, EPIPE), or hangs (ETIMEDOUT)
      console.log(`picture lost: ${error.code}`);
      await filter.kill(); // harmless if it is dead; what it held is free when this resolves
      blur.close();
      ({ filter, blur } = await start());
    }
    tag++;
  }
}
for (const channel of [blur, view]) channel.end();
await filter.gone;
