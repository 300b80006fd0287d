// SPDX-License-Identifier: MIT
/** A thread that has a process, which holds a lock. */
import { once } from 'node:events';
import { hear, play, say } from '../../threads/workers/actor.mjs';

const DEATH = new URL('../../threads/workers/death.mjs', import.meta.url);

await play({
  async parent(domain, { buffers }) {
    const data = { scene: 'holder', what: 'lock', buffers };
    const child = await domain.spawn(DEATH, { as: 'process', name: 'nested', data });
    const ready = once(child.host, 'message');
    child.host.send('go');
    await ready;
    say('ready', child.id);
    await hear();
    await child.gone;
  },
});
