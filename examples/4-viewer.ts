// SPDX-License-Identifier: MIT
// 4. A viewer: a program of its own, started by anybody of the same user. It looks at twenty pictures.
import { Domain } from 'dmabuf';
import { sink } from './helpers.js';

await using domain = await Domain.join(process.argv[2]);
let seen = 0;
for await (using job of domain.channel('view', { onFull: 'drop-oldest', capacity: 1 })) {
  using cpu = await job.cpuAccess('read');
  sink.write(cpu.bytes, job.tag);
  if (++seen === 20) break;
}
