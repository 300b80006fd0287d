// SPDX-License-Identifier: MIT
/** A domain of processes where the engine has no memory of WebAssembly to give: frames to and fro, and a thread that is refused. */
import { Domain } from 'dmabuf';

const FRAMES = 50;

const domain = await Domain.create({ processes: true, heap: 2 ** 20 });
const child = await domain.spawn(new URL('maker-child.mjs', import.meta.url), { as: 'process' });
const frame = domain.alloc(4096);
const [ping, pong] = [domain.channel('ping'), domain.channel('pong')];
for (let tag = 0; tag < FRAMES; tag++) {
  await ping.send(frame, { tag });
  (await pong.receive()).done();
}
console.log(`${FRAMES} frames, awaiting`);
for (let tag = 0; tag < FRAMES; tag++) {
  ping.sendSync(frame, { tag });
  pong.receiveSync().done();
}
console.log(`${FRAMES} frames, blocking`);
const thread = domain.spawn(new URL('../../threads/programs/echo-once.mjs', import.meta.url));
const refused = await thread.catch((error) => error);
console.log(refused.message ?? 'a thread was started');
ping.end();
await child.gone;
frame.close();
await domain.close();
console.log('the last line');
