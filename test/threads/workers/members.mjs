// SPDX-License-Identifier: MIT
/** Scenes for members.test.ts. */
import { isMainThread, threadId } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { dieAsTold, hear, keep, play, say } from './actor.mjs';

await play({
  /** Tells who it is. */
  async report(domain, data) {
    const id = isMainThread ? process.pid : threadId;
    say('report', { agent: domain.agent, name: domain.name, id, data });
    await hear();
  },

  async live() {
    await hear();
  },

  /** Has two locks, three fences and two buffers, then dies. */
  async owner(domain, { buffers }) {
    for (const share of buffers) keep(keep(domain.openSync(share)).resv.lockSync());
    const timeline = keep(domain.timeline('owner'));
    for (let n = 0; n < 3; n++) keep(timeline.next());
    say('ready');
    await dieAsTold();
  },

  /** Joins once more, in the same thread. */
  async twice(domain, { leave, buffers }) {
    const [share] = buffers;
    const second = keep(await Domain.join());
    const mine = keep(second.openSync(share));
    say('joined', [domain.agent, second.agent]);
    await hear();
    if (!leave) await dieAsTold();
    mine.close();
    await second.close();
    // The first one still works.
    domain.alloc(4096).close();
    say('left');
    await hear();
  },

  /** Is a starter itself. */
  async starter(domain) {
    const child = await domain.spawn(new URL('./members.mjs', import.meta.url), {
      name: 'grandchild',
      data: { scene: 'live' },
    });
    say('started', child.name);
    await hear();
  },
});
