// SPDX-License-Identifier: MIT
// 4. The filter: a process of its own. It may be killed at any time.
import { Domain } from 'dmabuf';
import { blur } from './helpers.js';

await using domain = await Domain.join(); // finds the domain that spawned this process
for await (using job of domain.channel(domain.data as string)) {
  const cpu = await job.cpuAccess('read-write');
  blur(cpu.bytes, 0, 1);
  job.done();
}
