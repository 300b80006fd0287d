// SPDX-License-Identifier: MIT
// 1. Threads: hand frames to a worker. Nothing is copied.
import { Domain } from 'dmabuf';

await using domain = await Domain.create();
const worker = await domain.spawn(new URL('./1-worker.ts', import.meta.url));
const frames = domain.channel('frames');

for (let n = 0; n < 3; n++) {
  using frame = domain.alloc(1920 * 1080 * 4, { name: `frame ${n}` });
  {
    using cpu = await frame.cpuAccess('write');
    cpu.bytes.fill(n);
  }
  await frames.send(frame, { tag: n }); // the worker gets a reference of its own; ours ends with this block
}
frames.end();
await worker.gone;
