// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/buf-world — agents with the rooms up to buffers, for models of buffers and of the heap.
 *
 * A thread builds its rooms in its first block, so that making them is no part of what is explored.
 */

import { Buffers, bufferSections } from '../../dist/buf/index.js';
import { Fences, fenceSections } from '../../dist/fence/index.js';
import { Reservations, reservationSections } from '../../dist/resv/index.js';
import { makeWorld } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Agent} from '../../dist/agent/index.js' */
/** @import {SharedExporter} from '../../dist/buf/index.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {World} from './world.mjs' */

/** Words that never change while anybody looks, or that nobody but their writer looks at in these models. */
const QUIET =
  /^(header|control)|\.(idHigh|idLow|size|flags|exporterName|names|nameVersion|resv|moveGen|name|pid|kind|member|start|watched|pad|lost)/;

/** @param {readonly Section[]} sections @param {Partial<Limits>} [limits] @returns {World} */
export function makeBufWorld(sections = [], limits = {}) {
  const all = [...fenceSections, ...reservationSections, ...bufferSections, ...sections];
  return makeWorld(all, { agents: 5, buffers: 2, waitRows: 2, ...limits });
}

/**
 * The calling thread's rooms. `heap`: what to do in place of the system heap.
 * @param {World} world @param {Env} env @param {(agent: Agent, buffers: Buffers) => SharedExporter | null} heap
 */
export function joinRooms(world, env, heap) {
  return env.atomic(() => {
    const agent = world.join(env);
    const fences = new Fences(agent);
    const buffers = new Buffers(agent, fences, new Reservations(agent, fences));
    const own = heap(agent, buffers);
    if (own !== null) buffers.registerHeap(own);
    return { agent, buffers };
  });
}

/** @param {World} world @returns {(array: unknown, index: number) => boolean} */
export function quietWords(world) {
  const { words } = world.arena;
  const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));
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
