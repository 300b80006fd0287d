// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/fence-world — agents with fences, in tables so small that a row is used again at once.
 *
 * A thread builds its room in its first block, so that making it is no part of what is explored.
 */

import { FenceBlockSection, FenceSection } from '../../dist/fence/layout.js';
import { Fences, fenceSections } from '../../dist/fence/index.js';
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

/** When the rows' fences signalled: accessed without Atomics. @param {World} world @param {number} rows */
export function timesOf(world, rows) {
  const { arena } = world;
  const { size, at } = FenceSection.layout;
  return Array.from({ length: rows }, (_, row) => {
    const word = arena.base(FenceSection) + row * size + /** @type {number} */ (at['time']);
    return arena.floats.subarray(word >> 1, (word >> 1) + 1);
  });
}
