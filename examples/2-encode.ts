// SPDX-License-Identifier: MIT
// 2. The encoder: takes each frame when its filters are through.
import { DmaBufError, Domain } from 'dmabuf';
import { sink } from './helpers.js';

await using domain = await Domain.join();
for await (using job of domain.channel('encode')) {
  try {
    const cpu = await job.cpuAccess('read', { timeout: 10_000 });
    sink.write(cpu.bytes, job.tag);
    job.done();
  } catch (error) {
    if (!DmaBufError.is(error)) throw error;
    sink.repeatLast(job.tag); // ECANCELED: a filter threw; EOWNERDEAD: it died
  }
}
