// SPDX-License-Identifier: MIT
/** A program that makes the domain that the others join: its broker, until it leaves or dies. */
import { Domain } from 'dmabuf';
import { hear, keep, play, say } from '../../threads/workers/actor.mjs';

const make = () =>
  Domain.create({ processes: process.argv[2], heap: 2 ** 22, limits: { agents: 8 } });

await play(
  {
    /** Is there, with nothing of its own, until it is told to leave. */
    async lives(domain) {
      say('ready', domain.agent);
      await hear();
    },

    /** Holds a lock, owes a fence, has sent a message; all are shared. Lives until it is killed. */
    async owns(domain) {
      const [locked, owed] = [1, 2].map(() => keep(domain.alloc(4096)));
      keep(locked.resv.lockSync());
      const lock = owed.resv.lockSync();
      lock.reserve(1);
      lock.add(keep(domain.timeline('maker')).next(), 'write');
      lock.unlock();
      const sent = domain.alloc(4096, { name: 'sent' });
      {
        const cpu = sent.cpuAccessSync('write');
        cpu.bytes.fill(42);
        cpu.end();
      }
      keep(domain.channel('left')).sendSync(sent, { tag: 42 });
      sent.close();
      say('ready', { locked: locked.share(), owed: owed.share() });
      await hear();
    },

    /** Has a process of its own. */
    async spawns(domain) {
      const child = await domain.spawn(new URL('maker-child.mjs', import.meta.url), {
        as: 'process',
        name: 'child',
      });
      say('ready', child.id);
      await hear();
    },
  },
  make,
);
