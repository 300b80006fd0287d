// SPDX-License-Identifier: MIT
/**
 * fence — the room's public face.
 *
 * Names of fences in shared memory: `row` (20 bits; row 0 is never handed out, so an all-zero name can mean "none") and
 * `generation` (20 bits, never 0). A `Fence` has both as internal fields, so it is a `Point`. `isSignaled(row, generation)` is
 * right with the full generation only; who keeps fewer bits compares them with `stateOf(row) >>> 12` first (`generationOf`).
 *
 * `Fences`, one per agent:
 *   create(context, seqno, owner = agent.tag): Fence      contexts(n = 1): number (first of n)      timeline(name): Timeline
 *   signal(fence, errorNumber = 0): boolean               signalPoint(row, generation, errorNumber = 0): boolean
 *   isSignaled(row, generation): boolean                  errorOf(row, generation): number (0 = none, pending, or unknown)
 *   stateOf(row): number (with phaseOf, errorIn, generationOf, Phase)
 *   contextOf(row), seqnoOf(row), ownerOf(row): number    as long as the generation is the one you mean: look again afterwards
 *   handle(row, generation): Fence                        waitFor(point): Wait        waitForAny(points): Wait
 *   setOwner(row, generation, tag): void                  owedHere(row, generation): boolean (pending, and this agent must signal)
 *   timelineName(context): string                         registerNames(() => Iterable<Point>): void
 *   inSignalling: number                                  deadlineOf(row, generation): number | null
 *   find({ row, generation }, timeline, seqno): AnyFence (a container, if it names one)
 *   close(): void (clean leave: open timelines fail with ECANCELED)
 * A fence that had failed before it was named anywhere may be recycled at once. Who must name a failed fence creates a new one
 * (same context, seqno), names it, then signals it with the error.
 */
export { AnyFence, type FenceName } from './any-fence.js';
export { Fence } from './fence.js';
export { FenceChain } from './fence-chain.js';
export type { FenceDomain } from './fence-domain.js';
export { FenceSet } from './fence-set.js';
export { Fences } from './fences.js';
export {
  errorIn,
  fenceSections,
  generationOf,
  Phase,
  phaseOf,
} from './layout.js';
export { type NamedPoint, packName, readName } from './name.js';
export type { SyncWaitOptions, WaitOptions } from './options.js';
export type { Point } from './records.js';
export { Timeline } from './timeline.js';
