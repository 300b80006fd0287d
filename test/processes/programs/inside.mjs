// SPDX-License-Identifier: MIT
/** A process that has a thread, which has something; the thread ends, or the process with it. */
import { once } from 'node:events';
import { hear, keep, play, say } from '../../threads/workers/actor.mjs';

const DEATH = new URL('../../threads/workers/death.mjs', import.meta.url);

await play({
  /** Has a lock, and a thread that holds another. */
  async both(domain, { mine, inner }) {
    const own = keep(domain.openSync(mine));
    const lock = keep(own.resv.lockSync());
    const data = { scene: 'holder', what: 'lock', buffers: [inner] };
    const thread = await domain.spawn(DEATH, { name: 'inner', data });
    const ready = once(thread.host, 'message');
    thread.host.postMessage('go');
    await ready;
    say('ready');
    for (let told = await hear(); told !== 'end'; told = await hear()) {
      if (told === 'terminate') await thread.kill();
      else {
        thread.host.on('error', () => {});
        thread.host.postMessage(told);
        await thread.gone;
      }
      say('over', domain.snapshot().members.length);
    }
    lock.unlock();
    own.close();
  },
});
