// SPDX-License-Identifier: MIT
/** Scenes for containers.test.ts. */
import { Fence, FenceChain } from 'dmabuf';
import { dieAsTold, hear, keep, play, say, sayWaiting } from './actor.mjs';
import { openBoard } from './board.mjs';
import { choices } from './choices.mjs';

const MAKE = {
  all: (_domain, fences) => Fence.all(fences),
  any: (_domain, fences) => Fence.any(fences),
  chain: (domain, fences) =>
    fences.reduce((previous, fence, i) => FenceChain.append(domain, previous, fence, i + 1), null),
};

await play({
  /** Makes one of what it was given, says its name, and lives until it is told how to die. */
  async maker(domain, { kind, points }) {
    const fences = points.map((name) => Fence.from(domain, name));
    say('made', keep(MAKE[kind](domain, fences)).toJSON());
    await dieAsTold();
  },
  /** Says how its wait ended. */
  async waiter(domain, { fence: name, sync }) {
    const fence = Fence.from(domain, name);
    try {
      await sayWaiting(sync, () => (sync ? fence.waitSync() : fence.wait()));
      say('over', { signaled: fence.signaled, error: fence.error });
    } catch (error) {
      say('over', { signaled: fence.signaled, error: error.code });
    }
  },
  /** Asks for numbers at random while payloads signal, until it is told on the board, where it counts how often it has asked. */
  async finder(domain, { fence: name, seed }) {
    const [chain, random] = [Fence.from(domain, name), choices(seed)];
    const board = openBoard(domain, await hear());
    const { words } = board;
    const last = chain.seqno;
    while (Atomics.load(words, 0) === 0) {
      const wanted = 1 + random(last);
      const found = chain.findSeqno(wanted);
      if (found === null && wanted === last) throw new Error('the end is pending, and not found');
      if (found !== null && found.seqno > wanted) throw new Error(`${wanted} led past itself`);
      if (found?.seqno === wanted && found.findSeqno(wanted) !== found) {
        throw new Error(`link ${wanted} does not lead to itself`);
      }
      Atomics.add(words, 1, 1);
    }
    board.close();
  },
});
