// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/buf-world — agents with buffers, for models of buffers and of the heap.
 *
 * Reservations are not what these models are about, and their tables are large: buffers here have none. A thread builds its
 * rooms in its first block, so that making them is no part of what is explored.
 */

import { CallSection } from '../../dist/agent/index.js';
import { Buffers, bufferSections } from '../../dist/buf/index.js';
import { makeWorld, replaceMethod } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Agent} from '../../dist/agent/index.js' */
/** @import {SharedExporter} from '../../dist/buf/index.js' */
/** @import {Fences} from '../../dist/fence/index.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {Reservations} from '../../dist/resv/index.js' */
/** @import {World} from './world.mjs' */

/** Words that never change while anybody looks, or that nobody but their writer looks at in these models. */
const QUIET =
  /^header|\.(idHigh|idLow|size|flags|exporterName|names|nameVersion|resv|moveGen|queues|pool|name|pid|kind|member|start|watched|pad|lost)|\.(agents|attached)\+[2-7]|^call|\.inbox|\.callTimeout/;

// Nobody calls anybody here.
replaceMethod(CallSection, 'rows', (/** @type {{agents: number}} */ limits) => limits.agents);

/** @param {readonly Section[]} sections @param {Partial<Limits>} [limits] @returns {World} */
export function makeBufWorld(sections = [], limits = {}) {
  const tiny = { agents: 5, buffers: 2, waitRows: 2, ...limits };
  return makeWorld([CallSection, ...bufferSections, ...sections], tiny);
}

const none = /** @type {Fences} */ (/** @type {unknown} */ (null));

/** @returns {Reservations} */
function noReservations() {
  const stand = { registerNamer() {}, reset() {}, retire() {}, of: () => ({}) };
  return /** @type {Reservations} */ (/** @type {unknown} */ (stand));
}

/**
 * The calling thread's rooms. `heap`: what to do in place of the system heap.
 * @param {World} world @param {Env} env @param {(agent: Agent, buffers: Buffers) => SharedExporter | null} heap
 */
export function joinRooms(world, env, heap) {
  return env.atomic(() => {
    const agent = world.join(env);
    const buffers = new Buffers(agent, none, noReservations());
    const own = heap(agent, buffers);
    if (own !== null) buffers.registerHeap(own);
    return { agent, buffers };
  });
}

/** @param {World} world @param {RegExp} [more] @returns {(array: unknown, index: number) => boolean} */
export function quietWords(world, more = QUIET) {
  const { words } = world.arena;
  const isQuiet = (/** @type {string} */ label) => QUIET.test(label) || more.test(label);
  const quiet = new Set([...words.keys()].filter((index) => isQuiet(world.label(index))));
  return (_array, index) => quiet.has(index);
}

/** Recovers all who are dead, though somebody else may be recovering. @param {Agent} agent */
export function recover(agent) {
  const { slots, reapers } = agent;
  const deadLeft = () => {
    for (let index = 0; index < slots.limit; index++) if (slots.isDead(index)) return true;
    return false;
  };
  while (deadLeft()) if (reapers.sweep().length === 0) reapers.waitForOther(1000);
}
