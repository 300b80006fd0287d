// SPDX-License-Identifier: MIT
/** What the maker has spawned: echoes, until the channel ends. */
import { Domain } from 'dmabuf';

const domain = await Domain.join();
const pong = domain.channel('pong');
for await (const job of domain.channel('ping')) {
  await pong.send(job.buf, { tag: job.tag });
  job.done();
}
await domain.close();
