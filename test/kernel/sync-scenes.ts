// SPDX-License-Identifier: MIT
/** What the kernel's tests of sync files have in common: looking at them, and the scenes with threads. */
import type { Domain } from 'dmabuf';
import { SyncFile, type SyncShare } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { expect } from 'vitest';
import { Actor } from '../threads/support/actor.js';
import { Board } from '../threads/support/board.js';
import { choices } from '../threads/support/random.js';
import { turnsUntil } from '../threads/support/turns.js';

/** What sync_wait(0) says. */
export const over = async (file: SyncFile): Promise<boolean> => {
  try {
    await file.wait({ timeout: 0 });
  } catch (error) {
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    return false;
  }
  return true;
};

/** How many of its fences are active, and how many have signalled. */
export function counts(file: SyncFile): { readonly active: number; readonly signaled: number } {
  const { fences } = file.info({ fences: file.info().count });
  const active = fences.filter(({ status }) => status === 0).length;
  return { active, signaled: fences.length - active };
}

export const shut = (...open: readonly Disposable[]): void => {
  for (const each of open) each[Symbol.dispose]();
};

/** One timeline; each thread waits for its points, in turn, and asks for the next step. */
export async function takeTurns(shared: Domain, threads: number, rounds: number): Promise<void> {
  using timeline = SoftwareTimeline.create(shared);
  using board = new Board(shared);
  const actors = await Promise.all(
    Array.from({ length: threads }, () => Actor.start(shared, 'sync-files.mjs', 'turns')),
  );
  for (const [seat, actor] of actors.entries()) {
    const shares = Array.from({ length: rounds }, (_, round) => {
      using file = timeline.createFence(round * threads + seat);
      return file.share();
    });
    actor.tell({ board: board.share(), shares });
  }
  for (let turn = 0; turn < threads * rounds; turn++) {
    expect(await actors[turn % threads]?.hear('turn')).toBe(turn);
    timeline.inc(1);
  }
  await Promise.all(actors.map((actor) => actor.finished()));
  expect(board.words[0]).toBe(threads * rounds);
}

/** Each thread has a timeline; we wait for a merge of their points, look, and move ours on. */
export async function consume(
  shared: Domain,
  how: 'blocking' | 'polling',
  threads: number,
  rounds: number,
): Promise<void> {
  using timeline = SoftwareTimeline.create(shared, 'consumer');
  using board = new Board(shared);
  const actors = await Promise.all(
    Array.from({ length: threads }, () =>
      Actor.start(shared, 'sync-files.mjs', 'produces', { rounds }),
    ),
  );
  const points = await Promise.all(
    actors.map(async (actor) => (await actor.hear('points')) as SyncShare[]),
  );
  for (const actor of actors) {
    const shares = Array.from({ length: rounds }, (_, round) => {
      using file = timeline.createFence(round);
      return file.share();
    });
    actor.tell({ board: board.share(), shares });
  }
  for (let round = 0; round < rounds; round++) {
    const files = points.map((of) => SyncFile.open(shared, of[round] as SyncShare));
    let merged = files[0]?.dup() as SyncFile;
    for (const file of files.slice(1)) {
      const next = merged.merge(file, 'merged');
      merged.close();
      merged = next;
    }
    if (how === 'blocking') merged.waitSync({ timeout: 10_000 });
    else await turnsUntil(() => merged.poll());
    expect([merged.status, Atomics.load(board.words, 0)]).toEqual([1, threads * (round + 1)]);
    shut(merged, ...files);
    timeline.inc(1);
  }
  for (const actor of actors) {
    await actor.hear('done');
    actor.tell('go');
  }
  await Promise.all(actors.map((actor) => actor.finished()));
}

/** Points of 32 timelines, merged one after the other; then each timeline comes to its last. */
export async function mergeAtRandom(domain: Domain, merges: number): Promise<void> {
  const random = choices(0x5eed);
  const timelines = Array.from({ length: 32 }, () => SoftwareTimeline.create(domain));
  const latest = new Map<number, number>();
  let merged = SyncFile.create(domain, SoftwareTimeline.create(domain).createFence(0).fence);
  for (let n = 0; n < merges; n++) {
    const which = random(timelines.length);
    const value = 1 + random(0x7fff_fffe);
    latest.set(which, Math.max(value, latest.get(which) ?? 0));
    using point = timelines[which]?.createFence(value) as SyncFile;
    const next = merged.merge(point, 'merge');
    merged.close();
    merged = next;
  }
  expect(counts(merged)).toEqual({ active: latest.size, signaled: 0 });
  for (const [which, value] of latest) {
    expect(await over(merged)).toBe(false);
    timelines[which]?.inc(value);
  }
  expect(await over(merged)).toBe(true);
  shut(merged, ...timelines);
}
