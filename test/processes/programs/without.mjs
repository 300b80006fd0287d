// SPDX-License-Identifier: MIT
/** Where processes do not work, threads do; and who asks for processes is told what to do. Prints what came of it. */
import { DmaBufError, Domain } from 'dmabuf';

/** @param {() => Promise<unknown>} call */
async function outcome(call) {
  try {
    await call();
    return 'done';
  } catch (error) {
    return DmaBufError.is(error) ? error.message : String(error);
  }
}

const heap = Number(process.argv[3] ?? 2 ** 20);
console.log(await outcome(() => Domain.create({ processes: true, heap })));
console.log(await outcome(() => Domain.join('/nowhere/dmabuf.sock')));
const { processes } = Domain.support();
console.log(processes.ok ? 'supported' : `${processes.why}: ${processes.remedy}`);

const domain = await Domain.create({ heap: 2 ** 20 });
if (process.argv[2] !== 'alone') {
  const echo = new URL('../../threads/programs/echo-once.mjs', import.meta.url);
  await domain.spawn(echo);
  const buf = domain.alloc(4096);
  await domain.channel('ping').send(buf, { tag: 7 });
  const job = await domain.channel('pong').receive();
  console.log(`echo ${job.tag}`);
  job.done();
  buf.close();
}
await domain.close();
