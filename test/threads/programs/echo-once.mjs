// SPDX-License-Identifier: MIT
/** The thread of closes.mjs. It leaves its domain by ending. */
import { Domain } from 'dmabuf';

const domain = await Domain.join();
const job = await domain.channel('ping').receive();
await domain.channel('pong').send(job.buf, { tag: job.tag });
job.done();
await domain.close();
