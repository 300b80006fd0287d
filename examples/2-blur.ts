// SPDX-License-Identifier: MIT
// 2. A filter: blurs its band of each frame.
import { Domain } from 'dmabuf';
import { blur } from './helpers.js';

await using domain = await Domain.join();
const { band, of } = domain.data as { band: number; of: number };
for await (using job of domain.channel(`blur ${band}`)) {
  const cpu = await job.cpuAccess('read-write');
  blur(cpu.bytes, band, of);
  job.done(); // a throw or a kill before done(): the frame is known to be bad
}
