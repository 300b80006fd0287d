// SPDX-License-Identifier: MIT
/**
 * syncobj/waiting — until all objects, or one of them, have come to their points.
 *
 * A wait sleeps for two kinds of changes: a pending fence signals, in whichever agent, or somebody of this agent puts a fence in. It ends
 * with an error when nobody can do the latter any more, and when its client is closed.
 *
 * @source drm_syncobj_array_wait_timeout
 */

import { type Operation, until, type Wait } from '../agent/index.js';
import { fail } from '../errors.js';
import type { Fences, Point } from '../fence/index.js';
import type { ClientState } from './client-state.js';
import type { WaitFlags } from './options.js';
import type { Sample } from './sample.js';
import { wakeKey } from './wake.js';

/** @returns which one was over first: the lowest index; -1: nothing was to be waited for */
export function* waitFor(
  op: string,
  state: ClientState,
  samples: readonly Sample[],
  flags: WaitFlags,
): Operation<number> {
  const { fences } = state;
  if (samples.length === 0) return -1;
  if (!flags.forSubmit && !flags.available) checkSubmitted(op, samples);
  try {
    for (const sample of samples) sample.begin();
    for (;;) {
      const over = samples.map((sample) => sample.isOver(flags.available));
      if (flags.all ? !over.includes(false) : over.includes(true)) return over.indexOf(true);
      state.use(op);
      const pending = samples.filter((_, index) => over[index] === false);
      checkHope(op, pending, flags);
      const blockers = pending.map(({ fence }) => fence?.blockers() ?? null);
      // It has signalled since it was asked.
      if (blockers.some((points) => points?.length === 0)) continue;
      const points = blockers.flatMap((of) => of ?? []);
      const awaited = pending.filter(({ fence, lost }) => fence === null && !lost);
      const changed = (): boolean =>
        state.closed || awaited.some(({ fence, lost }) => fence !== null || lost);
      yield* until(waitOn(fences, points, changed), op, { objects: samples.length });
    }
  } finally {
    for (const sample of samples) sample.end();
  }
}

/** Until one of these has signalled, or something has changed in this agent. */
function waitOn(fences: Fences, points: readonly Point[], changed: () => boolean): Wait {
  const here = points.every(({ row, generation }) => fences.owedHere(row, generation));
  const holds = (): boolean =>
    changed() || points.some(({ row, generation }) => fences.isSignaled(row, generation));
  const wait = fences.waitOn(points, holds, here);
  return {
    keys: [...wait.keys, wakeKey(fences.agent)],
    unpolled: here,
    ready: () => wait.ready(),
    arm: () => wait.arm(),
    check: () => wait.check(),
    disarm: () => wait.disarm(),
  };
}

/** @throws EINVAL */
function checkSubmitted(op: string, samples: readonly Sample[]): void {
  const index = samples.findIndex(({ fence }) => fence === null);
  const missing = samples[index];
  if (missing === undefined) return;
  const why = 'nobody has put that fence in yet: wait with { forSubmit: true }, or put it in first';
  throw fail('EINVAL', op, { index, point: missing.point }, { why });
}

/** @throws ESTALE this could never end */
function checkHope(op: string, pending: readonly Sample[], flags: WaitFlags): void {
  const lost = pending.filter((sample) => sample.lost).length;
  if (lost === 0 || (!flags.all && lost < pending.length)) return;
  const why = 'the object was destroyed before a fence was put in, and nobody can do that any more';
  throw fail('ESTALE', op, { objects: lost }, { why });
}
