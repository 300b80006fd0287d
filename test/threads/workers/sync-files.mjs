// SPDX-License-Identifier: MIT
/** Scenes with sync files: for test/kernel/sync.test.ts, test/kernel/sw-sync.test.ts and sync-files.test.ts. */
import { SyncFile } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { dieAsTold, hear, keep, play, say } from './actor.mjs';
import { openBoard } from './board.mjs';

/** Points of a timeline of one's own, 1 to `rounds`, as shares. */
function points(timeline, rounds) {
  return Array.from({ length: rounds }, (_, n) => {
    const file = timeline.createFence(n + 1);
    const share = file.share();
    file.close();
    return share;
  });
}

/** Opens each in turn, waits for it, and goes on. */
function eachPoint(domain, shares, then) {
  for (const share of shares) {
    const file = SyncFile.open(domain, share);
    file.waitSync();
    if (file.status !== 1) throw new Error(`the point has status ${file.status}`);
    file.close();
    then();
  }
}

await play({
  /** Its turn comes with its points; says what it found in the counter. */
  async turns(domain) {
    const { board: share, shares } = await hear();
    const board = openBoard(domain, share);
    eachPoint(domain, shares, () => say('turn', Atomics.add(board.words, 0, 1)));
    board.close();
  },

  /** Counts every point that it wakes for. */
  async counts(domain) {
    const { board: share, shares } = await hear();
    const board = openBoard(domain, share);
    eachPoint(domain, shares, () => void Atomics.add(board.words, 0, 1));
    board.close();
  },

  /** A producer: waits for the consumer's points, counts, and moves its own timeline on. */
  async produces(domain, { rounds }) {
    const timeline = SoftwareTimeline.create(domain, 'producer');
    say('points', points(timeline, rounds));
    const { board: share, shares } = await hear();
    const board = openBoard(domain, share);
    eachPoint(domain, shares, () => {
      Atomics.add(board.words, 0, 1);
      timeline.inc(1);
    });
    say('done');
    await hear();
    board.close();
    timeline.close();
  },

  /** Has a timeline, which it moves on when it is told to. */
  async child(domain) {
    const timeline = SoftwareTimeline.create(domain, 'child');
    say('points', points(timeline, 1));
    await hear();
    timeline.inc(1);
    await hear();
    timeline.close();
  },

  /** Opens what it is told, says how it stands, and closes it when it is told to. */
  async opens(domain) {
    const file = SyncFile.open(domain, await hear());
    say('open', { id: file.id, name: file.name, status: file.status });
    await hear();
    say('status', file.status);
    await hear();
    file.close();
  },

  /** Has a sync file of its own, shared and open, and one of ours; dies with them. */
  async dies(domain) {
    const timeline = keep(SoftwareTimeline.create(domain, 'doomed'));
    const own = keep(timeline.createFence(1, 'own'));
    keep(SyncFile.open(domain, await hear()));
    say('points', [own.share(), own.share()]);
    await dieAsTold();
  },
});
