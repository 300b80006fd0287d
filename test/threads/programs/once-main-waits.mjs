// SPDX-License-Identifier: MIT
/** The thread of waits-for-thread.mjs: sends when it is told that main waits. */
import { Domain } from 'dmabuf';

const domain = await Domain.join();
const told = await domain.channel('main waits').receive();
await domain.channel('lane').send(told.buf, { tag: 7 });
told.done();
await domain.close();
