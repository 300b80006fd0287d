// SPDX-License-Identifier: MIT
/** Scene for heaps.test.ts. */
import { dieAsTold, keep, play, say } from './actor.mjs';

await play({
  /** Adds one, then dies. */
  async author(domain, { name }) {
    keep(domain.addHeap({ name, allocate: (size, options) => domain.alloc(size, options) }));
    say('added');
    await dieAsTold();
  },
});
