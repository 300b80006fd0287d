// SPDX-License-Identifier: MIT
/** Scenes for containers.test.ts. */
import { Fence, FenceChain } from 'dmabuf';
import { dieAsTold, keep, play, say, sayWaiting } from './actor.mjs';

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
});
