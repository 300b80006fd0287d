// SPDX-License-Identifier: MIT
/** Scenes for fence-race.test.ts. */
import { Fence } from 'dmabuf';
import { hear, play, say } from './actor.mjs';
import { openBoard } from './board.mjs';

/** Where a thread publishes its current fence: a version (odd = being written, 0 = none) and the three numbers of its name. */
const WORDS = 4;

function publish(board, seat, fence) {
  const at = seat * WORDS;
  const [point] = fence.toJSON().points;
  Atomics.add(board, at, 1);
  for (const [n, part] of point.entries()) Atomics.store(board, at + 1 + n, part);
  Atomics.add(board, at, 1);
}

/** The fence published there, if it is still the published one when it has been taken over. */
function obtain(domain, board, seat) {
  const at = seat * WORDS;
  const version = Atomics.load(board, at);
  if (version === 0 || version % 2 === 1) return null;
  const point = [1, 2, 3].map((n) => Atomics.load(board, at + n));
  if (Atomics.load(board, at) !== version) return null;
  const fence = Fence.from(domain, { dmabuf: 'fence', points: [point], mode: 'all' });
  return Atomics.load(board, at) === version ? fence : null;
}

/** Waits, then for the callback: its bell may ring after the wait has seen the fence signalled. It comes, and comes once. */
async function checkCallback(theirs, sync) {
  let calls = 0;
  const called = new Promise((resolve) => {
    theirs.onSignal(() => {
      calls += 1;
      resolve();
    });
  });
  if (sync) theirs.waitSync();
  else await theirs.wait();
  await called;
  await new Promise((resolve) => setImmediate(resolve));
  if (calls !== 1) throw new Error(`the callback has run ${calls} times`);
}

await play({
  async race(domain, { seat, rounds, signalFirst, sync }) {
    const shared = openBoard(domain, await hear());
    const { words: board } = shared;
    const timeline = domain.timeline(`racer ${seat}`);
    let met = 0;
    say('ready');
    await hear();
    for (let round = 0; round < rounds; round++) {
      const mine = timeline.next();
      publish(board, seat, mine);
      const theirs = obtain(domain, board, 1 - seat);
      if (signalFirst) timeline.signal(mine);
      if (theirs !== null) {
        met += 1;
        const checked = checkCallback(theirs, sync && signalFirst);
        if (!signalFirst) timeline.signal(mine);
        await checked;
      } else if (!signalFirst) timeline.signal(mine);
    }
    timeline.close();
    shared.close();
    say('met', met);
  },
});
