// SPDX-License-Identifier: MIT
/** race_signal_callback of the kernel's st-dma-fence.c on two real threads, bounded by counts instead of time. */
import { expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { Board } from './support/board.js';
import { withDomain } from './support/with-domain.js';

const ROUNDS = 3000;

for (const [signalFirst, sync] of [
  [false, false],
  [true, false],
  [true, true],
] as const) {
  const when = signalFirst ? 'before' : 'after';
  const how = sync ? 'blocking' : 'awaiting';
  test(`race_signal_callback: own fence signalled ${when} the callback is added, ${how}`, () =>
    withDomain({}, async (domain) => {
      using board = new Board(domain);
      const actors = await Promise.all(
        [0, 1].map((seat) =>
          Actor.start(domain, 'fences.mjs', 'race', { seat, rounds: ROUNDS, signalFirst, sync }),
        ),
      );
      for (const actor of actors) {
        actor.tell(board.share());
        await actor.hear('ready');
      }
      for (const actor of actors) actor.tell('go');
      const met = await Promise.all(actors.map((actor) => actor.hear('met')));
      await Promise.all(actors.map((actor) => actor.finished()));
      // Two threads that never met would have tested nothing.
      expect(Math.max(...met.map(Number))).toBeGreaterThan(ROUNDS / 10);
    }));
}
