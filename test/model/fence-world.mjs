// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/fence-world — agents with fences, in tables so small that a row is used again at once.
 *
 * A thread builds its room in its first block, so that making it is no part of what is explored.
 */

import { DmaBufError } from '../../dist/errors.js';
import { Fence, Fences, fenceSections } from '../../dist/fence/index.js';
import { FenceBlockSection, FenceSection } from '../../dist/fence/layout.js';
import { makeWorld, replaceMethod } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {World} from './world.mjs' */

/** @typedef {Limits & { readonly fenceBlocks?: number }} TinyLimits */

/** Row 0 is never handed out, so the first block has one row, the others two. */
const BLOCK_ROWS = 2;

// Worlds that ask for it get that few blocks; all others keep what they have.
for (const [section, rows] of /** @type {const} */ ([
  [FenceBlockSection, 1],
  [FenceSection, BLOCK_ROWS],
])) {
  const original = section.rows;
  const tiny = (/** @type {TinyLimits} */ limits) =>
    limits.fenceBlocks === undefined ? original(limits) : limits.fenceBlocks * rows;
  replaceMethod(section, 'rows', tiny);
}

/** Words that nobody looks at in these models, or that never change. */
const QUIET = /^header|^slot.*\.(start|pid|kind|member|name|watched|pad|lost)|^timeline/;

/** @param {World} world @returns {(array: unknown, index: number) => boolean} */
export function quietWords(world) {
  const { words } = world.arena;
  const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));
  return (_array, index) => quiet.has(index);
}

/** @param {number} blocks @param {readonly Section[]} [sections] @param {Partial<Limits>} [limits] */
export function makeFenceWorld(blocks, sections = [], limits = {}) {
  /** @type {Partial<TinyLimits>} */
  const tiny = { agents: 6, waitRows: 2, ...limits, fenceBlocks: blocks };
  return makeWorld([...fenceSections, ...sections], tiny);
}

/**
 * The calling thread's fences. It sets its clock itself, so that one signal can be told from another.
 * @param {World} world @param {Env} env
 */
export function joinFences(world, env) {
  return env.atomic(() => {
    const agent = world.join(env);
    const clock = { now: 0 };
    agent.time = () => clock.now;
    return Object.assign(new Fences(agent), { clock });
  });
}

/** When the row's fence signalled: accessed without Atomics. @param {World} world @param {number} row */
export function timeOf(world, row) {
  const { arena } = world;
  const { size, at } = FenceSection.layout;
  const word = arena.base(FenceSection) + row * size + /** @type {number} */ (at['time']);
  return arena.floats.subarray(word >> 1, (word >> 1) + 1);
}

/** Recovers all who are dead, though somebody else may be recovering. @param {ReturnType<typeof joinFences>} fences */
export function recover({ agent: { slots, reapers } }) {
  const left = () => {
    for (let slot = 0; slot < slots.limit; slot++) if (slots.isDead(slot)) return true;
    return false;
  };
  while (left()) if (reapers.sweep().length === 0) reapers.waitForOther(1000);
}

/**
 * What the fence of that name and number turned out to be: 'gone', 'success' or an error.
 * @param {ReturnType<typeof joinFences>} fences @param {{ row: number, generation: number, seqno: number }} name
 */
export function learn(fences, { row, generation, seqno }) {
  const fence = fences.handle(row, generation);
  if (fence === Fence.done) return 'gone';
  if (fence.seqno !== seqno) return `fence ${fence.seqno}`;
  try {
    fence.waitSync();
  } catch (error) {
    if (!DmaBufError.is(error)) throw error;
    if (error.code !== 'EOWNERDEAD' && fence.timestamp !== seqno) return `time ${fence.timestamp}`;
    return error.code;
  }
  return 'success';
}
