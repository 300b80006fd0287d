// SPDX-License-Identifier: MIT
// 1. The worker: reads what it is handed.
import { Domain } from 'dmabuf';

await using domain = await Domain.join(); // finds the domain that spawned this worker
for await (using job of domain.channel('frames')) {
  using cpu = await job.cpuAccess('read');
  console.log(`frame ${job.tag}: first byte ${cpu.bytes[0]}`);
}
