// SPDX-License-Identifier: MIT
// 2. Four filters on each frame at once, then an encoder; a pool bounds the frames in flight.
import { Channel, Domain } from 'dmabuf';
import { source } from './helpers.js';

await using domain = await Domain.create();
using pool = domain.pool({ name: 'frames', count: 6, size: source.frameBytes });
const bands = [0, 1, 2, 3].map((band) => domain.channel(`blur ${band}`, { capacity: 2 }));
const encode = domain.channel('encode');

for (const band of bands.keys()) {
  await domain.spawn(new URL('./2-blur.ts', import.meta.url), { data: { band, of: bands.length } });
}
const encoder = await domain.spawn(new URL('./2-encode.ts', import.meta.url));

let tag = 0;
for await (const picture of source) {
  using frame = await pool.acquire(); // waits while all six are in use
  {
    using cpu = await frame.cpuAccess('write');
    picture.writeTo(cpu.bytes);
  }
  await Channel.submit(bands, frame, 'write', { tag }); // four fences, one operation
  await Channel.submit([encode], frame, 'read', { tag }); // starts by itself when the four have signalled
  tag++;
}
for (const channel of [...bands, encode]) channel.end();
await encoder.gone;
